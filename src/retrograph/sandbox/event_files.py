"""The history as event files: every receipt and shop order once, in an order that says nothing, over many files."""

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from retrograph.blobs.writing import Writing
from retrograph.sandbox.catalogue import Catalogue
from retrograph.sandbox.data import SourceData
from retrograph.sandbox.histories import decode
from retrograph.sandbox.options import SandboxError
from retrograph.sandbox.services.shop_orders import CHANNEL

FORMATS: Final = ("lines", "array", "csv", "parquet")
PACKINGS: Final = ("plain", "gzip", "zstd")
BREAKAGES: Final = ("cut", "junk", "latin-1", "not-json")
_ENDINGS: Final = {"plain": "", "gzip": ".gz", "zstd": ".zst"}
_COLUMNS: Final = (
    *("user_id", "receipt_id", "purchased_at", "retailer", "retailer_channel"),
    *("product_id", "quantity", "amount", "description", "brand", "category_id"),
)

Event = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWanted:
    """How many files, in which formats and packings (one is drawn for each file), and the share that is broken."""

    files: int = 500
    formats: Sequence[str] = ("lines",)
    packings: Sequence[str] = ("gzip",)
    broken: float = 0.0
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class FilesWritten:
    """What was written."""

    files: int = 0
    events: int = 0
    broken: int = 0
    size: int = 0


def events_of(data: SourceData) -> Iterator[Event]:
    """Every receipt and every order, as they are told on the wire; orders that are pending too."""
    for user_id, history in data.histories.items():
        for receipt in decode(b"[%s]" % history.slice(0, len(history))):
            yield _receipt(user_id, receipt, data.catalogue)
    for orders in data.orders.values():
        for order in orders:
            yield {
                "type": "shop_order",
                "summaryId": order.order_id,
                "userId": order.user_id,
                "createdAtMs": order.created_at,
                "status": order.status,
                "retailer": {"name": order.retailer, "channel": CHANNEL},
                "lineItems": decode(order.line_items),
            }


def _receipt(user_id: str, receipt: Event, catalogue: Catalogue) -> Event:
    items = [_item(item, catalogue) for item in receipt["items"]]
    return {
        "event_type": "receipt_processed",
        "event_id": f"e-{receipt['receipt_id']}",
        "occurred_at": receipt["purchased_at"],
        "user_id": user_id,
        **receipt,
        "items": items,
    }


def _item(item: Event, catalogue: Catalogue) -> Event:
    """A line with what the catalogue knows of its product, as far as an event tells it."""
    known = decode(catalogue.product(item["product_id"]) or b"{}")
    category_id = known.get("categoryId")
    path = decode(catalogue.hierarchy(category_id) or b"{}") if category_id else {}
    told = {name: value for name, value in item.items() if name != "category"}
    return {
        **told,
        "brand": known.get("brand"),
        "category_id": category_id,
        "category_hierarchy": [level["id"] for level in path.get("hierarchy", ())] or None,
    }


async def write_events(data: SourceData, wanted: FilesWanted, to: Writing) -> FilesWritten:
    """Writes the files. Broken ones are written beside whole ones that hold the same events. Raises SandboxError."""
    chance = random.Random(f"event files {wanted.seed}")
    events = list(events_of(data))
    chance.shuffle(events)
    written = FilesWritten(events=len(events))
    for number in range(wanted.files):
        mine = events[number :: wanted.files]
        format, packing = chance.choice(wanted.formats), chance.choice(wanted.packings)
        for name, content in _files(mine, number, format, packing):
            await _write(to, name, content, written)
            if chance.random() < wanted.broken:
                spoiled = _spoiled(content, chance.choice(BREAKAGES))
                await _write(to, f"broken/{name}", spoiled, written)
                written.broken += 1
    return written


async def _write(to: Writing, name: str, content: bytes, written: FilesWritten) -> None:
    await to.write(name, content)
    written.files += 1
    written.size += len(content)


def _files(events: Sequence[Event], number: int, format: str, packing: str) -> Iterator[tuple[str, bytes]]:
    """A table holds receipts alone: its orders stand in lines beside it."""
    folder = f"{number % 10}/part-{number:05d}"
    if format in ("csv", "parquet"):
        rows = [row for event in events if "receipt_id" in event for row in _rows(event)]
        rest = [event for event in events if "receipt_id" not in event]
        if format == "csv":
            yield f"{folder}.csv{_ENDINGS[packing]}", packed(_csv(rows), packing)
        else:
            yield f"{folder}.parquet", _parquet(rows)
        if rest:
            yield f"{folder}.orders.json{_ENDINGS[packing]}", packed(_lines(rest), packing)
    else:
        content = _lines(events) if format == "lines" else json.dumps(events, ensure_ascii=False).encode()
        yield f"{folder}.json{_ENDINGS[packing]}", packed(content, packing)


def _lines(events: Sequence[Event]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


def _rows(receipt: Event) -> Iterator[Event]:
    for item in receipt["items"]:
        yield {
            "user_id": receipt["user_id"],
            "receipt_id": receipt["receipt_id"],
            "purchased_at": receipt["purchased_at"],
            "retailer": receipt["retailer"]["name"],
            "retailer_channel": receipt["retailer"]["channel"],
            "product_id": item["product_id"],
            "quantity": item["quantity"],
            "amount": item["amount"],
            "description": item["description"],
            "brand": item["brand"],
            "category_id": item["category_id"],
        }


def _csv(rows: Sequence[Event]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Event]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SandboxError("Parquet files need an optional dependency: pip install 'retrograph[files]'") from error
    file = io.BytesIO()
    columns = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in _COLUMNS}
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def packed(content: bytes, packing: str) -> bytes:
    """The content as it is stored. Raises SandboxError."""
    if packing == "gzip":
        return gzip.compress(content, 6, mtime=0)
    if packing == "zstd":
        try:
            import zstandard
        except ImportError as error:
            raise SandboxError("zstd needs an optional dependency: pip install 'retrograph[files]'") from error
        return zstandard.compress(content)
    return content


def _spoiled(content: bytes, breakage: str) -> bytes:
    """Something that cannot be read as what it was."""
    if breakage == "cut":
        return content[: len(content) // 2]
    if breakage == "latin-1":
        return '{"name": "Café"}\n'.encode("latin-1") * 50
    if breakage == "not-json":
        return b"user u1 bought p1\n" * 50
    return bytes(random.Random(len(content)).randbytes(2_000))
