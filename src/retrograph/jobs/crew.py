"""The workers of a run: a bounded number of loads at a time, fed in order and at a pace."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from retrograph.clock import Clock, to_millis
from retrograph.errors import ConfigurationError, DependencyDown, IncompatibleGraph, ItemError, LeaseLost, MissingExtra
from retrograph.jobs.feed import Feed
from retrograph.jobs.halt import Halt
from retrograph.jobs.job import Parameters
from retrograph.jobs.keeper import LeaseKeeper
from retrograph.jobs.ledger import Ledger
from retrograph.jobs.pacing import Pacer
from retrograph.jobs.state import PauseReason
from retrograph.jobs.store import FailedItem
from retrograph.jobs.text import described
from retrograph.jobs.window import Slot, Window
from retrograph.jobs.work import Item, Load

log = logging.getLogger(__name__)

MOST_AHEAD: Final = 10_000
"""How far items may run ahead of the lowest one that is not done: it bounds what a checkpoint must remember."""

_PING_SECONDS: Final = 1.0
"""A ping's answer serves all items that fail within so long."""


class Crew:
    """Does items with `concurrency` workers. A run has one; its passes use it one after the other."""

    def __init__(
        self, load: Load, ledger: Ledger, keeper: LeaseKeeper, halt: Halt, clock: Clock, parameters: Parameters
    ) -> None:
        self._load = load
        self._ledger = ledger
        self._keeper = keeper
        self._halt = halt
        self._clock = clock
        self._parameters = parameters
        self._pacer = None if parameters.rate_limit is None else Pacer(clock, parameters.rate_limit)
        self._pings = Pings(load, clock)
        self._paced = self._pacer is not None or parameters.sleep_ms > 0
        self._taken = 0

    async def work(self, items: AsyncIterator[Item], window: Window, *, retried: bool) -> None:
        """Does all items, or those under way when a halt is asked. Raises what the source raises, and LeaseLost."""
        shift = _Shift(items, window, retried)
        workers = [asyncio.create_task(self._worker(shift)) for _ in range(self._parameters.concurrency)]
        dismissing = asyncio.create_task(self._dismiss_idle(shift, workers))
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            for worker in done:
                if not worker.cancelled():
                    worker.result()
        finally:
            for task in (*workers, dismissing):
                task.cancel()
            await asyncio.gather(*workers, dismissing, return_exceptions=True)

    async def _dismiss_idle(self, shift: "_Shift", workers: "list[asyncio.Task[None]]") -> None:
        """After a halt, workers that wait for an item or its turn need not wait any longer."""
        await self._halt.wait()
        for worker in workers:
            if worker not in shift.busy:
                worker.cancel()

    async def _worker(self, shift: "_Shift") -> None:
        me = asyncio.current_task()
        assert me is not None
        while (taken := await self._next(shift)) is not None:
            item, slot = taken
            shift.busy.add(me)
            try:
                self._keeper.check()
                if await self._one(item, retried=shift.retried):
                    shift.window.finish(slot)
                    shift.moved.set()
                    await self._ledger.save_if_full(self._parameters.batch_size)
            finally:
                shift.busy.discard(me)

    async def _next(self, shift: "_Shift") -> tuple[Item, Slot] | None:
        """The next item that is not done, once it may begin."""
        while not self._halt.asked:
            while shift.window.span >= MOST_AHEAD:
                shift.moved.clear()
                await shift.moved.wait()
            item = await shift.feed.next()
            if item is None:
                return None
            if (slot := shift.window.take(item.cursor)) is not None:
                if self._paced:
                    await self._pace(shift)
                return None if self._halt.asked else (item, slot)
        return None

    async def _pace(self, shift: "_Shift") -> None:
        """One worker at a time waits for its turn, the others for theirs behind it."""
        async with shift.turnstile:
            sleep_ms, batch = self._parameters.sleep_ms, self._parameters.batch_size
            if sleep_ms and self._taken and self._taken % batch == 0:
                await self._clock.sleep(sleep_ms / 1000)
            self._taken += 1
            if self._pacer is not None:
                await self._pacer.turn()

    async def _one(self, item: Item, *, retried: bool) -> bool:
        """Does an item; answers whether it is done, be it well or not. One that is not done is counted nowhere."""
        try:
            outcome = await self._load.load(item.key, self._keeper.check)
        except DependencyDown as error:
            self._halt.dependency_down(error.dependency, str(error))
        except (ConfigurationError, MissingExtra, IncompatibleGraph) as error:
            self._halt.fail(str(error))
        except LeaseLost as error:
            self._halt.lose(str(error))
        except ItemError as error:
            return await self._charge_unless_down(item, error, retried)
        except Exception as error:
            log.debug("item %s failed unexpectedly", item.key, exc_info=error)
            self._charge(item, error, retried)
            return True
        else:
            self._ledger.tally.succeeded(item.key, outcome, retried=retried)
            return True
        return False

    async def _charge_unless_down(self, item: Item, error: ItemError, retried: bool) -> bool:
        if error.dependency is not None and not await self._pings.answers(error.dependency):
            self._halt.dependency_down(error.dependency, str(error))
            return False
        self._charge(item, error, retried)
        return True

    def _charge(self, item: Item, error: Exception, retried: bool) -> None:
        kind, message = described(error)
        at = to_millis(self._clock.now())
        self._ledger.tally.failed(FailedItem(item=item.key, error_class=kind, message=message, at=at), retried=retried)
        if (in_a_row := self._ledger.tally.in_a_row) >= self._parameters.max_consecutive_failures:
            self._halt.pause(
                PauseReason.CONSECUTIVE_FAILURES, f"{in_a_row} items failed in a row, the last with: {message}"
            )


class _Shift:
    """One pass over items."""

    def __init__(self, items: AsyncIterator[Item], window: Window, retried: bool) -> None:
        self.feed = Feed(items)
        self.window = window
        self.retried = retried
        self.turnstile = asyncio.Lock()
        self.moved = asyncio.Event()
        self.busy: set[asyncio.Task[None]] = set()


class Pings:
    """Asks whether a server is up, once for all items that it fails at one moment."""

    def __init__(self, load: Load, clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._asking = asyncio.Lock()
        self._answers: dict[str, tuple[float, bool]] = {}

    async def answers(self, dependency: str) -> bool:
        """Whether it is up; an error of the ping itself counts as down."""
        began = self._clock.monotonic()
        async with self._asking:
            known = self._answers.get(dependency)
            if known is not None and known[0] > began - _PING_SECONDS:
                return known[1]
            try:
                up = await self._load.ping(dependency)
            except Exception as error:
                log.debug("the ping of %s failed", dependency, exc_info=error)
                up = False
            self._answers[dependency] = (self._clock.monotonic(), up)
            return up
