"""What can be asked of the job store's lists, and which failures a retry means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.jobs.job import Failure, Job, LogEvent, Sample
from retrograph.jobs.state import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs a list shows. `after` is the `next` of the page before."""

    search: str | None = None
    states: frozenset[JobState] = frozenset()
    kind: str | None = None
    credentials: str | None = None
    """Only jobs that name these."""
    archived: bool = False
    created_after: int | None = None
    created_before: int | None = None
    needs_attention: bool | None = None
    dry_run: bool | None = None
    sort: str = "-created_at"
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of jobs; `next` is `None` on the last one."""

    jobs: Sequence[Job]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTally:
    """How many jobs there are that are not archived."""

    total: int = 0
    by_state: Mapping[JobState, int] = field(default_factory=dict)
    by_kind: Mapping[str, int] = field(default_factory=dict)
    needs_attention: int = 0
    dry_runs: int = 0
    held_by: Mapping[str, int] = field(default_factory=dict)
    """How many leases each process holds, by its name."""

    @property
    def held(self) -> int:
        """How many runs there are, in whatever process."""
        return sum(self.held_by.values())


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mark:
    """How far a reader has followed the store: an instant of its clock, and the number of a line of its log."""

    at: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A line of some job's log."""

    job_id: str
    key: str
    event: LogEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed since a mark, oldest first, and the mark to go on from."""

    mark: Mark
    jobs: Sequence[Job] = ()
    log: Sequence[JobLine] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureQuery:
    """Which failures of a job, in order of their numbers.

    `after` is the number of the last one seen; `last` the greatest number wanted.
    """

    error_class: str | None = None
    cause: str | None = None
    resolved: bool | None = None
    selected: bool = False
    latest_first: bool = False
    after: int | None = None
    last: int | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Failures that are to be retried: of these items, this class, this cause, or, without any, all unresolved ones."""

    items: Sequence[str] = ()
    error_class: str | None = None
    cause: str | None = None

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.items and self.error_class is None and self.cause is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """The unresolved failures of one cause: how many, the first and last time (milliseconds), and the latest new one
    as an example. `cause` is what their messages have in common."""

    error_class: str
    cause: str
    count: int
    first_at: int
    last_at: int
    item: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSummary:
    """How many unresolved failures there are, by class and by cause, the most frequent first; at most 50 causes."""

    by_class: Mapping[str, int] = field(default_factory=dict)
    groups: Sequence[FailureGroup] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a list shows beside a job: its pace of late, and the latest failure that is not resolved."""

    samples: Sequence[Sample] = ()
    failure: Failure | None = None
