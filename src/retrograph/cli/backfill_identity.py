"""`retrograph backfill identity`: walks the users table into the identity graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli import run_options as options
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings


def identity(
    context: typer.Context,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="The job's name. Default: identity.")] = None,
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
    """Join the users of a table, and what they are known by, into the identity graph.

    The table and its columns are settings (RETROGRAPH_USERS_…). The same command again goes on with users who are new.
    """
    given = options.asked_for(context.params)
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
