"""What can be asked of the job store's lists, and which failures a retry means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrograph.jobs.job import Failure, Job, Sample
from retrograph.jobs.state import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs a list shows. `after` is the `next` of the page before."""

    search: str | None = None
    states: frozenset[JobState] = frozenset()
    kind: str | None = None
    archived: bool = False
    created_after: int | None = None
    created_before: int | None = None
    sort: str = "-created_at"
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of jobs; `next` is `None` on the last one."""

    jobs: Sequence[Job]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureQuery:
    """Which failures of a job, in order of their numbers.

    `after` is the number of the last one seen; `last` the greatest number wanted.
    """

    error_class: str | None = None
    resolved: bool | None = None
    selected: bool = False
    latest_first: bool = False
    after: int | None = None
    last: int | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Failures that are to be retried: of these items, of this class, or, without either, all unresolved ones."""

    items: Sequence[str] = ()
    error_class: str | None = None

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.items and self.error_class is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """The unresolved failures of one class: how many, the first and last time (milliseconds), and the latest new one
    as an example."""

    error_class: str
    count: int
    first_at: int
    last_at: int
    item: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSummary:
    """How many unresolved failures there are of each class, the most frequent first."""

    groups: Sequence[FailureGroup] = ()

    @property
    def by_class(self) -> Mapping[str, int]:
        """The counts alone."""
        return {group.error_class: group.count for group in self.groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a list shows beside a job: its pace of late, and the latest failure that is not resolved."""

    samples: Sequence[Sample] = ()
    failure: Failure | None = None
