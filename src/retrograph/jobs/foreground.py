"""A job that runs in this process to its end: its own watchdog.

At the runtime cap it goes on with the next run at once; while a dependency is down it waits and asks again; a lease
that was lost is taken again where nobody else has. At the end the few items that a service failed are tried once more:
among very many calls, a service that fails one in ten fails some call every time it is tried. Only what a person, a
failure or the end decides ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, JobRefused, LeaseLost, RetrographError
from retrograph.jobs.courier import QUEUE
from retrograph.jobs.job import Job
from retrograph.jobs.progress import Watch
from retrograph.jobs.requests import Engine
from retrograph.jobs.runner import Run, Taken, Work, closed
from retrograph.jobs.starting import Starter
from retrograph.jobs.state import JobState, PauseReason
from retrograph.jobs.store import Ending, JobStore, NotClaimable

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0

STORE: Final = "store"
"""The dependency that no load knows: the frozen ids are read from it."""


class Foreground:
    """One job of this process, over as many runs as it takes."""

    def __init__(
        self, store: JobStore, starter: Starter, clock: Clock, engine: Engine, watch: Watch, *, once: bool
    ) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._engine = engine
        self._watch = watch
        self._once = once
        self._run: Run | None = None
        self._asked = asyncio.Event()
        self._job: Job | None = None
        self._chance_given = once
        self._rest_seconds = FIRST_WAIT_SECONDS
        self._scanned: int | None = None

    async def to_its_end(self, taken: Taken, open_work: Callable[[Job], Awaitable[Work]]) -> Job:
        """Answers the job as it ended. Raises LeaseLost where another process holds it now."""
        next_run: Taken | None = taken
        job = taken.claimed.job
        while next_run is not None:
            self._job = job = next_run.claimed.job
            job, down = await self._one_run(next_run, open_work)
            next_run = None
            if self._goes_on(job):
                next_run, job = await self._resumed(job, down, open_work)
            elif self._deserves_a_second_chance(job):
                next_run, job = await self._second_chance(job, open_work)
        return job

    async def stop(self, who: str, why: str) -> None:
        """An operator at this process asks for a stop; it is in the store as theirs."""
        if self._job is not None:
            with suppress(RetrographError):
                await self._store.stop(self._job.job_id, who, why)
        self._halt(Ending(state=JobState.STOPPED))

    async def pause(self) -> None:
        """This process is told to end."""
        self._halt(Ending(state=JobState.PAUSED, reason=PauseReason.SHUTDOWN.value))

    def _halt(self, ending: Ending) -> None:
        self._asked.set()
        if self._run is not None:
            self._run.halt.end(ending)

    async def _one_run(self, taken: Taken, open_work: Callable[[Job], Awaitable[Work]]) -> tuple[Job, str | None]:
        """The job after one run, and the dependency that ended it."""
        job = taken.claimed.job
        self._run = run = Run(self._store, taken, self._engine.lease_seconds, self._clock, self._watch)
        try:
            ended = await run.to_its_end(lambda: open_work(job))
        except LeaseLost as error:
            if self._once:
                raise
            self._watch.said(f"{error}; trying to take it again")
            return job, None
        finally:
            self._run = None
        return ended, run.halt.dependency

    def _goes_on(self, job: Job) -> bool:
        if self._once or self._asked.is_set():
            return False
        # A job that still reads as running is one whose lease was lost.
        on_its_way = (PauseReason.MAX_RUNTIME, PauseReason.DEPENDENCY_DOWN)
        return job.state is JobState.RUNNING or (job.state is JobState.PAUSED and job.reason in on_its_way)

    def _deserves_a_second_chance(self, job: Job) -> bool:
        wanted = job.parameters.mode == "full" and job.parameters.retry_failed_before_cursor
        return job.state is JobState.SUCCEEDED and wanted and not self._chance_given and not self._asked.is_set()

    async def _second_chance(self, job: Job, open_work: Callable[[Job], Awaitable[Work]]) -> tuple[Taken | None, Job]:
        """Fewer items than would pause the job if all failed again: a job that ended well must not end worse."""
        self._chance_given = True
        try:
            taken = await self._starter.second_chance(job, job.parameters.max_consecutive_failures)
        except DependencyDown:
            # The lease may have been taken, and only the answer lost: then the job is on its way again.
            return await self._resumed(job, None, open_work)
        if taken is not None:
            self._watch.said("trying once more what a service failed")
        return taken, job

    async def _resumed(
        self, job: Job, down: str | None, open_work: Callable[[Job], Awaitable[Work]]
    ) -> tuple[Taken | None, Job]:
        """The next lease, or the job as others or the operator here have left it."""
        if down is not None:
            self._watch.said(f"paused: {job.message or down}; waiting until {down} answers again")
        wait, at_once = self._rest(job), down is None and job.state is JobState.PAUSED
        told = ""
        while True:
            if not at_once:
                await self._wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            at_once = False
            if self._asked.is_set():
                return None, await self._store.get(job.job_id)
            try:
                if down is None or await self._answers(job, down, open_work):
                    return await self._taken_again(job)
                if (now := await self._store.get(job.job_id)).state is not JobState.PAUSED:
                    return None, now
            except DependencyDown as error:  # the store itself: then there is nothing to do but wait, too
                if str(error) != told:
                    self._watch.said(f"waiting: {error}")
                told = str(error)

    def _rest(self, job: Job) -> float:
        """How long to wait at first: longer each time where the last run got nowhere. What answers its ping may still
        take nothing, such as a graph whose disk is full."""
        stuck = job.counts.scanned == self._scanned
        self._rest_seconds = min(2 * self._rest_seconds, LONGEST_WAIT_SECONDS) if stuck else FIRST_WAIT_SECONDS
        self._scanned = job.counts.scanned
        return self._rest_seconds

    async def _taken_again(self, job: Job) -> tuple[Taken | None, Job]:
        said = False
        while not self._asked.is_set():
            try:
                taken = await self._starter.resume(job, "retrograph", "goes on in the same process")
            except JobRefused as refusal:
                await self._unless_taken_over(job, refusal)
                if not said:
                    self._watch.said(str(refusal))
                said = True
                await self._wait(FIRST_WAIT_SECONDS)
                continue
            if isinstance(taken, NotClaimable):
                return None, taken.job
            return taken, taken.claimed.job
        return None, await self._store.get(job.job_id)

    async def _unless_taken_over(self, job: Job, refusal: JobRefused) -> None:
        """A lease that this process has lost by its own clock may still last a moment by the store's; so may one that
        it was given without hearing of it, because the answer was lost."""
        if refusal.reason == "running" and not self._starter.holds((await self._store.get(job.job_id)).holder):
            raise LeaseLost(f"another process has taken job {job.key} over")

    async def _answers(self, job: Job, dependency: str, open_work: Callable[[Job], Awaitable[Work]]) -> bool:
        if dependency == STORE:
            await self._store.ping()
            return True
        try:
            work = await open_work(job)
        except DependencyDown:
            return False
        try:
            courier = work.courier if dependency == QUEUE else None
            return await (courier.ping() if courier is not None else work.load.ping(dependency))
        except RetrographError:
            return False
        finally:
            await closed(work)

    async def _wait(self, seconds: float) -> None:
        """That long, or until somebody here asks for an end."""
        timer = asyncio.create_task(self._clock.sleep(seconds))
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({timer, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            asked.cancel()
            await asyncio.gather(timer, asked, return_exceptions=True)
