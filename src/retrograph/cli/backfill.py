"""`retrograph backfill KIND`: starts or resumes a job in this process and shows its progress to the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from retrograph.cli import backfill_identity
from retrograph.cli.session import configured, run
from retrograph.cli.users import Chosen, read_users, resumed
from retrograph.errors import UsageError
from retrograph.jobs.definitions import DEFINITIONS

if TYPE_CHECKING:
    from retrograph.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the command behaves, whatever it loads."""

    once: bool
    migrate: bool
    as_json: bool


class _Kinds(TyperGroup):
    """A group whose unknown command is an unknown kind, and is told as one."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None:
            known = ", ".join(sorted(self.commands))
            raise UsageError(f"there is no kind of backfill called {cmd_name!r}: choose one of {known}")
        return found


app = typer.Typer(
    cls=_Kinds,
    help="Load history into the graph; resumable.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command("identity")(backfill_identity.identity)


@app.command()
def purchases(
    user_id: Annotated[list[str] | None, typer.Option(help="A user; repeat it for more.", metavar="ID")] = None,
    user_file: Annotated[str | None, typer.Option(help="A file of ids, one a line or a CSV.", metavar="FILE")] = None,
    s3_uri: Annotated[str | None, typer.Option("--s3-uri", help="The same in S3.", metavar="s3://…")] = None,
    source: Annotated[
        str | None,
        typer.Option(help="`neo4j`: every user that the graph holds already.", metavar="SOURCE"),
    ] = None,
    resume_from: Annotated[
        Path | None,
        typer.Option(help="Go on with the job in this file, as `--json` printed it.", metavar="FILE"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The job's name. Default: derived from ids and window."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help=DEFINITIONS["as_of"].option()),
    ] = None,
    lookback_days: Annotated[
        str | None,
        typer.Option(metavar="N", help=DEFINITIONS["lookback_days"].option()),
    ] = None,
    reset_cursor: Annotated[bool, typer.Option("--reset-cursor", help=DEFINITIONS["reset_cursor"].option())] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DEFINITIONS["dry_run"].option())] = False,
    rate_limit: Annotated[
        str | None, typer.Option(metavar="N", help=DEFINITIONS["rate_limit"].option(default="10"))
    ] = None,
    concurrency: Annotated[str | None, typer.Option(metavar="N", help=DEFINITIONS["concurrency"].option())] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(metavar="N", help=DEFINITIONS["batch_size"].option()),
    ] = None,
    sleep_ms: Annotated[
        str | None,
        typer.Option(metavar="N", help=DEFINITIONS["sleep_ms"].option()),
    ] = None,
    max_runtime_ms: Annotated[
        str | None,
        typer.Option(metavar="N", help=DEFINITIONS["max_runtime_ms"].option()),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End where a run ends, instead of going on.")] = False,
    max_consecutive_failures: Annotated[
        str | None,
        typer.Option(metavar="N", help=DEFINITIONS["max_consecutive_failures"].option()),
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
    """Load the purchases of users from the history services into the graph."""
    raise typer.Exit(
        run(
            _purchases(
                configured(),
                Chosen(
                    inline=tuple(user_id or ()), file=user_file, s3_uri=s3_uri, source=source, resume_from=resume_from
                ),
                key,
                {
                    "as_of": as_of,
                    "lookback_days": lookback_days,
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
                },
                Manner(once=once, migrate=migrate, as_json=as_json),
            )
        )
    )


async def _purchases(
    settings: "Settings", chosen: Chosen, key: str | None, given: Mapping[str, object], manner: Manner
) -> int:
    """Everything that can be wrong with the input is found before anything is opened that would be written to."""
    from retrograph.cli.display import Display
    from retrograph.cli.foreground import follow, who
    from retrograph.jobs import parameters
    from retrograph.jobs.keys import checked_key
    from retrograph.service import StartRequest
    from retrograph.wiring.purchases import GraphUsers
    from retrograph.wiring.service import open_service

    asked = parameters.read(given, from_text=True)
    if key is not None:
        checked_key(key)
    users = await read_users(chosen)
    key, users = await resumed(settings, chosen, key, users, reset=asked.reset_cursor)
    if not asked.dry_run:
        from retrograph.wiring.upstream import check_upstream

        await check_upstream(settings)
    display = Display()
    needs_graph = not asked.dry_run or isinstance(users, GraphUsers)
    async with open_service(settings, starts=True, graph=needs_graph, migrate=manner.migrate) as service:
        request = StartRequest(kind="purchases", source=users, parameters=given, key=key, who=who(), from_text=True)
        answer = await service.start(request, display)
        return await follow(service, answer, display, once=manner.once, as_json=manner.as_json)
