"""Resumes jobs that nobody asked to end: paused by themselves, or left by a process that died, even before it began.

What is due is decided by pure functions; a server calls `sweep` again and again.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from retrograph.clock import Clock, to_millis
from retrograph.errors import JobRefused, RetrographError
from retrograph.jobs.job import Job
from retrograph.jobs.state import TAKEN_UP, JobState, PauseReason
from retrograph.jobs.store import JobStore

log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
"""An interrupted job must be taken over within a second after its lease has run out."""

Verdict: TypeAlias = Literal["resume", "wait", "attend", "leave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a job rests before it is resumed."""

    first_wait_ms: int = 300_000
    longest_wait_ms: int = 3_600_000
    most_idle_tries: int = 10
    unclaimed_ms: int = 60_000
    """How long whoever accepted a job may take to begin it: the wait for another one's lease, and much more."""


def rest_ms(job: Job, patience: Patience) -> int:
    """How long a job rests: 5 minutes, not at all if its process died or shut down; without progress since the last
    resume twice as long each time, up to an hour. A minute, where nobody has begun it since it was accepted."""
    if job.state is JobState.PENDING:
        return patience.unclaimed_ms
    at_once = job.state is JobState.INTERRUPTED or job.reason == PauseReason.SHUTDOWN
    doublings = job.idle_tries - 1 if at_once else job.idle_tries
    if doublings < 0:
        return 0
    return min(patience.longest_wait_ms, patience.first_wait_ms << min(doublings, 30))


def resumes_at(job: Job, patience: Patience) -> int | None:
    """When a job that rests is due, in milliseconds; `None` where it is not resumed by itself."""
    if verdict(job, 0, patience) not in ("resume", "wait"):
        return None
    return _paused_at(job) + rest_ms(job, patience)


def verdict(job: Job, now: int, patience: Patience) -> Verdict:
    """What is to be done about a job at that instant."""
    if (
        job.state not in TAKEN_UP
        or not job.whole
        or job.spec.dry_run
        or job.archived_at is not None
        or job.needs_attention
    ):
        return "leave"
    if job.idle_tries >= patience.most_idle_tries:
        return "attend"
    return "resume" if now - _paused_at(job) >= rest_ms(job, patience) else "wait"


def _paused_at(job: Job) -> int:
    return job.updated_at if job.paused_at is None else job.paused_at


class Watchdog:
    """Finds what is due. `resume` takes a job's lease and sees that it runs, and says whether it did; it raises
    JobRefused where it may not."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        graph: Callable[[], Awaitable[str]],
        resume: Callable[[Job], Awaitable[bool]],
        patience: Patience | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._graph = graph
        self._resume = resume
        self._patience = patience or Patience()

    async def watch(self) -> None:
        """Sweeps until cancelled; a store or graph that does not answer is asked again next time."""
        told = ""
        while True:
            try:
                await self.sweep()
                told = ""
            except RetrographError as error:
                if str(error) != told:
                    log.warning("the watchdog cannot look after the jobs: %s", error)
                told = str(error)
            await self._clock.sleep(SWEEP_SECONDS)

    async def sweep(self) -> Sequence[str]:
        """Looks once at every job that might be due; answers the keys of those it resumed."""
        await self._store.bury()
        resumed = []
        for job in await self._store.resumable():
            decided = verdict(job, to_millis(self._clock.now()), self._patience)
            if decided == "attend":
                await self._store.attend(job.job_id)
            elif decided == "resume" and await self._resumed(job):
                resumed.append(job.key)
        return resumed

    async def _resumed(self, job: Job) -> bool:
        if job.graph_id != await self._graph():
            return False
        try:
            return await self._resume(job)
        except JobRefused:
            return False  # its lane is taken, or another process was quicker: it waits for the next sweep
        except RetrographError as error:  # whatever is wrong with one job, the others are looked after
            log.warning("job %s cannot be resumed: %s", job.key, error)
            return False
