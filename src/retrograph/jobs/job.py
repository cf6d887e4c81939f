"""A job as everyone sees it: frozen values that the store hands out and takes in.

Instants are milliseconds since the epoch, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from retrograph.jobs.pressure import Pressure
from retrograph.jobs.state import JobState

Mode: TypeAlias = Literal["full", "cursor", "failed"]
Executor: TypeAlias = Literal["inline", "queue"]
Phase: TypeAlias = Literal["discovery", "processing"]
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NO_GRAPH: Final = "none"
"""The graph of a dry run: it writes nothing, so it needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How a run behaves: what a resume may change. The ranges are in `parameters.py`."""

    batch_size: int = 500
    sleep_ms: int = 0
    max_runtime_ms: int = 900_000
    max_consecutive_failures: int = 25
    rate_limit: float | None = None
    """Items per second; `None`: as fast as they go."""
    concurrency: int = 8
    mode: Mode = "full"
    retry_failed_before_cursor: bool = True
    executor: Executor = "inline"
    queue: str | None = None
    """The address of the queue that it is sent through: kept from the first start that sends it, never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a job walks over: resolved at its first start and then frozen, so that a cursor always means the same."""

    source: Mapping[str, Json] = field(default_factory=dict)
    """What the ids come from, for people; never a secret."""
    digest: str = ""
    """Digest of the source: a key that exists is refused to another one."""
    as_of: int
    lookback_days: int = 365
    dry_run: bool = False
    bound: str | None = None
    """Upper bound of a source that grows."""

    @property
    def credentials(self) -> str:
        """The name of those by which its files are reached; empty where none are named."""
        name = self.source.get("credentials")
        return name if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the items; every number counts each item once."""

    processed: int = 0
    failed: int = 0
    skipped: int = 0
    skipped_by: Mapping[str, int] = field(default_factory=dict)
    """Skipped items by reason."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Facts that were left out, by reason."""
    found: Mapping[str, int] = field(default_factory=dict)
    """What the items brought, by name: see `findings.py`."""

    @property
    def scanned(self) -> int:
        """Everything that was looked at."""
        return self.processed + self.failed + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """About how many messages are in a queue: waiting, taken by a worker, given up (in its dead-letter queue)."""

    waiting: int
    in_flight: int
    dead: int
    at: int
    """When it was asked, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A pass over recorded failures: those numbered after `cursor`, up to `last`."""

    cursor: int
    last: int
    selected: bool = False
    """Only those that an operator named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, as it was when it was read."""

    job_id: str
    graph_id: str
    key: str
    kind: str
    state: JobState
    reason: str | None = None
    """Why it is in that state, as a word: a pause's reason."""
    message: str | None = None
    """The same as a sentence, where there is one: the error that ended the last run."""
    phase: Phase | None = None
    spec: Spec
    parameters: Parameters = Parameters()
    cursor: str | None = None
    total: int | None = None
    counts: Counts = Counts()
    retry: Retry | None = None
    finishing: bool = False
    """Every item is done; what remains is the hook at the end."""
    complete: bool = False
    """Walked to the end, its hook done; failures may remain."""
    whole: bool = True
    """False while its ids are being frozen."""
    list_id: str | None = None
    """The frozen ids; `None`: it walks a source of its own."""
    rate: float | None = None
    """Items per second, windowed, at the last checkpoint."""
    pressure: Pressure | None = None
    """What slowed its last run down, at the last checkpoint."""
    sent: int = 0
    """Requests that were sent through a queue."""
    answered: int = 0
    """Those of them whose outcome is in the counts."""
    attempt_base: int = 0
    """Requests are numbered from the next one on: what was sent before the job was reset has lower numbers."""
    depth: "Depth | None" = None
    """How full its queue was at the last checkpoint."""
    elapsed_ms: int = 0
    """Time spent in its runs."""
    epoch: int = 0
    holder: str | None = None
    lease_until: int | None = None
    heartbeat_at: int | None = None
    idle_tries: int = 0
    """How often in a row it was resumed by itself without an item that ended well."""
    needs_attention: bool = False
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    paused_at: int | None = None
    archived_at: int | None = None

    @property
    def credentials(self) -> str | None:
        """The name of those by which its files are reached, where they are named."""
        return self.spec.credentials or None

    @property
    def percent(self) -> float | None:
        """How much of the total was scanned, 0-100."""
        if not self.total:
            return None
        return min(100.0, 100.0 * self.counts.scanned / self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One bounded stretch of work on a job."""

    number: int
    """Its lease's epoch."""
    holder: str
    who: str
    started_at: int
    ended_at: int | None = None
    state: JobState = JobState.RUNNING
    reason: str | None = None
    processed: int = 0
    failed: int = 0
    skipped: int = 0
    parameters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that failed. `number` orders them: that of the first failure, so that a retry can resume."""

    number: int
    item: str
    attempts: int
    error_class: str
    message: str
    first_at: int
    last_at: int
    resolved_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """A line of a job's append-only log."""

    number: int
    at: int
    who: str
    what: str
    origin: JobState | None = None
    target: JobState | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The pace at one moment: items per second, and how many were scanned and are failed by then."""

    at: int
    rate: float
    scanned: int
    failed: int = 0
