"""The port of the job store: what the engine and the doors ask of it, as verbs.

Every verb is one transaction. Every change of a job's state goes through the table of states and is an event in its
log. The time that decides about leases is the store's own, read after the row's lock is held.

All verbs raise `DependencyDown` where the store does not answer, and `NotFound` for a job that does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from retrograph.jobs.job import Counts, Depth, Failure, Job, LogEvent, Parameters, Phase, Retry, Run, Sample, Spec
from retrograph.jobs.outcomes import Attempt, OutcomeStore
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.queries import Changes as Changes
from retrograph.jobs.queries import FailureGroup as FailureGroup
from retrograph.jobs.queries import FailureQuery as FailureQuery
from retrograph.jobs.queries import FailureSummary as FailureSummary
from retrograph.jobs.queries import Glance as Glance
from retrograph.jobs.queries import JobPage as JobPage
from retrograph.jobs.queries import JobQuery as JobQuery
from retrograph.jobs.queries import JobTally as JobTally
from retrograph.jobs.queries import Mark as Mark
from retrograph.jobs.queries import Selection as Selection
from retrograph.jobs.state import JobState
from retrograph.jobs.uploads import UploadStore


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to accept. Where its ids must be frozen first, it is not `whole`."""

    job_id: str
    graph_id: str
    key: str
    kind: str
    spec: Spec
    parameters: Parameters
    total: int | None = None
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a job. The epoch is another one for every claim."""

    job_id: str
    epoch: int
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a process asks for when it wants a job's lease."""

    job_id: str
    holder: str
    who: str
    why: str
    parameters: Parameters
    lease_ms: int
    lane: str | None = None
    """The kind of which only one job may hold a lease at a time."""
    origins: frozenset[JobState] = frozenset(JobState)
    """The states it may be taken from; a watchdog's are those that no operator chose."""
    retry: Selection | None = None
    """A pass over failures for the run to begin with; `None` leaves an unfinished one as it is."""
    resumed: bool = False
    """By a watchdog, not by a person: tries without progress are counted."""
    bound: str | None = None
    """A new upper bound for a source that has grown: the job goes on from its cursor."""
    reset: "Reset | None" = None
    """Starts over, counts from zero; the log goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a job starts over with."""

    spec: Spec
    list_id: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The lease is held; `done_above` are the cursors of items that were done beyond the job's cursor."""

    lease: Lease
    job: Job
    done_above: frozenset[str] = frozenset()
    retried_above: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Another process holds a lease: on this job, or on another one of its lane."""

    job: Job
    """The job whose lease it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotClaimable:
    """The job is in a state from which this claim may not take it."""

    job: Job


ClaimAnswer: TypeAlias = Claimed | Held | NotClaimable


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """An item that failed since the last checkpoint."""

    item: str
    error_class: str
    message: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What happened since the last one: written whole, in one transaction, or not at all.

    `number` counts the checkpoints under one lease, so that one whose answer was lost can be sent again and counts
    once. The counts are increments. `above` are the cursors of items done beyond the cursor of the pass.
    """

    number: int
    phase: Phase = "processing"
    cursor: str | None = None
    above: Sequence[str] = ()
    retry: Retry | None = None
    retried_above: Sequence[str] = ()
    total: int | None = None
    added: Counts = field(default_factory=Counts)
    failures: Sequence[FailedItem] = ()
    resolved: Sequence[str] = ()
    """Items whose retry succeeded: they leave the failed ones."""
    sent: Sequence[Attempt] = ()
    """What was sent through a queue: the cursor has moved past it."""
    depth: Depth | None = None
    finishing: bool = False
    elapsed_ms: int = 0
    rate: float | None = None
    pressure: Pressure | None = None
    sample: Sample | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ends."""

    state: JobState
    reason: str | None = None
    message: str | None = None


Asked: TypeAlias = Literal["stop", "cancel"]


