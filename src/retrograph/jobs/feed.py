"""Hands out a source's items one by one to many workers, in the order of the walk."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from retrograph.jobs.work import Item

READ_AHEAD: Final = 100
"""Items fetched at once: a worker that finds one ready needs no lock, which matters where items take microseconds."""


class Feed:
    """One walk. `next` never lets a later item overtake an earlier one."""

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items
        self._ready: deque[Item] = deque()
        self._fetching = asyncio.Lock()
        self._exhausted = False

    async def next(self) -> Item | None:
        """The next item, `None` after the last. Raises what the source raises."""
        if not self._ready:
            async with self._fetching:
                if not self._ready:
                    await self._fetch()
        # Nothing is awaited between here and the caller's next step: the order holds until the item is taken.
        return self._ready.popleft() if self._ready else None

    async def _fetch(self) -> None:
        while not self._exhausted and len(self._ready) < READ_AHEAD:
            item = await anext(self._items, None)
            if item is None:
                self._exhausted = True
            else:
                self._ready.append(item)
