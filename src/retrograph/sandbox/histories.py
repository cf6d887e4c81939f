"""What one user bought, in the two forms the services answer from.

Receipts are kept as the JSON that leaves the server: one byte string a user, so that a page is a slice of it and a
history costs little more memory than its text.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class History(Protocol):
    """The receipts of one user, newest first, by their position."""

    def __len__(self) -> int: ...

    def time(self, position: int) -> int:
        """When that receipt was, in milliseconds; never later than the one before."""
        ...

    def slice(self, start: int, end: int) -> bytes:
        """The receipts from `start` up to before `end` as JSON values with commas between."""
        ...


class StoredHistory:
    """A history whose JSON is in memory."""

    __slots__ = ("_blob", "_offsets", "_times")

    def __init__(self, receipts: Iterable[tuple[int, bytes]]) -> None:
        self._times = array("q")
        self._offsets = array("Q", (0,))
        pieces: list[bytes] = []
        for time, piece in receipts:
            self._times.append(time)
            self._offsets.append(self._offsets[-1] + len(piece) + 1)
            pieces.append(piece)
        self._blob = b",".join(pieces)

    def __len__(self) -> int:
        return len(self._times)

    def time(self, position: int) -> int:
        return self._times[position]

    def slice(self, start: int, end: int) -> bytes:
        return self._blob[self._offsets[start] : self._offsets[end] - 1] if start < end else b""


NO_HISTORY = StoredHistory(())


def first_before(history: History, instant: int) -> int:
    """The position of the newest receipt earlier than `instant`; the length where there is none."""
    return bisect_right(range(len(history)), -instant, key=lambda position: -history.time(position))


def receipt_json(
    receipt_id: str, purchased_at: str, retailer: Mapping[str, str | None], items: list[dict[str, object]]
) -> bytes:
    """One receipt as the Purchase History service writes it."""
    return encode({"receipt_id": receipt_id, "purchased_at": purchased_at, "retailer": retailer, "items": items})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A shop order; `line_items` is the JSON list of its lines."""

    order_id: str
    user_id: str
    status: str
    created_at: int
    retailer: str | None
    line_items: bytes


NO_ORDERS: tuple[Order, ...] = ()
