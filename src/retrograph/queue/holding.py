"""Holding messages while they are worked on: hidden from others as long as it takes, then deleted or given back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from retrograph.clock import Clock
from retrograph.errors import DependencyDown
from retrograph.queue.batches import Batches
from retrograph.queue.queue import MOST_AT_ONCE, Queue, Received

GRACE_SECONDS: Final = 20.0
"""How long loads under way may take after a stop, before they are given back."""

_DELETE_TRIES: Final = 3
_EXTENSIONS: Final = 3
"""How often a message is extended within one visibility."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One queue and how much of it is taken at a time."""

    name: str
    queue: Queue
    concurrency: int
    visibility_seconds: int = 600
    wait_seconds: int = 10
    grace_seconds: float = GRACE_SECONDS


class Messages:
    """The messages that a lane holds. Deletions that are wanted at the same time travel together."""

    def __init__(self, lane: Lane, clock: Clock) -> None:
        self._queue = lane.queue
        self._visibility_seconds = lane.visibility_seconds
        self._clock = clock
        self._deleting = Batches[str](self._delete, MOST_AT_ONCE)
        self._log = _log.bind(lane=lane.name)

    @asynccontextmanager
    async def kept(self, message: Received) -> AsyncIterator[None]:
        """Within the block the message stays hidden from others, however long it takes."""
        keeping = asyncio.create_task(self._keep(message))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def give_back(self, message: Received, seconds: int) -> None:
        """Shows it to others after so long; a queue that is away does so when the visibility ends."""
        with suppress(DependencyDown):
            await self._queue.extend(message.handle, seconds)

    async def delete(self, handle: str) -> None:
        """Deletes a message whose work is committed. Raises DependencyDown: it is then seen again, and passed over."""
        await self._deleting.do(handle)

    async def _keep(self, message: Received) -> None:
        while True:
            await self._clock.sleep(self._visibility_seconds / _EXTENSIONS)
            try:
                if not await self._queue.extend(message.handle, self._visibility_seconds):
                    self._log.info("handle-stale")  # another worker may have it by now: both end in the same
                    return
            except DependencyDown as error:
                self._log.warning("not-extended", error=str(error))

    async def _delete(self, handles: Sequence[str]) -> None:
        left = handles
        for _ in range(_DELETE_TRIES):
            left = await self._queue.delete(left)
            if not left:
                return
        self._log.warning("not-deleted", count=len(left))  # they are seen again, and passed over
