"""`retrograph backfill identity`: walks the users table into the identity graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.session import configured, run
from retrograph.jobs.definitions import DEFINITIONS

if TYPE_CHECKING:
    from retrograph.config import Settings


def identity(
    key: Annotated[str | None, typer.Option(metavar="KEY", help="The job's name. Default: identity.")] = None,
    reset_cursor: Annotated[bool, typer.Option("--reset-cursor", help=DEFINITIONS["reset_cursor"].option())] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DEFINITIONS["dry_run"].option())] = False,
    rate_limit: Annotated[str | None, typer.Option(metavar="N", help=DEFINITIONS["rate_limit"].option())] = None,
    concurrency: Annotated[str | None, typer.Option(metavar="N", help=DEFINITIONS["concurrency"].option())] = None,
    batch_size: Annotated[str | None, typer.Option(metavar="N", help=DEFINITIONS["batch_size"].option())] = None,
    sleep_ms: Annotated[str | None, typer.Option(metavar="N", help=DEFINITIONS["sleep_ms"].option())] = None,
    max_runtime_ms: Annotated[
        str | None, typer.Option(metavar="N", help=DEFINITIONS["max_runtime_ms"].option())
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End where a run ends, instead of going on.")] = False,
    max_consecutive_failures: Annotated[
        str | None, typer.Option(metavar="N", help=DEFINITIONS["max_consecutive_failures"].option())
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="MODE", help=DEFINITIONS["mode"].option()),
    ] = None,
    retry_failed: Annotated[
        bool | None,
        typer.Option("--retry-failed/--no-retry-failed", help=DEFINITIONS["retry_failed_before_cursor"].option()),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job as it ended, one JSON document.")] = False,
) -> None:
    """Join the users of a table, and what they are known by, into the identity graph.

    The table and its columns are settings (RETROGRAPH_USERS_…). The same command again goes on with users who are new.
    """
    given: dict[str, object] = {
        "rate_limit": rate_limit,
        "concurrency": concurrency,
        "batch_size": batch_size,
        "sleep_ms": sleep_ms,
        "max_runtime_ms": max_runtime_ms,
        "max_consecutive_failures": max_consecutive_failures,
        "mode": mode,
        "retry_failed_before_cursor": retry_failed,
        "reset_cursor": reset_cursor or None,
        "dry_run": dry_run or None,
    }
    raise typer.Exit(run(_identity(configured(), key, given, once=once, migrate=migrate, as_json=as_json)))


async def _identity(
    settings: "Settings", key: str | None, given: Mapping[str, object], *, once: bool, migrate: bool, as_json: bool
) -> int:
    """Everything that can be wrong with the mapping is found before anything is opened that would be written to."""
    from retrograph.cli.display import Display
    from retrograph.cli.foreground import follow, who
    from retrograph.jobs import parameters
    from retrograph.jobs.keys import checked_key
    from retrograph.service import StartRequest
    from retrograph.wiring.identity import ConfiguredUsers, check_users
    from retrograph.wiring.service import open_service

    asked = parameters.read(given, from_text=True)
    if key is not None:
        checked_key(key)
    await check_users(settings)
    display = Display()
    async with open_service(settings, starts=True, graph=not asked.dry_run, migrate=migrate) as service:
        request = StartRequest(
            kind="identity", source=ConfiguredUsers(), parameters=given, key=key, who=who(), from_text=True
        )
        answer = await service.start(request, display)
        return await follow(service, answer, display, once=once, as_json=as_json)
