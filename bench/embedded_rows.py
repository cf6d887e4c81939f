"""The rows about the embedded side: the graph in a SQLite file, the engine, a whole load, memory."""

import sqlite3
import tempfile
from asyncio import gather
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from bench.sample import History, Sample, histories
from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.facts import Facts
from retrograph.graph.merge import merge_user
from retrograph.graph.model import StoredUser
from retrograph.graph.sqlite import rows as columns
from retrograph.graph.sqlite.schema import MIGRATIONS
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.writer import MAX_USERS, GraphWriter

TINY_USERS: Final = 30
INSERTS: Final = (
    "INSERT INTO graph_user VALUES (?, ?, ?, ?, ?, ?)",
    "INSERT INTO graph_purchased VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO graph_shops_at VALUES (?, ?, ?, ?)",
    "INSERT INTO graph_shops_in VALUES (?, ?, ?)",
)

Batch = tuple[list[Any], ...]
"""The rows of one transaction, for each of `INSERTS`."""


class _Work(NamedTuple):
    sample: Sample
    users: list[History]
    facts: list[Facts]
    purchases: int


def _work(options: Options) -> _Work:
    sample = Sample(TINY_USERS if options.tiny else None)
    users = histories(sample.lines)
    return _Work(sample, users, [sample.facts(user) for user in users], sum(user.size for user in users))


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + MAX_USERS] for start in range(0, len(items), MAX_USERS))


def bare_rows(sample: Sample, facts: Sequence[Facts]) -> list[Batch]:
    """What a first load leaves in the tables of users and edges, ready to be inserted."""
    made = []
    for some in _batches(facts):
        batch: Batch = ([], [], [], [])
        for user in (part.user for part in some):
            changes = merge_user(StoredUser(whole=True), user, sample.category_of)
            loaded = user.loaded
            assert loaded is not None
            batch[0].append((user.user_id, user.first_seen_at, None, loaded.at, loaded.at, loaded.by))
            batch[1].extend(
                (user.user_id, row.product_id, *columns.purchase_columns(row)) for row in changes.purchases_created
            )
            batch[2].extend((user.user_id, row.retailer, *columns.visit_columns(row)) for row in changes.visits_created)
            batch[3].extend((user.user_id, *row) for row in changes.counts_created)
        made.append(batch)
    return made


def insert(file: Path, batches: Sequence[Batch], watch: Stopwatch) -> int:
    """Bare tables with the same keys and nothing else, one transaction for each batch; answers the edges."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        for table in MIGRATIONS[0]:
            connection.execute(table)
        with watch.running():
            for batch in batches:
                connection.execute("BEGIN IMMEDIATE")
                for statement, rows in zip(INSERTS, batch, strict=True):
                    connection.executemany(statement, rows)
                connection.execute("COMMIT")
        edges: int = connection.execute("SELECT count(*) FROM graph_purchased").fetchone()[0]
        return edges


async def _join(graph: SqliteGraph, work: _Work, watch: Stopwatch) -> None:
    """By a writer that has learnt before what users share, in the batches that the reference has."""
    async with GraphWriter(graph, SystemClock()) as writer:
        await writer.join(work.sample.catalogue())
        with watch.running():
            for batch in _batches(work.facts):
                await gather(*(writer.join(facts) for facts in batch))


def _lap(watch: Stopwatch, purchases: int) -> Lap:
    """With its processor time, which other work on the machine touches less than the time that passes."""
    return watch.lap(purchases, **{"CPU ns a purchase": 1e9 * watch.cpu / purchases})


@asynccontextmanager
async def _sqlite(options: Options, *, again: bool) -> AsyncIterator[Sides]:
    spare_the_interpreter()
    work = _work(options)
    batches = bare_rows(work.sample, work.facts)
    edges = sum(len(batch[1]) for batch in batches)

    async def ours() -> Lap:
        watch = Stopwatch()
        with tempfile.TemporaryDirectory() as folder:
            graph = SqliteGraph(Path(folder) / "graph.db", durable=False)
            await graph.open()
            try:
                if again:
                    await _join(graph, work, Stopwatch())
                await _join(graph, work, watch)
                stats = await graph.stats()
                assert (stats.relationships["PURCHASED"], stats.totals["times"]) == (edges, work.purchases)
            finally:
                await graph.close()
        return _lap(watch, work.purchases)

    async def reference() -> Lap:
        watch = Stopwatch()
        with tempfile.TemporaryDirectory() as folder:
            assert insert(Path(folder) / "bare.db", batches, watch) == edges
        return _lap(watch, work.purchases)

    yield Sides(ours=ours, reference=reference)


@asynccontextmanager
async def _first(options: Options) -> AsyncIterator[Sides]:
    async with _sqlite(options, again=False) as sides:
        yield sides


@asynccontextmanager
async def _again(options: Options) -> AsyncIterator[Sides]:
    async with _sqlite(options, again=True) as sides:
        yield sides


ROWS: Final = (
    Row(
        name="sqlite-first",
        work="first load into SQLite, 50 users a transaction",
        reference="`executemany` of the same rows into bare tables with the same keys, same batches",
        goal=Goal(bound=0.6),
        unit="purchases/s",
        sides=_first,
    ),
    Row(
        name="sqlite-again",
        work="the same again, nothing changed",
        reference="the same bare inserts",
        goal=Goal(bound=2),
        unit="purchases/s",
        sides=_again,
    ),
)
