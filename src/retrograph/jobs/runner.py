"""One run of a job, from the lease to its end: discovery, failures again, the walk, the hook at the end.

Nothing here knows what an item is. Every step ends early when a halt is asked; whatever happens, the run ends with
one last checkpoint that says how, unless the lease is lost: then it writes nothing more.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, LeaseLost, RetrographError
from retrograph.jobs.courier import Courier
from retrograph.jobs.crew import Crew
from retrograph.jobs.dispatch import Dispatch
from retrograph.jobs.halt import Halt, drain
from retrograph.jobs.job import Job
from retrograph.jobs.keeper import LeaseKeeper
from retrograph.jobs.ledger import Ledger
from retrograph.jobs.pressure import Pressed
from retrograph.jobs.progress import Watch
from retrograph.jobs.settling import Settlement
from retrograph.jobs.slowing import WHO, Slowing
from retrograph.jobs.state import RETRIED, JobState, PauseReason
from retrograph.jobs.store import Claimed, Ending, FailureQuery, JobStore
from retrograph.jobs.text import described
from retrograph.jobs.window import Window
from retrograph.jobs.work import Item, Load, Source

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
RETENTION_SECONDS: Final = 345_600.0


class Work(NamedTuple):
    """What a kind opened for a job."""

    source: Source
    load: Load
    courier: Courier | None = None
    """Where the items are not done by this run: who carries them to those that do them."""
    retention_seconds: float = RETENTION_SECONDS
    """What was sent so long ago, and nobody answered, is lost."""


class Hands(Protocol):
    """Whoever gets items done."""

    async def work(self, items: AsyncIterator[Item], window: Window, *, retried: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A lease of this process, and the monotonic moment from before it was asked for."""

    claimed: Claimed
    at: float


class Halted(Exception):
    """The step was left because the run ends; the halt says why."""


