"""The rows about the list of jobs: every order with every filter, of a hundred thousand."""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, create_engine, insert, make_url, text

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from retrograph.jobs.job import Parameters, Spec
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.sql.listing import SORTS
from retrograph.jobs.sql.rows import parameters_text, spec_text
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.store.schema import open_database
from retrograph.store.tables import jobs
from tests.servers.postgres import PostgresServer

MANY: Final = 100_000
FEW: Final = 1_000
BEGAN: Final = 1_760_000_000_000
MINUTE: Final = 60_000

STATES: Final = {"succeeded": 900, "failed": 40, "stopped": 20, "canceled": 20, "paused": 10, "interrupted": 5}
FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"states": frozenset({JobState.SUCCEEDED})},
    {"states": frozenset({JobState.FAILED, JobState.PAUSED})},
    {"states": frozenset({JobState.RUNNING})},
    {"kind": "identity"},
    {"credentials": "archive-reader"},
    {"search": "archive-"},
    {"search": "abcd"},
    {"search": "nothing has this"},
    {"search": "a"},
    {"created_after": BEGAN + 50 * MINUTE, "created_before": BEGAN + 900 * MINUTE},
    {"needs_attention": True},
    {"dry_run": True},
)


def _rows(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(1)
    for number in range(count):
        state = draw.choices([*STATES], [*STATES.values()])[0]
        kind, total = draw.choices(["purchases", "identity", "events"], [17, 2, 1])[0], draw.randrange(1, 5_000)
        done = total if state == "succeeded" else draw.randrange(total)
        failed = min(done, draw.choice([*[0] * 9, draw.randrange(50)]))
        at = BEGAN + number * MINUTE
        spec = Spec(source={"file": "users.txt", "ids": total}, digest=f"sha256:{draw.getrandbits(256):064x}", as_of=at)
        yield {
            "job_id": f"{draw.getrandbits(128):032x}",
            "graph_id": "none" if draw.random() < 0.1 else "graph",
            "key": f"{kind}-{draw.getrandbits(64):016x}",
            "kind": kind,
            "state": state,
            "message": "purchase-history went on failing after every try: 503" if state == "failed" else None,
            "spec": spec_text(spec),
            "parameters": parameters_text(Parameters()),
            "credentials": draw.choice(["archive-reader", "partner", "stage"]) if kind == "events" else "",
            "cursor": str(done),
            "total": total,
            "processed": done - failed,
            "failed": failed,
            "rate": draw.random() * 100,
            "elapsed_ms": 1_000,
            "epoch": 1,
            "checkpoints": 3,
            "needs_attention": draw.random() < 0.001,
            "created_by": draw.choice(["ann@example.com", "bob@example.com (token deploy)", "root@host"]),
            "created_at": at,
            "updated_at": at + draw.randrange(10_000_000),
        }


def _put(rows: list[dict[str, Any]], connection: Connection) -> None:
    connection.execute(insert(jobs), rows)


async def _filled(url: str, count: int) -> SqlJobStore:
    database = await open_database(url)
    rows = list(_rows(count))
    for first in range(0, count, 5_000):
        await database.write(partial(_put, rows[first : first + 5_000]))
    if not database.embedded:
        await asyncio.to_thread(_settled, url)
    return SqlJobStore(database)


def _settled(url: str) -> None:
    """What the server would do by itself within a minute."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))
    engine.dispose()


async def _asked(store: SqlJobStore) -> Lap:
    """Every order with every filter: the first page, and the one after it."""
    watch, taken = Stopwatch(), []
    with watch.running():
        for chosen in FILTERS:
            for sort in (f"{sign}{name}" for name in SORTS for sign in ("", "-")):
                after = None
                for _ in range(2):
                    began = time.perf_counter()
                    page = await store.page(JobQuery(sort=sort, after=after, **chosen))
                    taken.append(1_000 * (time.perf_counter() - began))
                    after = page.next
                    if after is None:
                        break
    taken.sort()
    return watch.lap(len(taken), **{"p95 ms": taken[int(len(taken) * 0.95)], "slowest ms": taken[-1]})


@asynccontextmanager
async def _sides(many: str, few: str, options: Options) -> AsyncIterator[Sides]:
    full, short = await _filled(many, 200 if options.tiny else MANY), await _filled(few, 100 if options.tiny else FEW)
    try:
        yield Sides(ours=partial(_asked, full), reference=partial(_asked, short))
    finally:
        await full.close()
        await short.close()


@asynccontextmanager
async def _sqlite(options: Options) -> AsyncIterator[Sides]:
    with tempfile.TemporaryDirectory() as folder:
        async with _sides(f"sqlite:///{folder}/many.db", f"sqlite:///{folder}/few.db", options) as sides:
            yield sides


@asynccontextmanager
async def _postgres(options: Options) -> AsyncIterator[Sides]:
    with PostgresServer() as server:
        async with _sides(server.create_database(), server.create_database(), options) as sides:
            yield sides


def p95(ours: Lap, reference: Lap) -> float:
    """Milliseconds within which 95 of 100 pages come."""
    del reference
    return ours.counts["p95 ms"]


ROWS: Final = tuple(
    Row(
        name=name,
        work=f"pages of a list of 100,000 jobs in {where}, every order with every filter",
        reference="the same of 1,000 jobs",
        goal=Goal(bound=50, at_most=True, unit=" ms (p95)"),
        unit="pages/s",
        sides=sides,
        figure=p95,
    )
    for name, where, sides in (
        ("jobs-list", "SQLite", _sqlite),
        ("jobs-list-postgres", "PostgreSQL", _postgres),
    )
)
