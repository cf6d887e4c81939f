"""Many ids in little memory: a million of them as Python objects would cost more than the rest of the process.

Chunks are kept compressed and opened one at a time; what was seen is remembered by digests in flat arrays.
"""

import hashlib
import zlib
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

CHUNK_IDS: Final = 1_000
_SEPARATOR: Final = "\n"
"""No id contains it: the rule for ids forbids control characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIds:
    """The ids of a job: cleaned, different from each other, in the order they came.

    `digest` is the SHA-256 of them in that order; `blank` and `repeated` count what was dropped.
    """

    digest: str
    count: int
    blank: int = 0
    repeated: int = 0
    _packed: tuple[bytes, ...] = ()

    def chunks(self) -> Iterator[list[str]]:
        """The ids, 1,000 at a time; can be walked any number of times."""
        for packed in self._packed:
            yield zlib.decompress(packed).decode().split(_SEPARATOR)

    async def each(self) -> AsyncIterator[str]:
        """The ids one by one."""
        for chunk in self.chunks():
            for user_id in chunk:
                yield user_id


class Collector:
    """Takes ids one by one and packs them."""

    def __init__(self, *, limit: int | None = None) -> None:
        self._limit = limit
        self._seen = SeenIds()
        self._open: list[str] = []
        self._packed: list[bytes] = []
        self._digest = hashlib.sha256()
        self.count = 0
        self.blank = 0
        self.repeated = 0

    def add(self, user_id: str) -> bool:
        """Takes a cleaned id, dropping a repeated one; `False` where it would be one too many."""
        if not self._seen.add(user_id):
            self.repeated += 1
            return True
        if self.count == self._limit:
            return False
        self.count += 1
        self._open.append(user_id)
        if len(self._open) == CHUNK_IDS:
            self._pack()
        return True

    def collected(self) -> UserIds:
        """All that was taken."""
        if self._open:
            self._pack()
        return UserIds(
            digest=self._digest.hexdigest(),
            count=self.count,
            blank=self.blank,
            repeated=self.repeated,
            _packed=tuple(self._packed),
        )

    def _pack(self) -> None:
        text = _SEPARATOR.join(self._open).encode()
        self._open.clear()
        self._digest.update(text)
        self._digest.update(b"\n")
        self._packed.append(zlib.compress(text, 1))


class SeenIds:
    """A set of ids as 128-bit digests in two flat arrays (open addressing): 16 bytes a slot, at most half full.

    Two different ids of one digest would lose one of them; among a million that has a chance of 1 in 10^27.
    """

    def __init__(self) -> None:
        self._high, self._low = _table(1 << 12)
        self._count = 0

    def add(self, text: str) -> bool:
        """Remembers the id; `False` if it was known."""
        if self._count * 2 >= len(self._high):
            self._grow()
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        high = int.from_bytes(digest[:8], "little") or 1  # zero marks a free slot
        added = self._place(high, int.from_bytes(digest[8:], "little"))
        self._count += added
        return added

    def _place(self, high: int, low: int) -> bool:
        table, mask = self._high, len(self._high) - 1
        slot = high & mask
        while (found := table[slot]) != 0:
            if found == high and self._low[slot] == low:
                return False
            slot = (slot + 1) & mask
        table[slot] = high
        self._low[slot] = low
        return True

    def _grow(self) -> None:
        high, low = self._high, self._low
        self._high, self._low = _table(len(high) * 2)
        for slot, value in enumerate(high):
            if value:
                self._place(value, low[slot])


def _table(slots: int) -> tuple["array[int]", "array[int]"]:
    return array("Q", bytes(8 * slots)), array("Q", bytes(8 * slots))
