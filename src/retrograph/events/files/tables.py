"""Tables of receipts, one row an item: rows become receipts of one item, which join to the same facts in any order."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from retrograph.events.files.lines import Lines
from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile, Payload

COLUMNS: Final = (
    "user_id",
    "receipt_id",
    "purchased_at",
    "retailer",
    "retailer_channel",
    "product_id",
    "quantity",
    "amount",
    "description",
    "brand",
    "category_id",
)
REQUIRED: Final = ("user_id", "receipt_id", "purchased_at", "retailer", "product_id")


def places_of(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Where each of our columns stands; `mapping` tells what a file calls it. Raises BrokenFile for a missing one."""
    found = {name.strip().removeprefix("\ufeff"): place for place, name in enumerate(header)}
    places = {ours: found[mapping.get(ours, ours)] for ours in COLUMNS if mapping.get(ours, ours) in found}
    missing = [mapping.get(ours, ours) for ours in REQUIRED if ours not in places]
    if missing:
        raise BrokenFile(f"the table has no column {' and no column '.join(missing)}: give a mapping of its names")
    return places


def receipt_of(row: Mapping[str, Any]) -> bytes:
    """A row as the event that says the same."""
    at = row.get("purchased_at")
    item = {name: row.get(name) for name in ("product_id", "description", "brand", "category_id")}
    retailer = {"name": row.get("retailer"), "channel": row.get("retailer_channel")}
    event = {
        "event_type": "receipt_processed",
        "event_id": "",
        "occurred_at": at,
        "user_id": row.get("user_id"),
        "receipt_id": row.get("receipt_id"),
        "purchased_at": at,
        "retailer": retailer,
        "items": [item],
    }
    return msgspec.json.encode(event)


class Table:
    """A CSV with a header. A quoted field may hold line breaks: a record is complete where its quotes are even."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        self._lines = Lines()
        self._places: dict[str, int] | None = None
        self._record: list[bytes] = []
        self._quoted = False
        self._length = 0
        self._first = 0

    def feed(self, block: bytes) -> list[Payload]:
        """See `Splitter`."""
        return [event for line in self._lines.feed(block) if (event := self._taken(line)) is not None]

    def finish(self) -> list[Payload]:
        """See `Splitter`."""
        found = [event for line in self._lines.finish() if (event := self._taken(line)) is not None]
        if self._record:
            raise BrokenFile(f"the table is cut short: a quoted field that begins in line {self._first} has no end")
        return found

    def _taken(self, line: Payload) -> Payload | None:
        if not self._record:
            self._first = line.line
        self._record.append(line.content)
        self._length += len(line.content)
        self._quoted ^= line.content.count(b'"') % 2 == 1
        if self._quoted:
            if self._length > LONGEST_BYTES:
                raise BrokenFile(f"the table is broken: a quoted field that begins in line {self._first} has no end")
            return None
        record = b"\n".join(self._record)
        self._record, self._length = [], 0
        return self._event(record, line)

    def _event(self, record: bytes, line: Payload) -> Payload | None:
        try:
            cells = next(csv.reader(record.decode("utf-8").splitlines(keepends=True)), [])
        except (UnicodeDecodeError, csv.Error):
            if self._places is None:
                raise BrokenFile("the table's header is not UTF-8 text") from None
            return Payload(line.line, line.end, record)  # which is no event, and is counted as such
        if self._places is None:
            self._places = places_of(cells, self._mapping)
            return None
        row = {name: cells[place] or None for name, place in self._places.items() if place < len(cells)}
        return Payload(line.line, line.end, receipt_of(row))
