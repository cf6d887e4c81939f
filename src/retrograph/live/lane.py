"""One partition of one consumer: batch after batch, in order, each committed only when all of it is done, while the
next is under way.

What is down makes the lane wait with its batch: nothing is skipped, and the partition is paused meanwhile.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import structlog

from retrograph.clock import Clock, to_millis
from retrograph.errors import RetrographError
from retrograph.live.commits import Commits, Done
from retrograph.live.dead_letters import DeadLetters, dead_letter
from retrograph.live.log import Log, Partition, Record
from retrograph.loading.events import Received, Written

BATCH: Final = "batch"
COMMIT: Final = "commit"
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 15.0
BUFFERED_BATCHES: Final = 12
"""Batches that may wait in a lane before its partition is paused. It is resumed at half of them, because what had been
fetched ahead is fetched once more, which takes about a second. So many that a lane that is as fast as Kafka is never
paused: with four, which is what one poll brings, it was paused after every poll."""

_log = structlog.get_logger()


class Writes(Protocol):
    """Where a batch goes: see `loading.events.EventLoad`."""

    async def write(self, events: Sequence[Received]) -> Written: ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a consumer has done since it began. `waiting`: what it waits for, by partition, in words."""

    events: int = 0
    dead_letters: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    waiting: dict[Partition, str] = field(default_factory=dict)
    lost: dict[Partition, str] = field(default_factory=dict)
    partitions: frozenset[Partition] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the lanes of a consumer share."""

    writes: Writes
    dead_letters: DeadLetters
    log: Log
    clock: Clock
    tally: Tally
    batch: int = 500


class Lane:
    """Runs as a task of its own until it is told to finish."""

    def __init__(self, partition: Partition, means: Means) -> None:
        self.partition = partition
        self.paused = False
        self._means = means
        self._buffer: deque[Record] = deque()
        self._ready = asyncio.Event()
        self._finishing = False
        self._waits: dict[str, str] = {}
        self._commits = Commits(partition, means.log.commit, partial(self._insist, what=COMMIT), self._count)
        self._task = asyncio.ensure_future(self._run())

    @property
    def wants_pause(self) -> bool:
        """Whether nothing more should come: something is down, or enough is waiting."""
        most = BUFFERED_BATCHES // 2 if self.paused else BUFFERED_BATCHES
        full = len(self._buffer) >= self._means.batch * most
        return self.partition in self._means.tally.waiting or full

    def take(self, records: Sequence[Record]) -> None:
        """These have come."""
        self._buffer.extend(records)
        self._ready.set()

    async def finish(self, seconds: float) -> None:
        """Ends after the batch under way; drops it where that takes too long, or waits for something that is down.
        What is dropped was not committed, and comes again. What is written is committed last of all."""
        self._finishing = True
        self._ready.set()
        self._commits.close()
        if BATCH not in self._waits:
            await asyncio.wait([self._task], timeout=seconds)
        await self._stop()
        await self._commits.last()
        self._means.tally.waiting.pop(self.partition, None)

    async def drop(self) -> None:
        """Ends at once."""
        await self._stop()
        await self._commits.drop()
        self._means.tally.waiting.pop(self.partition, None)

    async def _stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._finishing:
            await self._ready.wait()
            await self._commits.room()
            batch = [self._buffer.popleft() for _ in range(min(len(self._buffer), self._means.batch))]
            if not self._buffer:
                self._ready.clear()
            if batch and not self._finishing:
                await self._done(batch)

    async def _done(self, batch: Sequence[Record]) -> None:
        means = self._means
        written = Written()

        async def write() -> None:
            nonlocal written
            written = await means.writes.write([record.event for record in batch])

        async def bury() -> None:
            now = to_millis(means.clock.now())
            letters = [dead_letter(self.partition, batch[index], error, now) for index, error in written.refused]
            await means.dead_letters.send(letters)

        await self._insist(write)
        if written.refused:
            await self._insist(bury)
        self._commits.add(Done(batch, written))

    async def _insist(self, step: Callable[[], Awaitable[None]], what: str = BATCH) -> None:
        """Repeats a step until it succeeds: each may be repeated, and none may be left out. A lane that is to finish
        tries once, since somebody waits for it. `what`: the batch under way, or the commit beside it."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                await step()
            except Exception as error:
                if self._finishing:
                    raise
                if self._waits.get(what) != str(error):
                    self._tell(error)
                self._waits[what] = str(error)
                self._show()
                await self._means.clock.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
            else:
                if self._waits.pop(what, None) is not None:
                    self._show()
                    _log.info("live-resumed", topic=self.partition.topic, partition=self.partition.number)
                return

    def _show(self) -> None:
        """What the lane waits for, in words: what its batch does counts for more."""
        if self._waits:
            self._means.tally.waiting[self.partition] = self._waits.get(BATCH) or self._waits[COMMIT]
        else:
            self._means.tally.waiting.pop(self.partition, None)

    def _tell(self, error: Exception) -> None:
        bound = _log.bind(topic=self.partition.topic, partition=self.partition.number)
        if isinstance(error, RetrographError):
            bound.warning("live-waiting", error=str(error))
        else:
            bound.exception("live-waiting")

    def _count(self, done: Done) -> None:
        batch, written = done
        tally = self._means.tally
        tally.events += len(batch)
        tally.dead_letters += len(written.refused)
        tally.counts.update(written.counts)
        tally.left_out.update(written.left_out)
        for index, error in written.refused:
            _log.warning(
                "dead-letter",
                topic=self.partition.topic,
                partition=self.partition.number,
                offset=batch[index].offset,
                error=str(error),
            )