class Run:
    """One run. `halt` is how others end it."""

    def __init__(self, store: JobStore, taken: Taken, lease_seconds: float, clock: Clock, watch: Watch) -> None:
        job = taken.claimed.job
        self.job = job
        self.halt = Halt()
        self._store = store
        self._clock = clock
        self._watch = watch
        self._parameters = job.parameters
        self._keeper = LeaseKeeper(
            store, taken.claimed.lease, seconds=lease_seconds, claimed_at=taken.at, clock=clock, halt=self.halt
        )
        self._ledger = Ledger(store, taken.claimed, self._keeper, clock, self.halt)
        self._slowing = Slowing(partial(store.note, job.job_id, WHO))

    async def to_its_end(self, open_work: Callable[[], Awaitable[Work]]) -> Job:
        """Answers the job as the run left it. Raises LeaseLost."""
        async with self._beside(self._keeper.keep(), self._tick()):
            await self._guarded(open_work)
            if self.halt.lost is not None:
                raise LeaseLost(self.halt.lost)
            assert self.halt.ending is not None
            ended = await self._ledger.close(self.halt.ending)
        self._watch.progressed(self._ledger.progress())
        return ended

    async def _guarded(self, open_work: Callable[[], Awaitable[Work]]) -> None:
        """Whatever the steps raise becomes an ending of the run."""
        try:
            await self._steps(open_work)
        except Halted:
            return
        except LeaseLost as error:
            self.halt.lose(str(error))
        except DependencyDown as error:
            self.halt.dependency_down(error.dependency, str(error))
        except RetrographError as error:
            self.halt.fail(str(error))
        except Exception as error:
            log.debug("job %s failed unexpectedly", self.job.key, exc_info=error)
            self.halt.fail(": ".join(described(error)))

    async def _steps(self, open_work: Callable[[], Awaitable[Work]]) -> None:
        async with self._opened(open_work) as work:
            if isinstance(work.load, Pressed):
                self._ledger.pressure = work.load.pressure
            await self._discover(work.source)
            settlement = self._settlement(work)
            async with self._beside(*([settlement.keep()] if work.courier else [])):
                await self._items(work, settlement)
            await self._finish(work.load)

    async def _items(self, work: Work, settlement: Settlement) -> None:
        """Every item, done here or elsewhere."""
        hands = self._hands(work)
        if self.job.sent:
            await self._unless_halted(self._settled_so_far(settlement))
        await self._retry(hands)
        if self._parameters.mode == "failed" and not (self.job.complete or self.job.finishing):
            await self._settle(work, settlement)
            message = "the failures were tried again; the same key goes on with the rest"
            self.halt.end(Ending(state=JobState.STOPPED, reason=RETRIED, message=message))
            raise Halted
        await self._walk(hands, work.source)
        await self._settle(work, settlement)

    def _hands(self, work: Work) -> "Hands":
        if work.courier is None:
            return Crew(work.load, self._ledger, self._keeper, self.halt, self._clock, self._parameters)
        return Dispatch(work.courier, self.job, self._ledger, self._keeper, self.halt, self._clock)

    def _settlement(self, work: Work) -> Settlement:
        return Settlement(
            self._store, self.job, work.courier, self._ledger, self.halt, self._clock, work.retention_seconds
        )

    async def _settled_so_far(self, settlement: Settlement) -> None:
        """What has come in since the last run: failures among it are listed before they are tried again."""
        await settlement.look()

    async def _settle(self, work: Work, settlement: Settlement) -> None:
        """Waits until everything that was ever sent is counted."""
        if work.courier is None and not self.job.sent:
            return
        await self._ledger.save()
        await self._unless_halted(settlement.to_the_end())

    @asynccontextmanager
    async def _opened(self, open_work: Callable[[], Awaitable[Work]]) -> AsyncIterator[Work]:
        opened: list[Work] = []

        async def opening() -> None:
            opened.append(await open_work())

        try:
            await self._unless_halted(opening())
            yield opened[0]
        finally:
            for work in opened:
                await closed(work)

    async def _discover(self, source: Source) -> None:
        if self._ledger.total is None:

            async def counting() -> None:
                self._ledger.total = await source.discover()

            await self._unless_halted(counting())
        self._ledger.phase = "processing"
        await self._ledger.save()

    async def _retry(self, hands: "Hands") -> None:
        """The recorded failures first, with their own cursor."""
        if self._ledger.retry is None or self._parameters.mode == "cursor":
            return
        await self._unless_halted(hands.work(self._failed_items(), self._ledger.retried, retried=True))
        self._ledger.end_retry()
        await self._ledger.save()

    async def _failed_items(self) -> AsyncIterator[Item]:
        retry = self._ledger.retry
        assert retry is not None
        after = retry.cursor
        while True:
            query = FailureQuery(resolved=False, selected=retry.selected, after=after, last=retry.last)
            found = await self._store.failures(self.job.job_id, query)
            for failure in found:
                yield Item(failure.item, str(failure.number), failure.attempts)
            if len(found) < query.limit:
                return
            after = found[-1].number

    async def _walk(self, hands: "Hands", source: Source) -> None:
        if self.job.complete or self.job.finishing:
            return
        items = source.walk(self._ledger.walked.cursor)
        await self._unless_halted(hands.work(items, self._ledger.walked, retried=False))

    async def _finish(self, load: Load) -> None:
        """The hook may take long and may be interrupted: that everything else is done is saved before."""
        self._ledger.finishing = True
        await self._ledger.save()

        async def finishing() -> None:
            await load.finish()
            self.halt.succeed()

        with suppress(Halted):
            await self._unless_halted(finishing())

    async def _unless_halted(self, step: Coroutine[Any, Any, None]) -> None:
        """Does a step to its end. Raises Halted where the run ends meanwhile, when the grace for it is over."""
        if self.halt.asked:
            step.close()
            raise Halted
        await drain(asyncio.create_task(step), self.halt, self._clock)
        if self.halt.asked:
            raise Halted

    async def _tick(self) -> None:
        """What time alone brings: the cap, checkpoints, samples, and news for whoever looks on."""
        began = self._clock.monotonic()
        while True:
            await self._clock.sleep(TICK_SECONDS)
            self._watch.progressed(self._ledger.progress())
            # The hook at the end is no walk that could go on as well in the next run: it is waited for.
            if self._clock.monotonic() - began >= self._parameters.max_runtime_ms / 1000 and not self._ledger.finishing:
                self.halt.pause(PauseReason.MAX_RUNTIME)
            if self._ledger.due and not self.halt.asked:
                await self._ledger.save()
                await self._slowing.look(self._ledger.pressure())

    @asynccontextmanager
    async def _beside(self, *background: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Runs these as long as the block. One that fails ends the run; a lost lease has ended it already."""
        tasks = [asyncio.create_task(self._watched(work)) for work in background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except LeaseLost as error:
            self.halt.lose(str(error))
        except Exception as error:
            log.debug("job %s cannot be kept", self.job.key, exc_info=error)
            self.halt.fail(": ".join(described(error)))


async def closed(work: Work) -> None:
    """Gives back what was opened, whatever comes of it."""
    with suppress(Exception):
        await work.load.close()
    if work.courier is not None:
        with suppress(Exception):
            await work.courier.close()
