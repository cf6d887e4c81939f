"""`retrograph jobs`: the operator's verbs. All but `retry` work from any machine that reaches the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli.output import print_json, print_json_list, print_line, print_pairs, print_table, say
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings

app = typer.Typer(help="See jobs and steer them.", no_args_is_help=True, rich_markup_mode=None)

Key = Annotated[str, typer.Argument(help="The job's key, or its id.", metavar="KEY")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the job's log.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_jobs(
    state: Annotated[list[str] | None, typer.Option(help="Only this state; repeat it for more.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    credentials: Annotated[str | None, typer.Option(help="Only jobs over event files that name these.")] = None,
    search: Annotated[str | None, typer.Option(help="Only keys that contain this text.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones instead.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most, the latest first.", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the jobs, the latest first."""
    query = {"kind": kind, "credentials": credentials, "search": search, "archived": archived}
    run(_list(configured(), query, state or [], limit, as_json))


async def _list(settings: "Settings", query: dict[str, Any], states: list[str], limit: int, as_json: bool) -> None:
    from retrograph.cli.job_rendering import job_row
    from retrograph.errors import NotFound
    from retrograph.jobs.queries import JobPage, JobQuery
    from retrograph.service import job_as_json
    from retrograph.wiring.service import open_service

    chosen = frozenset(_state(text) for text in states)
    try:
        async with open_service(settings) as service:
            page = await service.list(JobQuery(states=chosen, limit=limit, **query))
    except NotFound:  # no store has been made yet, so there are none
        page = JobPage(jobs=())
    if as_json:
        print_json([job_as_json(job) for job in page.jobs])
        return
    if not page.jobs:
        say("there are no such jobs")
        return
    print_table(("key", "state", "progress", "failed", "updated (UTC)"), map(job_row, page.jobs), right=("failed",))
    if page.next:
        say(f"there are more than these {limit}: use --limit, --state or --search")


def _state(text: str) -> Any:
    from retrograph.errors import UsageError
    from retrograph.jobs.state import JobState

    try:
        return JobState(text)
    except ValueError:
        raise UsageError(f"there is no state {text!r}: choose one of {', '.join(JobState)}") from None


@app.command()
def show(key: Key, as_json: AsJson = False) -> None:
    """Show one job: its state, counts, window and runs."""
    run(_show(configured(), key, as_json))


async def _show(settings: "Settings", key: str, as_json: bool) -> None:
    from retrograph.cli.job_rendering import job_pairs, run_row, totals_pairs
    from retrograph.clock import SystemClock, to_millis
    from retrograph.jobs.sentence import sentence_of
    from retrograph.service import job_as_json
    from retrograph.wiring.service import open_service

    async with open_service(settings) as service:
        job = await service.show(key)
        runs = await service.runs(key)
        totals = await service.object_totals(key)
    if as_json:
        print_json(job_as_json(job))
        return
    print_pairs({"now": str(sentence_of(job, to_millis(SystemClock().now()))), **job_pairs(job)})
    if totals is not None:
        print_pairs(totals_pairs(totals))
    if runs:
        columns = ("run", "started (UTC)", "took", "ended as", "processed", "failed", "in")
        print_table(columns, map(run_row, runs), right=("run", "took", "processed", "failed"))


@app.command()
def stop(key: Key, why: Why = "", as_json: AsJson = False) -> None:
    """Ask a job to stop, wherever it runs.

    The same backfill resumes it.
    """
    run(_steer(configured(), "stop", key, why, as_json))


@app.command()
def cancel(key: Key, why: Why = "", as_json: AsJson = False) -> None:
    """End a job for good, wherever it runs.

    What it wrote stays written.
    """
    run(_steer(configured(), "cancel", key, why, as_json))


@app.command()
def archive(key: Key, as_json: AsJson = False) -> None:
    """Take a job out of the list; its history stays."""
    run(_steer(configured(), "archive", key, "", as_json))


async def _steer(settings: "Settings", verb: str, key: str, why: str, as_json: bool) -> None:
    from retrograph.cli.foreground import who
    from retrograph.cli.job_rendering import state_text
    from retrograph.service import job_as_json
    from retrograph.wiring.service import open_service

    async with open_service(settings) as service:
        if verb == "archive":
            job = await service.archive(key, who())
        else:
            job = await (service.stop if verb == "stop" else service.cancel)(key, who(), why)
    if as_json:
        print_json(job_as_json(job))
    else:
        say(f"{job.key}: {'archived' if verb == 'archive' else state_text(job)}")