class JobStore(UploadStore, OutcomeStore, Protocol):
    """Jobs, their frozen ids, failures, runs, samples and log; and lists that were uploaded."""

    async def ping(self) -> None:
        """Raises DependencyDown where the store does not answer."""
        ...

    async def close(self) -> None:
        """Gives back its connections."""
        ...

    # What is accepted

    async def accept(self, job: NewJob, who: str) -> Job:
        """Takes a job in as `pending`; answers the present one where graph and key are taken."""
        ...

    async def discard(self, job_id: str, *, whole: bool = False) -> None:
        """Forgets a job that never ran, unless another process has begun it or frozen its ids meanwhile; with `whole`
        also where they are frozen."""
        ...

    async def freeze(self, job_id: str, list_id: str, first: int, chunks: Sequence[tuple[int, bytes]]) -> None:
        """Adds chunks (count, compressed ids) to a list that no job uses yet; `first` is the number of the first."""
        ...

    async def seal(self, job_id: str, list_id: str, ids: int) -> Job:
        """Makes a job whole with that list, unless it is whole already, and forgets its other lists.

        Raises UsageError where the list does not hold that many ids: it was half frozen, or swept away.
        """
        ...

    async def forget(self, list_id: str) -> None:
        """Drops a list that no job will use."""
        ...

    async def chunk(self, list_id: str, number: int) -> bytes | None:
        """A chunk of a frozen list; `None` past its end."""
        ...

    # Leases

    async def claim(self, claim: Claim) -> ClaimAnswer:
        """Takes the lease where it is free, recording what became of a holder that died."""
        ...

    async def rival(self, lane: str) -> Held | None:
        """The job of a lane that runs, before there is one to claim for."""
        ...

    async def renew(self, lease: Lease, lease_ms: int) -> Asked | None:
        """Prolongs the lease and answers what an operator has asked for. Raises LeaseLost."""
        ...

    async def checkpoint(self, lease: Lease, checkpoint: Checkpoint, lease_ms: int) -> Asked | None:
        """Writes a checkpoint and renews the lease. Raises LeaseLost where the epoch is another one, time is up, or
        the store does not hold the checkpoint before this one."""
        ...

    async def end(self, lease: Lease, checkpoint: Checkpoint, ending: Ending) -> Job:
        """The last checkpoint of a run, its end and the end of its lease. Raises LeaseLost."""
        ...

    async def bury(self) -> Sequence[Job]:
        """Records what became of jobs whose lease ran out; answers them."""
        ...

    # Operators

    async def stop(self, job_id: str, who: str, why: str) -> Job:
        """Asks a running job to stop; stops one at once that nobody runs. Raises NotPossible."""
        ...

    async def cancel(self, job_id: str, who: str, why: str) -> Job:
        """Asks a running job to end for good; ends one at once that nobody runs. Raises NotPossible."""
        ...

    async def fail(self, job_id: str, who: str, message: str) -> Job:
        """A pending job cannot begin: its ids cannot be frozen. One that another process has frozen meanwhile stays."""
        ...

    async def archive(self, job_id: str, who: str) -> Job:
        """Takes a job that nobody runs out of the lists. Raises NotPossible."""
        ...

    async def attend(self, job_id: str) -> Job:
        """Notes that a job is resumed no more by itself and needs a person."""
        ...

    async def note(self, job_id: str, who: str, what: str, why: str | None = None) -> None:
        """Adds a line to a job's log."""
        ...

    # What can be read

    async def find(self, graph_id: str, key: str) -> Job | None:
        """The job of that key for that graph."""
        ...

    async def get(self, job_id: str) -> Job:
        """The job of that id."""
        ...

    async def named(self, key: str) -> Sequence[Job]:
        """Every job of that key, whatever its graph, or of that id."""
        ...

    async def page(self, query: JobQuery) -> JobPage:
        """Jobs, searched, filtered and sorted. Raises UsageError for a wrong sort or `after`."""
        ...

    async def tally(self, kind: str | None = None) -> JobTally:
        """How many there are of which, archived ones left out."""
        ...

    async def changes(self, after: Mark | None, limit: int = 500) -> Changes:
        """What has changed since a mark, and a little of what lies before it; without one, the jobs that run now.

        At most `limit` jobs, the latest, and as many lines, the oldest.
        """
        ...

    async def resumable(self) -> Sequence[Job]:
        """Paused and interrupted jobs that a watchdog might resume, and those that nobody has begun yet. What was never
        frozen whole is none of them: nobody knows what it was for."""
        ...

    async def failures(self, job_id: str, query: FailureQuery) -> Sequence[Failure]:
        """One page of a job's failures."""
        ...

    async def count_failures(self, job_id: str, selection: Selection) -> int:
        """How many unresolved failures of a job a selection names."""
        ...

    async def failure_summary(self, job_id: str) -> FailureSummary:
        """Unresolved failures by class."""
        ...

    async def log(self, job_id: str, after: int = 0, limit: int = 500) -> Sequence[LogEvent]:
        """Lines of the log with a greater number."""
        ...

    async def latest_log(self, job_id: str, limit: int) -> Sequence[LogEvent]:
        """The last lines of the log, the latest first."""
        ...

    async def runs(self, job_id: str, limit: int = 50) -> Sequence[Run]:
        """Its runs, the latest first."""
        ...

    async def samples(self, job_id: str, since: int) -> Sequence[Sample]:
        """Its pace since that instant."""
        ...

    async def several(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """These jobs, in this order; those that are gone are left out."""
        ...

    async def glances(self, job_ids: Sequence[str], since: int) -> Mapping[str, Glance]:
        """What a list shows beside these jobs: the pace since that instant, and the latest unresolved failure."""
        ...
