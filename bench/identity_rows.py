"""The rows about the identity graph: a whole backfill from PostgreSQL against the same rows written by nothing else.

Ours is the product's own way: the job engine over a users table that the sandbox has made, every value judged and
normalised, into an empty graph. The other side gets rows that are ready: it reads nothing and decides nothing.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.measure import Goal, Lap, Options, Row, Side, Sides, Stopwatch
from bench.neo4j_graph import Place, Statements, neo4j_with
from bench.reference import Statement, Transaction
from retrograph.cli.session import spare_the_interpreter
from retrograph.config import IdentifierSettings, Settings, Url, UsersSettings
from retrograph.graph.identity_writer import BATCH_USERS
from retrograph.sandbox.users_database import SETTINGS, write_users
from retrograph.service import StartRequest
from retrograph.wiring.identity import ConfiguredUsers
from retrograph.wiring.service import open_service
from tests.servers.postgres import PostgresServer

USERS: Final = 200_000
NEO4J_USERS: Final = 50_000
TINY_USERS: Final = 300
SEED: Final = 1

_TABLES: Final = (
    "CREATE TABLE users (user_id TEXT PRIMARY KEY, first_seen_at INTEGER, last_updated_at INTEGER) WITHOUT ROWID",
    "CREATE TABLE identifiers (type TEXT, value TEXT, PRIMARY KEY (type, value)) WITHOUT ROWID",
    "CREATE TABLE edges (user_id TEXT, type TEXT, value TEXT, first_seen_at INTEGER, last_seen_at INTEGER, "
    "sources TEXT, PRIMARY KEY (user_id, type, value)) WITHOUT ROWID",
    "CREATE INDEX edges_by_identifier ON edges (type, value)",
)


class Rows(NamedTuple):
    """One transaction's rows: users, identifiers that are new, edges."""

    users: list[Any]
    identifiers: list[Any]
    edges: list[Any]


