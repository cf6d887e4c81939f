"""The options that every kind of backfill has, each written once; what they mean is `jobs.definitions`."""

from typing import Annotated, Any, Final

import typer

from retrograph.jobs.definitions import DEFINITIONS


def _help(name: str, default: str | None = None) -> str:
    return DEFINITIONS[name].option(default=default)


ResetCursor = Annotated[bool, typer.Option("--reset-cursor", help=_help("reset_cursor"))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=_help("dry_run"))]
RateLimit = Annotated[str | None, typer.Option(metavar="N", help=_help("rate_limit"))]
ServiceRateLimit = Annotated[str | None, typer.Option(metavar="N", help=_help("rate_limit", "10"))]
Concurrency = Annotated[str | None, typer.Option(metavar="N", help=_help("concurrency"))]
BatchSize = Annotated[str | None, typer.Option(metavar="N", help=_help("batch_size"))]
SleepMs = Annotated[str | None, typer.Option(metavar="N", help=_help("sleep_ms"))]
MaxRuntimeMs = Annotated[str | None, typer.Option(metavar="N", help=_help("max_runtime_ms"))]
MaxConsecutiveFailures = Annotated[str | None, typer.Option(metavar="N", help=_help("max_consecutive_failures"))]
Mode = Annotated[str | None, typer.Option(metavar="MODE", help=_help("mode"))]
RetryFailed = Annotated[
    bool | None, typer.Option("--retry-failed/--no-retry-failed", help=_help("retry_failed_before_cursor"))
]
AsOf = Annotated[str | None, typer.Option(metavar="WHEN", help=_help("as_of"))]
LookbackDays = Annotated[str | None, typer.Option(metavar="N", help=_help("lookback_days"))]

Executor = Annotated[str | None, typer.Option(metavar="EXECUTOR", help=_help("executor"))]
QueueUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The queue's address or name; implies --executor queue."),
]

Once = Annotated[bool, typer.Option("--once", help="End where a run ends, instead of going on.")]
Migrate = Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the job as it ended, one JSON document.")]

_CALLED: Final = {"retry_failed_before_cursor": "retry_failed"}
_GIVEN_OR_NOT: Final = frozenset({"reset_cursor", "dry_run"})
"""Flags that say nothing where they are not given."""


def asked_for(options: dict[str, Any]) -> dict[str, object]:
    """The parameters among a command's options by their own names; what was not given is `None`."""
    given = {name: options.get(_CALLED.get(name, name)) for name in DEFINITIONS}
    return {name: value or None if name in _GIVEN_OR_NOT else value for name, value in given.items()}
