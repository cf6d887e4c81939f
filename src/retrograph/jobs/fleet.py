"""The jobs that run in the background of this process, each from its start to the end of that run.

A server's run is bounded: at its cap it ends `paused`, and the watchdog of any server goes on with it. When the process
ends, every run is paused at its next checkpoint; what does not pause in time is cancelled, and its lease runs out.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self

import structlog

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, LeaseLost, RetrographError
from retrograph.jobs.job import Job
from retrograph.jobs.progress import Progress, Watch
from retrograph.jobs.queries import Selection
from retrograph.jobs.requests import StartAnswer, StartRequest
from retrograph.jobs.state import JobState

WATCHDOG: Final = "watchdog"
"""Who it was, in a job's log."""

PAUSE_SECONDS: Final = 15.0
"""Longer than the grace that a run gives its items when it shuts down."""

_ASK_AGAIN_SECONDS: Final = 0.1

_log = structlog.get_logger()


class Verbs(Protocol):
    """What a fleet needs of the service."""

    async def start(self, request: StartRequest, watch: Watch | None = None) -> StartAnswer: ...

    async def retry(
        self,
        key: str,
        selection: Selection,
        who: str,
        parameters: Mapping[str, object] | None = None,
        watch: Watch | None = None,
    ) -> StartAnswer: ...

    async def resume(self, key: str, who: str, why: str) -> StartAnswer | None: ...

    async def run(self, answer: StartAnswer, watch: Watch | None = None, *, once: bool = False) -> Job: ...

    async def pause_here(self) -> None: ...


class Fleet:
    """Used as a context: jobs run within it, and leaving it pauses them."""

    def __init__(self, verbs: Verbs, clock: Clock, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._verbs = verbs
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._seen: dict[str, Progress | None] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.pause()
        finally:
            await self._group.__aexit__(kind, error, trace)

    @property
    def running(self) -> Mapping[str, Progress | None]:
        """The ids of the jobs that run here, and the last look at each."""
        return self._seen

    async def start(self, request: StartRequest) -> StartAnswer:
        """See `Service.start`; what was started runs here from then on, even if whoever asked has gone."""
        answer = await self._launched(self._verbs.start(request))
        assert answer is not None
        return answer

    async def retry(
        self, key: str, selection: Selection, who: str, parameters: Mapping[str, object] | None = None
    ) -> StartAnswer:
        """See `Service.retry`."""
        answer = await self._launched(self._verbs.retry(key, selection, who, parameters))
        assert answer is not None
        return answer

    async def resume(self, job: Job) -> bool:
        """What a watchdog does about a job that is due; whether it goes on here: another server may have been quicker.

        Raises JobRefused, IncompatibleGraph.
        """
        if self._closing:
            return False  # what was paused just now is due at once, but for a server that stays
        why = "nobody had begun it" if job.state is JobState.PENDING else f"it was {job.state}"
        why += f" ({job.reason})" if job.reason else ""
        return await self._launched(self._verbs.resume(job.job_id, WATCHDOG, why)) is not None

    async def pause(self) -> None:
        """Takes nothing on any more and pauses what runs, with `shutdown`. Bounded: 15 s unless told otherwise."""
        self._closing = True
        ends = self._clock.monotonic() + self._pause_seconds
        while self._tasks and self._clock.monotonic() < ends:
            # Asked again: a run that is just beginning has not heard the first time.
            await self._verbs.pause_here()
            await self._clock.sleep(_ASK_AGAIN_SECONDS)
        for task in self._tasks:
            task.cancel()

    async def _launched(self, asking: Awaitable[StartAnswer | None]) -> StartAnswer | None:
        if self._closing:
            if asyncio.iscoroutine(asking):
                asking.close()
            raise DependencyDown("server", "this server is shutting down: ask again in a moment")
        answer: asyncio.Future[StartAnswer | None] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(self._voyage(asking, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(answer)

    async def _voyage(
        self, asking: Awaitable[StartAnswer | None], answer: "asyncio.Future[StartAnswer | None]"
    ) -> None:
        """One task from the wish to the end of the run, so that no lease is taken that nobody serves."""
        try:
            found = await asking
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:
            answer.set_exception(error)
            answer.exception()  # whoever asked may have gone
            return
        if found is not None and found.started:
            self._seen[found.job.job_id] = None
        answer.set_result(found)
        if found is not None and found.started:
            await self._run(found)

    async def _run(self, answer: StartAnswer) -> None:
        job = answer.job
        structlog.contextvars.bind_contextvars(job=job.key)
        _log.info("run-began", kind=job.kind, run=job.epoch)
        try:
            ended = await self._verbs.run(answer, _Lookout(job.job_id, self._seen), once=True)
            _log.info("run-ended", state=ended.state.value, reason=ended.reason, scanned=ended.counts.scanned)
        except LeaseLost as error:
            _log.warning("lease-lost", error=str(error))
        except RetrographError as error:
            _log.error("run-broke-off", error=str(error))
        except Exception:
            _log.exception("run-broke-off")
        finally:
            self._seen.pop(job.job_id, None)


class _Lookout:
    """Keeps the last look at a job of this process, and logs what is said about it."""

    def __init__(self, job_id: str, seen: dict[str, Progress | None]) -> None:
        self._job_id = job_id
        self._seen = seen

    def progressed(self, progress: Progress) -> None:
        if self._job_id in self._seen:
            self._seen[self._job_id] = progress

    def said(self, sentence: str) -> None:
        _log.info("said", sentence=sentence)