class Backfill:
    """A users table in PostgreSQL, and the job that walks it."""

    def __init__(self, url: str, directory: Path, count: int) -> None:
        self._url = url
        self.directory = directory
        self.count = count

    def settings(self, graph: str, **more: Any) -> Settings:
        mapping = {name.removeprefix("RETROGRAPH_USERS_").lower(): text for name, text in SETTINGS.items()}
        users = UsersSettings(url=Url(self._url), **mapping)  # type: ignore[arg-type]
        store = Url(f"sqlite:///{self.directory / 'graph.db'}")
        return Settings(graph=Url(graph), store=store, users=users, identifiers=IdentifierSettings(), **more)

    async def run(self, settings: Settings) -> Stopwatch:
        """The job from its start to its end; opening the graph and the store is not timed."""
        stopwatch = Stopwatch()
        async with open_service(settings, starts=True, graph=True) as service:
            with stopwatch.running():
                request = StartRequest(kind="identity", source=ConfiguredUsers(), parameters={}, key=None, who="bench")
                job = await service.run(await service.start(request))
        if job.counts.processed != self.count:
            raise AssertionError(f"{job.counts} of {self.count} users: {job.message}")
        return stopwatch

    def clean(self) -> None:
        """Nothing is left of an earlier lap."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()

    def written(self) -> list[Rows]:
        """What a lap has left in the embedded graph, in the batches and the order in which it came."""
        connection = sqlite3.connect(self.directory / "graph.db")
        users = connection.execute(
            "SELECT user_id, first_seen_at, last_updated_at FROM graph_user ORDER BY user_id"
        ).fetchall()
        edges = connection.execute(
            "SELECT user_id, type, value, first_seen_at, last_seen_at, sources FROM graph_has_identifier "
            "ORDER BY user_id"
        ).fetchall()
        connection.close()
        return _batches(users, edges)


def _batches(users: Sequence[Any], edges: Sequence[Any]) -> list[Rows]:
    held = {user_id: list(found) for user_id, found in groupby(edges, key=lambda edge: edge[0])}
    known: set[tuple[str, str]] = set()
    batches = []
    for start in range(0, len(users), BATCH_USERS):
        part = users[start : start + BATCH_USERS]
        mine = [edge for user in part for edge in held.get(user[0], ())]
        new = sorted({(edge[1], edge[2]) for edge in mine} - known)
        known.update(new)
        batches.append(Rows(list(part), new, mine))
    return batches


@asynccontextmanager
async def _backfill(options: Options, users: int) -> AsyncIterator[Backfill]:
    spare_the_interpreter()
    count = TINY_USERS if options.tiny else users
    with PostgresServer() as server, tempfile.TemporaryDirectory() as directory:
        url = server.create_database()
        write_users(url, count, SEED)
        backfill = Backfill(url, Path(directory) / "lap", count)
        backfill.clean()
        yield backfill


@asynccontextmanager
async def _sqlite(options: Options) -> AsyncIterator[Sides]:
    async with _backfill(options, USERS) as backfill:
        file = backfill.directory / "graph.db"

        async def ours() -> Lap:
            backfill.clean()
            stopwatch = await backfill.run(backfill.settings(f"sqlite:///{file}"))
            return stopwatch.lap(sum(len(rows.edges) for rows in backfill.written()))

        await ours()
        yield Sides(ours=ours, reference=_bare(backfill.directory.parent / "bare.db", backfill.written()))


def _bare(file: Path, batches: Sequence[Rows]) -> Side:
    """`executemany` into tables with the same keys, the same durability, the same batches."""

    async def side() -> Lap:
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()
        connection = sqlite3.connect(file, isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -65536"):
            connection.execute(statement)
        for statement in _TABLES:
            connection.execute(statement)
        stopwatch = Stopwatch()
        with stopwatch.running():
            for rows in batches:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO users VALUES (?, ?, ?)", rows.users)
                connection.executemany("INSERT INTO identifiers VALUES (?, ?)", rows.identifiers)
                connection.executemany("INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?)", rows.edges)
                connection.execute("COMMIT")
        connection.close()
        return stopwatch.lap(sum(len(rows.edges) for rows in batches))

    return side


@asynccontextmanager
async def _neo4j(options: Options) -> AsyncIterator[Sides]:
    async with _backfill(options, NEO4J_USERS) as backfill, neo4j_with(options) as place:
        await backfill.run(backfill.settings(f"sqlite:///{backfill.directory / 'graph.db'}"))
        batches = backfill.written()
        edges = sum(len(rows.edges) for rows in batches)

        async def ours() -> Lap:
            _empty(place)
            backfill.clean()
            stopwatch = await backfill.run(backfill.settings(place.url, neo4j=place.settings))
            _check(place, edges)
            return stopwatch.lap(edges)

        transactions = [_plain(rows) for rows in batches]
        runner = Statements(place.driver, 1)

        async def reference() -> Lap:
            _empty(place)
            stopwatch = Stopwatch()
            with stopwatch.running():
                await runner.run(transactions)
            _check(place, edges)
            return stopwatch.lap(edges)

        yield Sides(ours=ours, reference=reference)


def _plain(rows: Rows) -> Transaction:
    """Creates only: users, identifiers, and the edges between them."""
    at = "datetime({epochMillis: x[%d]})"
    return [
        Statement(f"UNWIND $rows AS x CREATE (:User {{user_id: x[0], first_seen_at: {at % 1}}})", rows.users),
        Statement("UNWIND $rows AS x CREATE (:Identifier {type: x[0], value: x[1]})", rows.identifiers),
        Statement(
            "UNWIND $rows AS x MATCH (u:User {user_id: x[0]}) MATCH (i:Identifier {type: x[1], value: x[2]}) "
            f"CREATE (u)-[:HAS_IDENTIFIER {{first_seen_at: {at % 3}, last_seen_at: {at % 4}, sources: [x[5]]}}]->(i)",
            rows.edges,
        ),
    ]


def _empty(place: Place) -> None:
    for label in ("User", "Identifier"):
        place.rows(f"MATCH (n:{label}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 2000 ROWS")


def _check(place: Place, edges: int) -> None:
    held = place.rows("MATCH ()-[r:HAS_IDENTIFIER]->() RETURN count(r)")[0][0]
    if held != edges:
        raise AssertionError(f"the graph holds {held} edges, and should hold {edges}")


_WORK: Final = "a backfill of identities, {:,} users from PostgreSQL, into {}"

ROWS: Final = (
    Row(
        name="identity-sqlite",
        work=_WORK.format(USERS, "the embedded graph"),
        reference="`executemany` of the same rows into bare tables with the same keys, same batches",
        goal=Goal(bound=0.5),
        unit="edges/s",
        sides=_sqlite,
    ),
    Row(
        name="identity-neo4j",
        work=_WORK.format(NEO4J_USERS, "Neo4j, 4 transactions at a time"),
        reference="a plain `CREATE` of the same nodes and edges, one transaction at a time",
        goal=None,
        unit="edges/s",
        sides=_neo4j,
    ),
)
