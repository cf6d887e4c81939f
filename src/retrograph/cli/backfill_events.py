"""`retrograph backfill events`: event files of a folder or a bucket into the graph."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli import run_options as options
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError
from retrograph.wiring.file_fields import FILE_FIELDS

if TYPE_CHECKING:
    from retrograph.config import Settings


def _help(name: str) -> str:
    return FILE_FIELDS[name].option()


Mapped = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OURS=THEIRS", help=_help("mapping")),
]


def events(
    context: typer.Context,
    uri: Annotated[str | None, typer.Option(metavar="URI", help=_help("uri"))] = None,
    pattern: Annotated[str | None, typer.Option(metavar="GLOB", help=_help("pattern"))] = None,
    form: Annotated[
        str | None,
        typer.Option("--events", metavar="FORM", help=_help("events")),
    ] = None,
    credentials: Annotated[str | None, typer.Option(metavar="NAME", help=_help("credentials"))] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=_help("since"))] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help=_help("until"))] = None,
    mapped: Mapped = None,
    again: Annotated[bool, typer.Option("--again", help=_help("again"))] = False,
    gate: Annotated[bool, typer.Option("--gate", help=_help("gate"))] = False,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The job's name. Default: derived from what is chosen.")
    ] = None,
    reset_cursor: options.ResetCursor = False,
    dry_run: options.DryRun = False,
    rate_limit: options.RateLimit = None,
    concurrency: options.Concurrency = None,
    batch_size: options.BatchSize = None,
    sleep_ms: options.SleepMs = None,
    max_runtime_ms: options.MaxRuntimeMs = None,
    once: options.Once = False,
    max_consecutive_failures: options.MaxConsecutiveFailures = None,
    mode: options.Mode = None,
    retry_failed: options.RetryFailed = None,
    migrate: options.Migrate = False,
    as_json: options.AsJson = False,
) -> None:
    """Load event files into the graph: JSON lines, JSON arrays, CSV or Parquet, plain, gzip or zstd.

    The same command goes on where it was; when it was done, it takes what is new or has changed.
    """
    words = {"uri": uri, "pattern": pattern, "events": form, "credentials": credentials, "since": since, "until": until}
    chosen = {**words, "mapping": _mapping(mapped or []), "again": again, "gate": gate}
    given = options.asked_for(context.params)
    manner = {"once": once, "migrate": migrate, "as_json": as_json}
    raise typer.Exit(run(_events(configured(), chosen, key, given, manner)))


def _mapping(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours or not theirs:
            raise UsageError(f"--map is OURS=THEIRS, such as user_id=member, not {pair!r}")
        found[ours.strip()] = theirs.strip()
    return found


async def _events(
    settings: "Settings",
    given: Mapping[str, Any],
    key: str | None,
    asked: Mapping[str, object],
    manner: dict[str, bool],
) -> int:
    """What is wrong with the address or the access is found before anything is opened that would be written to."""
    from retrograph.cli.display import Display
    from retrograph.cli.foreground import follow, who
    from retrograph.cli.output import say
    from retrograph.jobs import parameters
    from retrograph.jobs.keys import checked_key
    from retrograph.service import StartRequest
    from retrograph.wiring.event_files import check_files, files_of, key_for, same_again
    from retrograph.wiring.files_chosen import chosen_of
    from retrograph.wiring.service import open_service

    read = parameters.read(asked, from_text=True)
    if key is not None:
        checked_key(key)
    chosen = await files_of(settings, key) if given["uri"] is None and key is not None else chosen_of(given)
    await check_files(settings, chosen)
    chosen = replace(chosen, entered=True)
    display = Display()
    async with open_service(settings, starts=True, graph=not read.dry_run, migrate=manner["migrate"]) as service:
        if key is None:
            named = await key_for(service, chosen, dry_run=read.dry_run)
            key = named.key
            if named.same_as is not None:
                say(await same_again(service, named.same_as, again=chosen.again))
                chosen = replace(chosen, same_as=named.same_as.key)
        request = StartRequest(kind="events", source=chosen, parameters=asked, key=key, who=who(), from_text=True)
        answer = await service.start(request, display)
        return await follow(service, answer, display, once=manner["once"], as_json=manner["as_json"])
