"""What a worker reads and writes in the job store: which job a request is of, and how its attempt ended."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, RetrographError
from retrograph.jobs.job import Job
from retrograph.jobs.outcomes import Attempt, ItemOutcome
from retrograph.jobs.state import HELD, JobState
from retrograph.jobs.store import JobStore
from retrograph.queue.batches import Batches
from retrograph.queue.message import LoadRequest, request_id

KNOWN_SECONDS: Final = 1.0
"""How long a look at a job serves all its requests: a cancel takes effect within it."""

SETTLE_SECONDS: Final = 2.0
RECORDED_TOGETHER: Final = 100
_PATIENCE_SECONDS: Final = 1.0
_LONGEST_PATIENCE_SECONDS: Final = 15.0

_log = structlog.get_logger()


class UnknownJob(RetrographError):
    """A request names a job that this store does not have: it must be another worker's."""


class Ended(NamedTuple):
    """How an attempt of a job ended."""

    job_id: str
    outcome: ItemOutcome


class _Question:
    """Whether an attempt has an outcome."""

    __slots__ = ("answered", "attempt", "job_id")

    def __init__(self, job_id: str, attempt: Attempt) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self.answered = False


class Books:
    """The job store as a worker uses it. Outcomes that are ready at the same time are written together."""

    def __init__(self, store: JobStore, graph_id: str, clock: Clock) -> None:
        self._store = store
        self._graph_id = graph_id
        self._clock = clock
        self._known: dict[str, tuple[float, Job | None]] = {}
        self._recording = Batches[Ended](self._write, RECORDED_TOGETHER)
        self._asking = Batches[_Question](self._look_up, RECORDED_TOGETHER)
        self._touched: set[str] = set()

    async def job_of(self, request: LoadRequest) -> Job | None:
        """The job that a request is of; `None` where it is of none. Raises UnknownJob, DependencyDown."""
        if request.job_key is None:
            return None
        job = await self._job(request.job_key)
        if job is None:
            raise UnknownJob(f"there is no job {request.job_key} for this graph in this store")
        mine = request_id(job.job_id, request.user_id, request.attempt)
        if request.request_id != mine:
            raise UnknownJob(f"it is no request of the job {job.key} that this store has")
        return job

    async def answered(self, job: Job, request: LoadRequest) -> bool:
        """Whether the attempt has an outcome already, or was sent before the job was reset."""
        attempt = Attempt(request.user_id, request.attempt)
        if attempt.attempt <= job.attempt_base:
            return True
        question = _Question(job.job_id, attempt)
        await self._asking.do(question)
        return question.answered

    async def record(self, job: Job, outcome: ItemOutcome) -> None:
        """Returns once the outcome is written, however long the store is away."""
        await self._recording.do(Ended(job.job_id, outcome))

    async def settle(self) -> None:
        """Counts the outcomes of jobs that no run counts: stopped, paused and cancelled ones."""
        if not self._touched:
            return
        for job in await self._store.several(sorted(self._touched)):
            if job.state in HELD:
                continue
            while (await self._store.settle(job.job_id)).more:
                pass
            self._touched.discard(job.job_id)

    async def keep_settling(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(SETTLE_SECONDS)
            with suppress(RetrographError):
                await self.settle()

    async def _job(self, key: str) -> Job | None:
        now = self._clock.monotonic()
        looked = self._known.get(key)
        if looked is None or now - looked[0] > KNOWN_SECONDS:
            looked = self._known[key] = (now, await self._store.find(self._graph_id, key))
        return looked[1]

    async def _look_up(self, questions: "Sequence[_Question]") -> None:
        for job_id in {question.job_id for question in questions}:
            mine = [question for question in questions if question.job_id == job_id]
            known = await self._store.answered(job_id, [question.attempt for question in mine])
            for question in mine:
                question.answered = question.attempt in known

    async def _write(self, ended: Sequence[Ended]) -> None:
        wait = _PATIENCE_SECONDS
        while True:
            try:
                for job_id in sorted({one.job_id for one in ended}):
                    await self._store.record(job_id, [one.outcome for one in ended if one.job_id == job_id])
                    self._touched.add(job_id)
                return
            except DependencyDown as error:
                _log.warning("outcomes-wait", error=str(error))
                await self._clock.sleep(wait)
                wait = min(2 * wait, _LONGEST_PATIENCE_SECONDS)


def is_cancelled(job: Job) -> bool:
    """Whether requests of the job are passed over."""
    return job.state in (JobState.CANCELING, JobState.CANCELED)
