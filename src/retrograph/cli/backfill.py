"""`retrograph backfill KIND`: starts or resumes a job in this process and shows its progress to the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from retrograph.cli import backfill_events, backfill_identity
from retrograph.cli import run_options as options
from retrograph.cli.session import configured, run
from retrograph.cli.users import Chosen, read_users, resumed
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.jobs.job import Parameters
    from retrograph.jobs.parameters import Asked


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

app.command("events")(backfill_events.events)
app.command("identity")(backfill_identity.identity)


@app.command()
def purchases(
    context: typer.Context,
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
    as_of: options.AsOf = None,
    lookback_days: options.LookbackDays = None,
    reset_cursor: options.ResetCursor = False,
    dry_run: options.DryRun = False,
    rate_limit: options.ServiceRateLimit = None,
    concurrency: options.Concurrency = None,
    batch_size: options.BatchSize = None,
    sleep_ms: options.SleepMs = None,
    max_runtime_ms: options.MaxRuntimeMs = None,
    once: options.Once = False,
    max_consecutive_failures: options.MaxConsecutiveFailures = None,
    mode: options.Mode = None,
    retry_failed: options.RetryFailed = None,
    executor: options.Executor = None,
    queue_url: options.QueueUrl = None,
    migrate: options.Migrate = False,
    as_json: options.AsJson = False,
) -> None:
    """Load the purchases of users from the history services into the graph."""
    chosen = Chosen(inline=tuple(user_id or ()), file=user_file, s3_uri=s3_uri, source=source, resume_from=resume_from)
    given = options.asked_for(context.params)
    if queue_url is not None:
        if executor not in (None, "queue"):
            raise UsageError(f"--queue-url and --executor {executor} are given together: choose one of them")
        given["executor"] = "queue"
    manner = Manner(once=once, migrate=migrate, as_json=as_json)
    raise typer.Exit(run(_purchases(configured(), chosen, key, given, queue_url, manner)))


async def _check_way(settings: "Settings", saved: "Parameters | None", asked: "Asked", queue: str | None) -> None:
    """Sees that there is what the users are loaded from, or sent through, before anything is written. `saved` are the
    parameters of the job that goes on, where it is known."""
    executor = asked.changes.get("executor", saved.executor if saved is not None else None)
    if executor != "queue":
        from retrograph.wiring.upstream import check_upstream

        return await check_upstream(settings)
    from retrograph.wiring.queues import NOT_CONFIGURED, look_at_queue

    where = queue or (saved.queue if saved is not None else None) or settings.queue.url
    if where is None:
        raise UsageError(NOT_CONFIGURED)
    return await look_at_queue(where)


async def _purchases(
    settings: "Settings",
    chosen: Chosen,
    key: str | None,
    given: Mapping[str, object],
    queue: str | None,
    manner: Manner,
) -> int:
    """Everything that can be wrong with the input is found before anything is opened that would be written to."""
    from retrograph.cli.display import Display
    from retrograph.cli.foreground import follow, who
    from retrograph.cli.remaining import keep_remaining
    from retrograph.jobs import parameters
    from retrograph.jobs.keys import checked_key
    from retrograph.service import StartRequest
    from retrograph.wiring.purchases import GraphUsers
    from retrograph.wiring.service import open_service

    asked = parameters.read(given, from_text=True)
    if key is not None:
        checked_key(key)
    named = await read_users(chosen)
    known = await resumed(settings, chosen, key, named, reset=asked.reset_cursor, dry_run=asked.dry_run)
    users, given = known.source, {**known.window, **{name: value for name, value in given.items() if value is not None}}
    if not asked.dry_run:
        await _check_way(settings, known.parameters, asked, queue)
    display = Display()
    needs_graph = not asked.dry_run or isinstance(users, GraphUsers)
    async with open_service(settings, starts=True, graph=needs_graph, migrate=manner.migrate) as service:
        request = StartRequest(
            kind="purchases", source=users, parameters=given, key=known.key, who=who(), from_text=True, queue=queue
        )
        answer = await service.start(request, display)
        code = await follow(service, answer, display, once=manner.once, as_json=manner.as_json)
        if answer.started:
            await keep_remaining(service, answer.job.job_id)
        return code
