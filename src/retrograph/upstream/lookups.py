"""What many items ask for at once, asked once: a bounded cache in front of calls that are shared while they run.

A failed call is not remembered. A call goes on as long as anyone waits for it: the end of one waiter does not end it
for the others, the end of the last one does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

from retrograph.clock import Clock
from retrograph.upstream.bounded import bounded
from retrograph.upstream.remembered import CacheLimits, Remembered

V = TypeVar("V")

SIDE_BY_SIDE: Final = 5
"""How many calls one item may have under way at one catalogue service."""


class _Flight(Generic[V]):
    """One call under way and how many wait for it."""

    def __init__(self, task: asyncio.Task[Mapping[str, V]]) -> None:
        self.task = task
        self.open = True
        self._waiting = 0

    def join(self) -> None:
        self._waiting += 1

    def leave(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            # Closed before the cancellation arrives, so that nobody joins a call that is about to end.
            self.open = False
            self.task.cancel()


class Lookups(Generic[V]):
    """Values by key. `ask` answers a batch of keys, every one of them, or raises."""

    def __init__(
        self,
        ask: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]],
        *,
        batch: int,
        limits: CacheLimits,
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._batch = batch
        self._memory: Remembered[V] = Remembered(limits, clock)
        self._flights: dict[str, _Flight[V]] = {}

    async def get(self, keys: Iterable[str], turn: Callable[[], Awaitable[None]]) -> dict[str, V]:
        """The values of all keys; waits for a `turn` first if any has to be asked for."""
        found: dict[str, V] = {}
        missing = self._memory.recall(keys, found)
        if missing:
            await turn()
            batches = [missing[start : start + self._batch] for start in range(0, len(missing), self._batch)]
            await bounded([partial(self._bring, batch, found) for batch in batches], SIDE_BY_SIDE)
        return found

    def remembered(self, keys: Iterable[str]) -> dict[str, V]:
        """Those of the values that nobody has to be asked for."""
        found: dict[str, V] = {}
        self._memory.recall(keys, found)
        return found

    async def close(self) -> None:
        """Ends the calls under way."""
        tasks = {flight.task for flight in self._flights.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring(self, batch: Sequence[str], found: dict[str, V]) -> None:
        flights = self._joined(self._memory.recall(batch, found))
        try:
            for flight, keys in flights.items():
                answers = await asyncio.shield(flight.task)
                found.update((key, answers[key]) for key in keys)
        finally:
            for flight in flights:
                flight.leave()

    def _joined(self, keys: Sequence[str]) -> dict[_Flight[V], list[str]]:
        flights: dict[_Flight[V], list[str]] = {}
        fresh = []
        for key in keys:
            flight = self._flights.get(key)
            if flight is None or not flight.open or flight.task.done():
                fresh.append(key)
            else:
                flights.setdefault(flight, []).append(key)
        if fresh:
            flights[self._launch(fresh)] = fresh
        for flight in flights:
            flight.join()
        return flights

    def _launch(self, keys: Sequence[str]) -> _Flight[V]:
        flight = _Flight(asyncio.create_task(self._fly(keys)))
        self._flights.update(dict.fromkeys(keys, flight))
        flight.task.add_done_callback(partial(self._landed, keys, flight))
        return flight

    async def _fly(self, keys: Sequence[str]) -> Mapping[str, V]:
        answers = await self._ask(keys)
        self._memory.remember(answers)
        return answers

    def _landed(self, keys: Sequence[str], flight: _Flight[V], task: asyncio.Task[Mapping[str, V]]) -> None:
        for key in keys:
            if self._flights.get(key) is flight:
                del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen: the waiters raise it, and there may be none left
