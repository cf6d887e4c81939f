"""The offsets of one partition, committed beside its batches: while one commit is under way the next batch is written.

Only what is written is ever committed, one commit at a time and the latest offset each time. A commit that is refused
counts for nothing and is repeated; until it succeeds nothing new is begun, so that little would come again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import structlog

from retrograph.live.log import Partition, Record
from retrograph.loading.events import Written

MOST_UNCOMMITTED: Final = 16
"""Batches that may be written and not committed: what comes again, without harm, where a process dies."""

LAST_SECONDS: Final = 5.0
"""How long the last commit may take before its partition is handed over without it."""

_log = structlog.get_logger()

Step = Callable[[], Awaitable[None]]


class Done(NamedTuple):
    """A batch that is written, its dead letters acknowledged."""

    batch: Sequence[Record]
    written: Written


class Commits:
    """Runs as a task of its own. `insist` repeats a step until it succeeds; `told` is called for each batch, once its
    offset is committed."""

    def __init__(
        self,
        partition: Partition,
        commit: Callable[[Partition, int], Awaitable[None]],
        insist: Callable[[Step], Awaitable[None]],
        told: Callable[[Done], None],
    ) -> None:
        self._partition = partition
        self._commit = commit
        self._insist = insist
        self._told = told
        self._written: list[Done] = []
        self._refused = False
        self._closing = False
        self._wanted = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._task = asyncio.ensure_future(self._run())

    def add(self, done: Done) -> None:
        """This batch follows on those before it."""
        self._written.append(done)
        self._wanted.set()
        self._look()

    async def room(self) -> None:
        """Until another batch may be begun."""
        await self._room.wait()

    def close(self) -> None:
        """Nobody shall wait for room any more."""
        self._closing = True
        self._look()

    async def last(self) -> None:
        """Commits what is left, with one try: it is given up where that is refused or takes too long, and comes
        again."""
        await self.drop()
        if not self._written:
            return
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._once()
        except Exception as error:
            _log.warning(
                "not-committed",
                topic=self._partition.topic,
                partition=self._partition.number,
                error=str(error) or f"no answer within {LAST_SECONDS:g} s",
            )

    async def drop(self) -> None:
        """Ends at once. A commit that has been sent may still arrive: what it says is true. Where it arrives after one
        of the partition's next member, it takes the group back a little, and what it takes back comes again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._written:
                await self._insist(self._once)

    async def _once(self) -> None:
        some = tuple(self._written)
        if not some:  # it was committed, and telling of it failed
            return
        try:
            await self._commit(self._partition, some[-1].batch[-1].offset + 1)
        except Exception:
            self._refused = True
            self._look()
            raise
        self._refused = False
        del self._written[: len(some)]
        self._look()
        for done in some:
            self._told(done)

    def _look(self) -> None:
        if self._closing or not (self._refused or len(self._written) >= MOST_UNCOMMITTED):
            self._room.set()
        else:
            self._room.clear()
