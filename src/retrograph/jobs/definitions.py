"""The parameters of a run, each defined once: the command line, the API and the console's forms are made of this.

It imports nothing heavy, because the command line reads it before it knows what it will do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

DEFAULT_LOOKBACK_DAYS: Final = 365
SERVICE_RATE: Final = 10.0
"""Items per second for kinds that call services, unless asked for otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number's safe range, ends included."""

    low: float
    high: float
    whole: bool = True

    def text(self) -> str:
        return f"{self.low:,g}-{self.high:,.12g}" if not self.whole else f"{self.low:,.0f}-{self.high:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One parameter: what a form's label says, what it means, and what may be given."""

    name: str
    label: str
    summary: str
    """A few words, for a line of `--help`."""
    help: str
    """A sentence or two, for people who decide about it."""
    unit: str | None = None
    range: Range | None = None
    default: float | bool | str | None = None
    default_text: str | None = None
    """Where the default is no plain value: what it is, in words."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """The words that may be given, each with what it does."""
    beginning_only: bool = False
    """Frozen when a job begins: a resume cannot change it."""
    windowed_only: bool = False
    """Only means something for kinds that load a window of time."""
    instant: bool = False
    """A date or an instant."""

    @property
    def type(self) -> Literal["number", "flag", "choice", "instant", "text"]:
        """How it is asked for."""
        if self.range is not None:
            return "number"
        if self.choices:
            return "choice"
        if isinstance(self.default, bool):
            return "flag"
        return "instant" if self.instant else "text"

    def option(self, *, default: str | None = None) -> str:
        """A line of `--help`. `default` replaces the one that is usual."""
        if self.range is None:
            return f"{self.summary}."
        unit = "" if self.unit is None or self.unit not in ("ms", "days") else f" {self.unit}"
        bounds = self.range.text().replace(",", "")
        return f"{self.summary}, {bounds}{unit}. Default: {default or self.default_text or f'{self.default:g}'}."


_ALL: Final = (
    Definition(
        name="rate_limit",
        label="Rate limit",
        summary="Users a second",
        help="No more users than this begin each second. A service that pushes back halves the pace for a while.",
        unit="users/s",
        range=Range(low=0.1, high=10_000, whole=False),
        default=None,
        default_text="as fast as they go",
    ),
    Definition(
        name="concurrency",
        label="At the same time",
        summary="Users at the same time",
        help="How many users are under way at once. More of them hide slow answers, and load the services more.",
        unit="users",
        range=Range(low=1, high=64),
        default=8,
    ),
    Definition(
        name="batch_size",
        label="Batch",
        summary="Users between checkpoints",
        help="A checkpoint saves the cursor after so many users, or after 5 seconds, whichever comes first.",
        unit="users",
        range=Range(low=1, high=5_000),
        default=500,
    ),
    Definition(
        name="sleep_ms",
        label="Rest between batches",
        summary="Rest between batches",
        help="Leaves other users of the services alone for so long after each batch.",
        unit="ms",
        range=Range(low=0, high=60_000),
        default=0,
    ),
    Definition(
        name="max_runtime_ms",
        label="Runtime cap",
        summary="Length of one run",
        help="A run that a server executes pauses after so long, and resumes by itself after a rest of 5 minutes.",
        unit="ms",
        range=Range(low=1_000, high=21_600_000),
        default=900_000,
    ),
    Definition(
        name="max_consecutive_failures",
        label="Failures in a row",
        summary="Pause after so many failures in a row",
        help="So many users that fail one after the other mean that something else is broken: the job pauses.",
        unit="users",
        range=Range(low=1, high=1_000),
        default=25,
    ),
    Definition(
        name="lookback_days",
        label="Window",
        summary="The length of the window",
        help="How many days of history are loaded, counted back from the window's end. Frozen when the job begins.",
        unit="days",
        range=Range(low=1, high=3_650),
        default=DEFAULT_LOOKBACK_DAYS,
        beginning_only=True,
        windowed_only=True,
    ),
    Definition(
        name="as_of",
        label="End of the window",
        summary="The end of the window, a date or an instant. Default: now",
        help="A date or an instant; without an offset it is UTC. Empty: the moment of the start. Frozen then.",
        unit="UTC",
        default_text="now",
        beginning_only=True,
        windowed_only=True,
        instant=True,
    ),
    Definition(
        name="mode",
        label="Mode",
        summary="full: failures, then on; cursor: only on; failed: only failures",
        help="What a start of a job that exists does first.",
        default="full",
        choices={
            "full": "retries the recorded failures, then goes on from the cursor",
            "cursor": "goes on from the cursor, and leaves the failures alone",
            "failed": "retries the recorded failures, and stops",
        },
    ),
    Definition(
        name="retry_failed_before_cursor",
        label="Retry failed before cursor",
        summary="Retry failures before going on",
        help="In mode full: users that failed are tried again before the walk goes on.",
        default=True,
    ),
    Definition(
        name="reset_cursor",
        label="Reset cursor",
        summary="Start the same key over",
        help="Starts over: the users and the window are looked up anew, and the counts begin at zero.",
        default=False,
        beginning_only=True,
    ),
    Definition(
        name="dry_run",
        label="Dry run",
        summary="Walk the users, call and write nothing",
        help="Walks the same users, calls no service and writes nothing; each is counted as skipped.",
        default=False,
        beginning_only=True,
    ),
    Definition(
        name="executor",
        label="Executor",
        summary="inline: in this process; queue: by workers, through SQS",
        help="Where the users are loaded.",
        default="inline",
        choices={
            "inline": "in the process that runs the job",
            "queue": "by any number of workers, to which the job sends them through SQS",
        },
    ),
)

DEFINITIONS: Final[Mapping[str, Definition]] = {definition.name: definition for definition in _ALL}
"""By name, in the order in which people decide about them."""

RANGES: Final[Mapping[str, Range]] = {name: known.range for name, known in DEFINITIONS.items() if known.range}
FLAGS: Final = tuple(name for name, known in DEFINITIONS.items() if known.type == "flag")
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(known.choices) for name, known in DEFINITIONS.items() if known.choices
}
NAMES: Final = tuple(DEFINITIONS)
BEGINNINGS_ONLY: Final = tuple(name for name, known in DEFINITIONS.items() if known.beginning_only)
