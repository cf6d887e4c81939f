"""Sends the items of a run through a courier, in order and at a pace; who does them is elsewhere.

An item counts as sent once the courier has taken it; the cursor moves past it with the checkpoint that says so. A run
killed between the two sends it again, as the same request. What cannot be sent pauses the job, and a resume sends only
what is not noted as sent.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeAlias

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, LeaseLost, RetrographError
from retrograph.jobs.courier import BATCH, QUEUE, Courier
from retrograph.jobs.crew import MOST_AHEAD
from retrograph.jobs.feed import Feed
from retrograph.jobs.halt import Halt
from retrograph.jobs.job import Job
from retrograph.jobs.keeper import LeaseKeeper
from retrograph.jobs.ledger import Ledger
from retrograph.jobs.outcomes import Attempt
from retrograph.jobs.pacing import Pacer
from retrograph.jobs.window import Slot, Window
from retrograph.jobs.work import Item

LINGER_SECONDS: Final = 1.0
"""How long a batch waits to become full."""

TRIES: Final = 5
FIRST_REST_SECONDS: Final = 0.5
"""After it, twice as long each time."""

MOST_READY: Final = 200
"""Requests that have had their turn and wait for a sender."""

Waiting: TypeAlias = tuple[Attempt, Slot]


class Dispatch:
    """Sends with `concurrency` senders. A run has one; its passes use it one after the other."""

    def __init__(
        self, courier: Courier, job: Job, ledger: Ledger, keeper: LeaseKeeper, halt: Halt, clock: Clock
    ) -> None:
        self._courier = courier
        self._job = job
        self._ledger = ledger
        self._keeper = keeper
        self._halt = halt
        self._clock = clock
        rate = job.parameters.rate_limit
        self._pacer = None if rate is None else Pacer(clock, rate)

    async def work(self, items: AsyncIterator[Item], window: Window, *, retried: bool) -> None:
        """Sends all items, or until a halt is asked. Raises what the source raises, and LeaseLost."""
        del retried  # an attempt's number says it
        parcels = _Parcels(Feed(items), window, self._turn, self._clock, self._job.attempt_base)
        tasks = [asyncio.create_task(self._sender(parcels)) for _ in range(self._job.parameters.concurrency)]
        tasks.append(asyncio.create_task(self._fill(parcels)))
        dismissing = asyncio.create_task(self._dismiss(parcels))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, dismissing):
                task.cancel()
            await asyncio.gather(*tasks, dismissing, return_exceptions=True)

    async def _fill(self, parcels: "_Parcels") -> None:
        """After a halt, nobody needs to wait for an item or its turn any longer."""
        filling = asyncio.create_task(parcels.fill())
        halted = asyncio.create_task(self._halt.wait())
        try:
            await asyncio.wait({filling, halted}, return_when=asyncio.FIRST_COMPLETED)
            if filling.done():
                filling.result()
        finally:
            for task in (filling, halted):
                task.cancel()
            await asyncio.gather(filling, halted, return_exceptions=True)

    async def _turn(self) -> None:
        if self._pacer is not None:
            await self._pacer.turn()

    async def _dismiss(self, parcels: "_Parcels") -> None:
        await self._halt.wait()
        parcels.end()

    async def _sender(self, parcels: "_Parcels") -> None:
        while parcel := await parcels.next():
            try:
                self._keeper.check()
                await self._deliver(parcel, parcels)
            except LeaseLost as error:
                self._halt.lose(str(error))
            except DependencyDown as error:
                self._halt.dependency_down(error.dependency, str(error))
            except RetrographError as error:
                self._halt.fail(str(error))
            await self._ledger.save_if_full(self._job.parameters.batch_size)
            await self._rest_between_batches(parcels)

    async def _rest_between_batches(self, parcels: "_Parcels") -> None:
        sleep_ms, batch = self._job.parameters.sleep_ms, self._job.parameters.batch_size
        if sleep_ms and parcels.since_rest >= batch:
            parcels.since_rest = 0
            await self._clock.sleep(sleep_ms / 1000)

    async def _deliver(self, parcel: list[Waiting], parcels: "_Parcels") -> None:
        """Tries what was not taken again, for as long as something may still be begun."""
        left, rest = parcel, FIRST_REST_SECONDS
        for attempt in range(1, TRIES + 1):
            refused = await self._courier.send([request for request, _ in left])
            for request, slot in left:
                if request not in refused:
                    self._ledger.tally.dispatched(request)
                    parcels.done(slot)
            left = [(request, slot) for request, slot in left if request in refused]
            if not left:
                return
            if attempt < TRIES and not self._halt.asked:
                await self._clock.sleep(rest)
                rest *= 2
                self._keeper.check()
        why = next(iter(refused.values()))
        raise DependencyDown(QUEUE, f"the queue did not take {len(left)} of {len(parcel)} messages: {why}")


class _Parcels:
    """One pass over items, in parcels of at most ten."""

    def __init__(
        self, feed: Feed, window: Window, turn: Callable[[], Awaitable[None]], clock: Clock, base: int
    ) -> None:
        self._feed = feed
        self._window = window
        self._turn = turn
        self._clock = clock
        self._base = base
        self._ready: deque[Waiting] = deque()
        self._filling = asyncio.Lock()
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._exhausted = False
        self._ended = False
        self.since_rest = 0

    def end(self) -> None:
        """Nothing further is handed out."""
        self._ended = True
        self._came.set()
        self._room.set()

    def done(self, slot: Slot) -> None:
        """A request was taken."""
        self._window.finish(slot)
        self._room.set()

    async def fill(self) -> None:
        """Takes the items one after the other, each in its turn. Raises what the source raises."""
        while not self._ended and (item := await self._feed.next()) is not None:
            if (slot := self._window.take(item.cursor)) is not None:
                await self._turn()
                self._ready.append((Attempt(item.key, self._base + item.attempts + 1), slot))
                self._came.set()
            while not self._ended and (len(self._ready) >= MOST_READY or self._window.span >= MOST_AHEAD):
                self._room.clear()
                await self._room.wait()
        self._exhausted = True
        self._came.set()

    async def next(self) -> list[Waiting]:
        """The next parcel, full or after it has lingered; empty at the end."""
        async with self._filling:
            await self._until_there_are(1)
            if not self._over:
                await self._lingering()
            parcel = [] if self._ended else [self._ready.popleft() for _ in range(min(BATCH, len(self._ready)))]
            self._room.set()
            self.since_rest += len(parcel)
            return parcel

    @property
    def _over(self) -> bool:
        return self._ended or self._exhausted

    async def _until_there_are(self, count: int) -> None:
        while len(self._ready) < count and not self._over:
            self._came.clear()
            await self._came.wait()

    async def _lingering(self) -> None:
        """Until the parcel is full, or it has waited long enough."""
        if len(self._ready) >= BATCH:
            return
        timer = asyncio.create_task(self._clock.sleep(LINGER_SECONDS))
        filling = asyncio.create_task(self._until_there_are(BATCH))
        try:
            await asyncio.wait({timer, filling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            filling.cancel()
            await asyncio.gather(timer, filling, return_exceptions=True)
