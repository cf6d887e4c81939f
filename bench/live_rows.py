"""The rows about events as they come from Kafka: what reading and gating them costs, and what the whole way does."""

import json
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from bench.sample import Line, Sample
from retrograph.clock import SystemClock, iso
from retrograph.events.receipts import Receipt
from retrograph.facts import Facts
from retrograph.flags.gate import Gate, OpenGate
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.writer import GraphWriter
from retrograph.loading.events import EventLoad, Receipts, Received

TINY_USERS: Final = 30
BATCH: Final = 500
LATER: Final = 60_000
"""Milliseconds between a purchase and its event."""


_BARE: Final = (
    "CREATE TABLE purchased (user_id, product_id, receipt_ids, timestamps, times, last, "
    "PRIMARY KEY (user_id, product_id)) WITHOUT ROWID",
    "CREATE TABLE shops_at (user_id, retailer, receipt_ids, frequency, PRIMARY KEY (user_id, retailer)) WITHOUT ROWID",
)
_BOUGHT: Final = """
INSERT INTO purchased VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET receipt_ids = receipt_ids || ',' ||
excluded.receipt_ids, timestamps = timestamps || ',' || excluded.timestamps, times = times + 1,
last = max(last, excluded.last)"""
_VISITED: Final = """
INSERT INTO shops_at VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET receipt_ids = receipt_ids || ',' ||
excluded.receipt_ids, frequency = frequency + 1"""


class ListedGate:
    """A gate over a set of users, none of whom has an event: what it admits is none of this measurement."""

    def __init__(self, users: int) -> None:
        self._listed = {f"user-{number}" for number in range(users)}

    async def admits(self, user_ids: object) -> frozenset[str]:
        assert isinstance(user_ids, type({}.keys()))
        return frozenset(filter(self._listed.__contains__, user_ids))


def receipts(lines: Sequence[Line]) -> list[Received]:
    """Every receipt of the sample as the event that it once was, in order of time."""
    of_receipt: defaultdict[tuple[int, str, str, str], list[str]] = defaultdict(list)
    for line in lines:
        of_receipt[line.millis, line.user_id, line.receipt_id, line.retailer].append(line.product_id)
    return [event(*key, products) for key, products in sorted(of_receipt.items())]


def event(millis: int, user_id: str, receipt_id: str, retailer: str, products: Sequence[str]) -> Received:
    """One receipt as it comes from Kafka a minute later."""
    items = [{"product_id": each, "quantity": 1, "amount": 1.5, "description": f"Product {each}"} for each in products]
    document = {
        "event_type": "receipt_processed",
        "event_id": f"e-{receipt_id}",
        "occurred_at": iso(millis + LATER),
        "user_id": user_id,
        "receipt_id": receipt_id,
        "purchased_at": iso(millis),
        "retailer": {"name": retailer, "channel": "STORE"},
        "items": items,
    }
    return Received(json.dumps(document).encode(), millis + LATER, user_id.encode())


def _batches(events: Sequence[Received]) -> list[Sequence[Received]]:
    return [events[at : at + BATCH] for at in range(0, len(events), BATCH)]


async def _up() -> None:
    """It is not asked."""


def _events(options: Options) -> list[Received]:
    return receipts(Sample(TINY_USERS if options.tiny else None).lines)


def _bare(events: Sequence[Received]) -> Lap:
    """Documents decoded, and nothing else."""
    watch, decoder = Stopwatch(), msgspec.json.Decoder(Receipt)
    with watch.running():
        for record in events:
            decoder.decode(record.payload)
    return watch.lap(len(events))


async def _through(events: Sequence[Received], gate: Gate, catalogue: Facts | None = None) -> Lap:
    """The way of batches, into a new graph that holds the catalogue, where there is one."""
    watch, clock = Stopwatch(), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        graph = SqliteGraph(Path(folder) / "graph.db", durable=False, clock=clock)
        await graph.open()
        try:
            async with GraphWriter(graph, clock) as writer:
                if catalogue is not None:
                    await writer.join(catalogue)
                load = EventLoad(Receipts(writer), gate, _up)
                with watch.running():
                    for batch in _batches(events):
                        await load.write(batch)
            written = (await graph.stats()).totals["frequency"]
        finally:
            await graph.close()
    return watch.lap(len(events), written=written)


@asynccontextmanager
async def _gated(options: Options) -> AsyncIterator[Sides]:
    events, gate = _events(options), ListedGate(1_000)

    async def ours() -> Lap:
        lap = await _through(events, gate)
        assert not lap.counts["written"]
        return lap

    async def reference() -> Lap:
        return _bare(events)

    yield Sides(ours=ours, reference=reference)


@asynccontextmanager
async def _joined(options: Options) -> AsyncIterator[Sides]:
    sample = Sample(TINY_USERS if options.tiny else None)
    events, catalogue = receipts(sample.lines), sample.catalogue()
    batches = [_rows_of(batch) for batch in _batches(events)]

    async def ours() -> Lap:
        lap = await _through(events, OpenGate(), catalogue)
        assert lap.counts["written"] == len(events)
        return lap

    async def reference() -> Lap:
        return _merged(batches, len(events))

    yield Sides(ours=ours, reference=reference)


def _rows_of(batch: Sequence[Received]) -> tuple[list[Any], list[Any]]:
    """What a batch says: of purchases, and of visits."""
    bought, visited = [], []
    for record in batch:
        said, millis = msgspec.json.decode(record.payload), record.recorded_at - LATER
        visited.append((said["user_id"], said["retailer"]["name"], said["receipt_id"]))
        products = {item["product_id"] for item in said["items"]}
        bought += [(said["user_id"], product, said["receipt_id"], millis, millis) for product in products]
    return bought, visited


def _merged(batches: Sequence[tuple[list[Any], list[Any]]], events: int) -> Lap:
    """The reference statement in the words of SQL: it appends where it is there, and counts twice what comes twice."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "bare.db")) as connection:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        for table in _BARE:
            connection.execute(table)
        with watch.running():
            for bought, visited in batches:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_BOUGHT, bought)
                connection.executemany(_VISITED, visited)
                connection.execute("COMMIT")
        written = connection.execute("SELECT sum(frequency) FROM shops_at").fetchone()[0]
    assert written == events
    return watch.lap(events, written=written)


def speed(ours: Lap, reference: Lap) -> float:
    """Events for each second of CPU, in thousands."""
    del reference
    return ours.amount / ours.cpu / 1_000


ROWS: Final = (
    Row(
        name="live-gate",
        work="receipts of the sample as events, in batches of 500: decoded, asked for at the gate, none admitted",
        reference="the same documents decoded by msgspec, and nothing else",
        goal=Goal(bound=100, unit=" thousand events a second of CPU"),
        unit="events/s",
        sides=_gated,
        figure=speed,
    ),
    Row(
        name="live-sqlite",
        work="the same events, all admitted, joined into a new graph in SQLite that holds the catalogue",
        reference="the reference statement in the words of SQL, the same batches, decoded before: upserts that append "
        "to lists and counters, of purchases and visits alone",
        goal=None,
        unit="events/s",
        sides=_joined,
    ),
)
