"""`retrograph doctor`: asks every configured server whether it is there, and says what to do where it is not."""

from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.exit_codes import ExitCode
from retrograph.cli.output import print_json, print_table, warn
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Check every server that is configured.

    It says what to do about those that fail. Exit code 3 where one of them is down, 2 where one is configured wrongly,
    or where there is nothing to load from: neither the history services nor a users table.
    """
    raise typer.Exit(run(_doctor(configured(), as_json)))


async def _doctor(settings: "Settings", as_json: bool) -> ExitCode:
    from retrograph.wiring.diagnosis import diagnose, nothing_to_load_from

    findings = await diagnose(settings)
    if as_json:
        print_json(
            [
                {"name": found.name, "where": found.where, "state": found.state, "message": found.message}
                for found in findings
            ]
        )
    else:
        print_table(("", "where", "state"), ((found.name, found.where, found.state) for found in findings))
        for found in findings:
            if found.message:
                warn(f"{found.name}: {found.message}")
    states = {found.state for found in findings}
    if "down" in states:
        return ExitCode.DEPENDENCY_DOWN
    if nothing_to_load_from(settings):
        warn("nothing to load from is configured: set RETROGRAPH_UPSTREAM or RETROGRAPH_USERS_URL")
        return ExitCode.USAGE
    return ExitCode.USAGE if "wrong" in states else ExitCode.DONE
