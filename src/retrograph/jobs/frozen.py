"""Lists of ids, frozen when a job starts: a cursor means the same after their file has changed or gone.

A chunk holds a thousand ids, so that a million take a thousand rows and a walk has one chunk in memory.
"""

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from retrograph.errors import RetrographError, TooLarge, UsageError
from retrograph.jobs.work import Item

CHUNK_IDS: Final = 1_000
CHUNKS_PER_WRITE: Final = 50
"""Each write is a transaction of a few milliseconds: a renewal never waits long for it."""

MOST_IDS: Final = 1_000_000


class ListStore(Protocol):
    """What freezing needs of the job store."""

    async def freeze(self, job_id: str, list_id: str, first: int, chunks: list[tuple[int, bytes]]) -> None: ...

    async def chunk(self, list_id: str, number: int) -> bytes | None: ...

    async def forget(self, list_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenList:
    """A list that was written; it counts once a job names it."""

    list_id: str
    ids: int
    digest: str


async def freeze(store: ListStore, job_id: str, ids: AsyncIterable[str]) -> FrozenList:
    """Writes the ids under a list id of their own. A crash in the middle leaves a list that no job names.

    Raises UsageError where there are none, or more than a million.
    """
    writer = _Writer(store, job_id)
    try:
        async for identifier in ids:
            writer.waiting.append(identifier)
            if len(writer.waiting) == CHUNK_IDS:
                await writer.pack()
        return await writer.close()
    except UsageError:
        await store.forget(writer.list_id)
        raise


class _Writer:
    def __init__(self, store: ListStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self.list_id = str(uuid4())
        self._digest = hashlib.sha256()
        self._chunks: list[tuple[int, bytes]] = []
        self._written = 0
        self._ids = 0
        self.waiting: list[str] = []

    async def pack(self) -> None:
        text = "".join(f"{identifier}\n" for identifier in self.waiting).encode()
        self._digest.update(text)
        self._chunks.append((len(self.waiting), zlib.compress(text, 6)))
        self._ids += len(self.waiting)
        self.waiting.clear()
        if self._ids > MOST_IDS:
            raise TooLarge(f"there are more than {MOST_IDS:,} ids: split the list into several jobs")
        if len(self._chunks) == CHUNKS_PER_WRITE:
            await self._write()

    async def close(self) -> FrozenList:
        if self.waiting:
            await self.pack()
        if not self._ids:
            raise UsageError("there are no ids: nothing to load")
        await self._write()
        return FrozenList(list_id=self.list_id, ids=self._ids, digest=f"sha256:{self._digest.hexdigest()}")

    async def _write(self) -> None:
        if self._chunks:
            await self._store.freeze(self._job_id, self.list_id, self._written, self._chunks)
            self._written += len(self._chunks)
            self._chunks = []


class FrozenItems:
    """A `Source` over a frozen list. A cursor is the number of ids up to and including that item's."""

    def __init__(self, store: ListStore, list_id: str, ids: int) -> None:
        self._store = store
        self._list_id = list_id
        self._ids = ids

    async def discover(self) -> int | None:
        return self._ids

    async def walk(self, after: str | None) -> AsyncIterator[Item]:
        number, skip = divmod(int(after or 0), CHUNK_IDS)
        while (packed := await self._store.chunk(self._list_id, number)) is not None:
            position = number * CHUNK_IDS
            identifiers = zlib.decompress(packed).decode().split("\n")[:-1]
            for offset in range(skip, len(identifiers)):
                yield Item(identifiers[offset], str(position + offset + 1))
            number, skip = number + 1, 0
        if number * CHUNK_IDS < self._ids:
            raise RetrographError(f"the frozen list of ids ends after {number * CHUNK_IDS} of {self._ids}: start over")