@app.command()
def retry(
    key: Key,
    item: Annotated[list[str] | None, typer.Option(help="Only this user; repeat it for more.", metavar="ID")] = None,
    error_class: Annotated[str | None, typer.Option(help="Only failures of this class.", metavar="CLASS")] = None,
    cause: Annotated[
        str | None, typer.Option(help="Only failures of this cause, as the console names it.", metavar="CAUSE")
    ] = None,
    rate_limit: Annotated[float | None, typer.Option(help="Users a second, 0.1-10000.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Users at the same time, 1-64.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End where a run ends, instead of going on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try a job's failures again.

    It happens in this process, with its progress shown to the end.
    """
    parameters: dict[str, object] = {"rate_limit": rate_limit, "concurrency": concurrency}
    given = {name: value for name, value in parameters.items() if value is not None}
    raise typer.Exit(run(_retry(configured(), key, item or [], error_class, cause, given, once, as_json)))


async def _retry(
    settings: "Settings",
    key: str,
    items: list[str],
    error_class: str | None,
    cause: str | None,
    given: dict[str, object],
    once: bool,
    as_json: bool,
) -> int:
    from retrograph.cli.display import Display
    from retrograph.cli.foreground import follow, who
    from retrograph.jobs.queries import Selection
    from retrograph.wiring.service import open_service

    display = Display()
    selection = Selection(items=items, error_class=error_class, cause=cause)
    async with open_service(settings, starts=True, graph=True) as service:
        answer = await service.retry(key, selection, who(), given, display)
        return await follow(service, answer, display, once=once, as_json=as_json)


@app.command()
def failures(
    key: Key,
    error_class: Annotated[str | None, typer.Option(help="Only this class.", metavar="CLASS")] = None,
    cause: Annotated[
        str | None, typer.Option(help="Only failures of this cause, as it is shown below the list.", metavar="CAUSE")
    ] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that a retry has mended instead.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most; --json prints all.", min=1, max=10_000)] = 1_000,
    export: Annotated[
        Path | None, typer.Option(help="Write their ids to this file, one a line.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the users that failed, with the reasons, and how many failed of which cause."""
    query = {"error_class": error_class, "cause": cause, "resolved": resolved}
    if export is not None:
        run(_exported(configured(), key, query, export))
    else:
        run(_failures(configured(), key, query, limit, as_json))


async def _exported(settings: "Settings", key: str, query: dict[str, Any], file: Path) -> None:
    from retrograph.cli.remaining import written
    from retrograph.jobs.queries import FailureQuery
    from retrograph.wiring.service import open_service

    async with open_service(settings) as service:
        ids = (failure.item async for failure in service.failures(key, FailureQuery(**query)))
        count = await written(ids, file)
    say(f"{count:,} users in {file}" if count else "there are none")


async def _failures(settings: "Settings", key: str, query: dict[str, Any], limit: int, as_json: bool) -> None:
    from retrograph.jobs.queries import FailureQuery
    from retrograph.jobs.view import failure_as_json
    from retrograph.wiring.service import open_service

    async with open_service(settings) as service:
        found = (failure_as_json(failure) async for failure in service.failures(key, FailureQuery(**query)))
        if as_json:
            await print_json_list(found)
            return
        shown: list[dict[str, Any]] = []
        async for failure in found:
            shown.append(failure)
            if len(shown) > limit:
                break
        causes = [] if query["resolved"] else (await service.failure_summary(key)).groups
    if not shown:
        say("there are none")
        return
    rows = ((row["item"], row["attempts"], row["error_class"], row["last_at"], row["message"]) for row in shown[:limit])
    print_table(("user", "attempts", "class", "last (UTC)", "message"), rows, right=("attempts",))
    if len(shown) > limit:
        say(f"there are more than these {limit:,}: --json prints all, --error-class or --cause some")
    for group in causes:
        say(f"{group.count:,} of the cause: {group.cause or group.error_class}")


@app.command()
def objects(
    key: Key,
    state: Annotated[str | None, typer.Option(help="pending, ingested, unchanged or failed.")] = None,
    search: Annotated[str | None, typer.Option(help="Only keys that contain this text.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 1_000,
    as_json: AsJson = False,
) -> None:
    """List the objects of a job over event files, and what became of each."""
    run(_objects(configured(), key, state, search, limit, as_json))


async def _objects(
    settings: "Settings", key: str, state: str | None, search: str | None, limit: int, as_json: bool
) -> None:
    from retrograph.jobs.objects import ObjectQuery, object_state
    from retrograph.jobs.objects_view import entry_as_json
    from retrograph.wiring.service import open_service

    wanted = ObjectQuery(state=object_state(state) if state else None, search=search, limit=limit)
    async with open_service(settings) as service:
        page, following = await service.objects_page(key, wanted)
    if as_json:
        print_json([entry_as_json(entry) for entry in page])
        return
    if not page:
        say("there are no such objects")
        return
    rows = (
        (one.key, one.state.value, one.size, one.reached.events, one.reached.undecodable, one.attempts, one.error or "")
        for one in page
    )
    columns = ("object", "state", "bytes", "events", "undecodable", "attempts", "error")
    print_table(columns, rows, right=("bytes", "events", "undecodable", "attempts"))
    if following:
        say(f"there are more than these {limit:,}: use --limit, --state or --search")


@app.command()
def log(key: Key, as_json: AsJson = False) -> None:
    """Print the job's log: who did what, when and why."""
    run(_log(configured(), key, as_json))


async def _log(settings: "Settings", key: str, as_json: bool) -> None:
    from retrograph.jobs.view import event_as_json
    from retrograph.wiring.service import open_service

    async with open_service(settings) as service:
        events = [event_as_json(event) async for event in service.log(key)]
    if as_json:
        print_json(events)
        return
    for event in events:
        edge = f" {event['from'] or ''}→{event['to']}" if event["to"] else ""
        why = f": {event['why']}" if event["why"] else ""
        print_line(f"{event['at']}  {event['who']}  {event['what']}{edge}{why}")
