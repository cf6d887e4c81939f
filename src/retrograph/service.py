"""What every door calls: the command line, the console, the API and code that embeds Retrograph.

The doors hold no logic of their own. All verbs but `run` work from any process that reaches the store.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from retrograph.clock import Clock
from retrograph.jobs.job import Failure, Job, Json, LogEvent, Run, Sample
from retrograph.jobs.kind import Kind
from retrograph.jobs.progress import Progress
from retrograph.jobs.store import Claimed, FailureQuery, JobPage, JobQuery, JobStore, Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A wish to start or resume a job.

    `source` is what the kind's `resolve` understands. `parameters` are raw: any of the names in the design,
    `as_of` and `lookback_days` among them; what is missing has its default, or what the job had before.
    `from_text` also takes numbers written as text, as a command line has them.
    """

    kind: str
    source: object
    parameters: Mapping[str, object] = field(default_factory=dict)
    key: str | None = None
    who: str
    from_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAnswer:
    """What became of a wish to start.

    `started`: this process holds the lease now and must call `Service.run` with this answer at once. Otherwise
    `reason` is `running`, `complete` or `other-job-running`, and `message` a sentence with what to do.
    `clamped` are sentences about parameters that were out of range.
    """

    started: bool
    running: bool
    reason: str | None = None
    message: str | None = None
    job: Job
    clamped: Sequence[str] = ()
    forecast: str | None = None
    """How long it should take at its pace; `None` where that is unknown."""
    claimed: Claimed | None = None


class Watch(Protocol):
    """Whoever looks on while a job runs. Called from the event loop; must not block."""

    def progressed(self, progress: Progress) -> None:
        """About twice a second, and at the end of each run."""
        ...

    def said(self, sentence: str) -> None:
        """Something a person wants to know: what is waited for, why it paused, that it goes on."""
        ...


class Silent:
    """Nobody looks on."""

    def progressed(self, progress: Progress) -> None:
        del progress

    def said(self, sentence: str) -> None:
        del sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How this process holds jobs: the lease's length, the kinds that run one at a time, and its own name."""

    lease_seconds: float = 15.0
    exclusive: frozenset[str] = frozenset({"purchases"})
    holder: str | None = None
    """`None`: host, process id and something unique."""


class Service:
    """The verbs. `graph` answers the graph's id; it is asked only for what needs a graph."""

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        graph: Callable[[], Awaitable[str]],
        clock: Clock,
        engine: Engine | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self, request: StartRequest, watch: Watch | None = None) -> StartAnswer:
        """Validates, freezes what must be frozen, and takes the lease. Raises UsageError, DependencyDown.

        Where the key is held, waits until its holder is seen alive (answers `running`) or its lease has run out
        (takes over); `watch.said` tells which it is waiting for.
        """
        raise NotImplementedError

    async def retry(
        self,
        key: str,
        selection: Selection,
        who: str,
        parameters: Mapping[str, object] | None = None,
        watch: Watch | None = None,
    ) -> StartAnswer:
        """Like `start`, for the unresolved failures of a job that exists."""
        raise NotImplementedError

    async def run(self, answer: StartAnswer, watch: Watch | None = None, *, once: bool = False) -> Job:
        """Runs a started job to its end, in this process, and answers it as it ended.

        It is its own watchdog: at the runtime cap it goes on with the next run, and while a dependency is down it
        waits; with `once` it ends instead. Raises LeaseLost where another process has taken the job over.
        """
        raise NotImplementedError

    async def stop_here(self, who: str, why: str) -> None:
        """Ctrl-C: asks what `run` runs in this process to stop; `run` then answers it as `stopped`."""
        raise NotImplementedError

    async def pause_here(self) -> None:
        """SIGTERM: lets what `run` runs in this process pause with `shutdown`."""
        raise NotImplementedError

    async def stop(self, key: str, who: str, why: str = "") -> Job:
        """Asks a job to stop, wherever it runs. Raises NotFound, NotPossible."""
        raise NotImplementedError

    async def cancel(self, key: str, who: str, why: str = "") -> Job:
        """Asks a job to end for good, wherever it runs. Raises NotFound, NotPossible."""
        raise NotImplementedError

    async def archive(self, key: str, who: str) -> Job:
        """Takes a job out of the lists; its history stays. Raises NotFound, NotPossible."""
        raise NotImplementedError

    async def list(self, query: JobQuery) -> JobPage:
        """Jobs: searched, filtered, sorted, by pages. Raises UsageError."""
        raise NotImplementedError

    async def show(self, key: str) -> Job:
        """A job by its key or its id. Raises NotFound, UsageError where several graphs have that key."""
        raise NotImplementedError

    def failures(self, key: str, query: FailureQuery | None = None) -> AsyncIterator[Failure]:
        """All failures of a job that fit, page by page. Raises NotFound."""
        raise NotImplementedError

    def log(self, key: str, after: int = 0) -> AsyncIterator[LogEvent]:
        """The job's log, oldest first. Raises NotFound."""
        raise NotImplementedError

    async def runs(self, key: str) -> Sequence[Run]:
        """The job's runs, the latest first. Raises NotFound."""
        raise NotImplementedError

    async def samples(self, key: str) -> Sequence[Sample]:
        """The job's pace over the last day. Raises NotFound."""
        raise NotImplementedError

    async def close(self) -> None:
        """Gives back the store."""
        raise NotImplementedError


def job_as_json(job: Job) -> dict[str, Json]:
    """The object that `jobs show --json` and the API print."""
    raise NotImplementedError
