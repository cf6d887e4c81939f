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
    """A set of ids in two flat arrays (open addressing): 16 bytes a slot, at most half full.

    A slot holds an id's hash of this process, which finds it, and that of the id behind a mark, which tells it from
    another one of the same hash: Python's hash of a text (SipHash) says as little about the one as about the other.
    Two different ids that agree in both would be taken for one; among a million that has a chance of 1 in 10^27.
    """

    def __init__(self) -> None:
        self._hashes, self._digests = _table(1 << 12)
        self._count = 0

    def add(self, text: str) -> bool:
        """Remembers the id; `False` if it was known."""
        if self._count * 2 >= len(self._hashes):
            self._grow()
        added = self._place(_hash(text), _digest(text))
        self._count += added
        return added

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: str) -> bool:
        # Written out, without a call: a gate asks this for every event.
        hashed = hash(text) & _MASK or 1
        hashes = self._hashes
        mask = len(hashes) - 1
        slot = hashed & mask
        while found := hashes[slot]:
            if found == hashed and self._digests[slot] == hash(_MARK + text) & _MASK:
                return True
            slot = (slot + 1) & mask
        return False

    def _place(self, hashed: int, digest: int) -> bool:
        hashes, mask = self._hashes, len(self._hashes) - 1
        slot = hashed & mask
        while (found := hashes[slot]) != 0:
            if found == hashed and self._digests[slot] == digest:
                return False
            slot = (slot + 1) & mask
        hashes[slot] = hashed
        self._digests[slot] = digest
        return True

    def _grow(self) -> None:
        hashes, digests = self._hashes, self._digests
        self._hashes, self._digests = _table(len(hashes) * 2)
        for slot, hashed in enumerate(hashes):
            if hashed:
                self._place(hashed, digests[slot])


_MASK: Final = 2**64 - 1
_MARK: Final = "\0"
"""No id contains it."""


def _hash(text: str) -> int:
    return hash(text) & _MASK or 1  # zero marks a free slot


def _digest(text: str) -> int:
    return hash(_MARK + text) & _MASK


def _table(slots: int) -> tuple["array[int]", "array[int]"]:
    return array("Q", bytes(8 * slots)), array("Q", bytes(8 * slots))
