"""The embedded graph: one SQLite file, transactional and fast, behind the same port as Neo4j.

Its clock is the machine's, and every write is the only one (`BEGIN IMMEDIATE`), so nothing has to settle.
"""

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from retrograph.clock import Clock, SystemClock, to_millis
from retrograph.errors import DependencyDown, IncompatibleGraph, NotFound
from retrograph.graph.model import SCHEMA_VERSION, GraphIdentity, Mark
from retrograph.graph.records import GraphStats, SharedRecord, UserRecord
from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import schema
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import Connection, WriteTransaction, rows
from retrograph.graph.sqlite.identity import SqliteIdentityReads
from retrograph.graph.sqlite.nodes import Nodes
from retrograph.graph.sqlite.purchasers import fold, purchasers_of
from retrograph.graph.sqlite.transaction import SqliteTransaction
from retrograph.graph.sqlite.users import scan_users, users_of
from retrograph.graph.store import DEPENDENCY, WRITE_TIMEOUT_SECONDS, GraphTransaction, TransientGraphError

Result = TypeVar("Result")

_SCANS: Final[dict[str, tuple[str, Callable[[Any], SharedRecord]]]] = {
    "Product": (sql.SCAN_PRODUCTS, row.product_record),
    "Category": (sql.SCAN_CATEGORIES, row.category_record),
    "Retailer": (sql.SCAN_RETAILERS, row.retailer_record),
}
_NAMES: Final = {"Product": sql.PRODUCT_NAMES, "Category": sql.CATEGORY_NAMES}


class SqliteGraph(SqliteIdentityReads):
    """See `graph.store.GraphStore`. `durable=False` where the job store is the same file: a power cut then takes
    both back together, and waiting for the disk at every commit buys nothing."""

    def __init__(self, path: Path, *, durable: bool = True, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._writer = Connection(path, synchronous="FULL" if durable else "NORMAL")
        self._reader = Connection(path, read_only=True)
        self._writing = asyncio.Lock()
        self._nodes = Nodes()
        self._identity: GraphIdentity | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    @property
    def lanes(self) -> int:
        return 1

    @property
    def identity(self) -> GraphIdentity:
        if self._identity is None:
            raise DependencyDown(DEPENDENCY, f"the graph file {self._path} is not open yet")
        return self._identity

    async def open(self, *, create: bool = True, migrate: bool = False) -> None:
        if not create and not self._path.exists():
            raise NotFound(f"there is no graph at {self._path}: load something into it first")
        self._identity = await self._writer.run(_present)
        if self._identity is None:
            async with self._written() as connection:
                self._identity = await connection.run(partial(_open, path=self._path, create=create, migrate=migrate))

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def ping(self) -> None:
        if self._identity is not None and not self._path.exists():
            raise DependencyDown(DEPENDENCY, f"the graph file {self._path} is gone")
        await self._reader.run(lambda connection: rows(connection, "SELECT 1 FROM graph_meta LIMIT 1"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[GraphTransaction]:
        async with self._written() as connection:
            yield SqliteTransaction(connection, self._nodes)

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[WriteTransaction]:
        """A write transaction, one at a time in this process as well."""
        async with self._writing:
            transaction = WriteTransaction(self._writer)
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                    yield transaction
                    await transaction.commit()
            except TimeoutError as error:
                await transaction.roll_back()
                raise TransientGraphError(f"a transaction took more than {WRITE_TIMEOUT_SECONDS:.0f} s") from error
            except BaseException:
                await asyncio.shield(transaction.roll_back())
                raise

    async def marks(self) -> list[Mark]:
        found = await self._read(sql.MARKS)
        return [Mark(label=label, key=key, token=token) for label, key, token in found]

    async def settle(self) -> None:
        """Nothing to wait for: a write that began before has committed before the next one could begin."""

    async def purchasers(
        self, product_ids: Sequence[str], limit: int, after: str = ""
    ) -> AsyncGenerator[list[str], None]:
        more = True
        while more:  # each piece in a transaction of its own, so that others can write between
            more = await self._folded()
        walk = await self._reader.run(partial(purchasers_of, product_ids=product_ids, page=limit, after=after))
        while page := await self._reader.run(lambda _: list(islice(walk, limit))):
            yield page

    async def _folded(self) -> bool:
        async with self._written() as connection:
            return await connection.run(fold)

    async def take_recount_lease(self, holder: str, seconds: float) -> bool:
        async with self._written() as connection:
            now = to_millis(self._clock.now())
            return await connection.run(partial(_take_lease, holder=holder, now=now, until=now + int(seconds * 1000)))

    async def release_recount_lease(self, holder: str) -> None:
        async with self._written() as connection:
            await connection.run(partial(_release_lease, holder=holder))

    async def note(self, name: str) -> str | None:
        found = await self._read(sql.READ_META, name)
        return found[0][0] if found else None

    async def set_note(self, name: str, value: str | None) -> None:
        async with self._written() as connection:
            if value is None:
                await connection.run(lambda c: c.execute(sql.DELETE_META, (name,)))
            else:
                await connection.run(lambda c: c.execute(sql.WRITE_META, (name, value)))

    async def scan_users(self, after: str, limit: int) -> list[UserRecord]:
        return await self._reader.run(partial(scan_users, after=after, limit=limit))

    async def users(self, user_ids: Sequence[str]) -> list[UserRecord]:
        return await self._reader.run(partial(users_of, user_ids=user_ids))

    async def scan_shared(self, label: str, after: str, limit: int) -> list[SharedRecord]:
        statement, record = _SCANS[label]
        return [record(found) for found in await self._read(statement, after, limit)]

    async def user_ids(self, after: str, limit: int) -> list[str]:
        return [user_id for (user_id,) in await self._read(sql.SCAN_USER_IDS, after, limit)]

    async def names(self, label: str, keys: Sequence[str]) -> dict[str, str]:
        return dict(await self._read(_NAMES[label], row.text(keys)))

    async def stats(self) -> GraphStats:
        return _stats((await self._read(sql.STATS))[0])

    async def _read(self, statement: str, *parameters: Any) -> list[Any]:
        return await self._reader.run(lambda connection: rows(connection, statement, *parameters))


def _present(connection: sqlite3.Connection) -> GraphIdentity | None:
    """The identity of a graph that needs nothing, found without writing."""
    if not rows(connection, "SELECT 1 FROM sqlite_master WHERE name = 'graph_meta'"):
        return None
    meta = {
        name: value for name in ("graph_id", "schema_version") for (value,) in rows(connection, sql.READ_META, name)
    }
    if meta.get("schema_version") != str(SCHEMA_VERSION):
        return None
    return GraphIdentity(graph_id=meta["graph_id"], schema_version=SCHEMA_VERSION)


def _open(connection: sqlite3.Connection, path: Path, create: bool, migrate: bool) -> GraphIdentity:
    """Checks the version inside one transaction, so that two processes that open an empty file agree on its id."""
    held = rows(connection, "SELECT 1 FROM sqlite_master WHERE name = 'graph_meta'")
    if not held and not create:
        raise NotFound(f"there is no graph in {path}: load something into it first")
    connection.execute(schema.META)
    connection.execute(sql.INIT_META, ("graph_id", str(uuid.uuid4())))
    connection.execute(sql.INIT_META, ("schema_version", "0"))
    version = int(rows(connection, sql.READ_META, "schema_version")[0][0])
    if version > SCHEMA_VERSION:
        raise IncompatibleGraph(
            f"the graph in {path} has schema version {version}, this Retrograph knows {SCHEMA_VERSION}: upgrade it"
        )
    if 0 < version < SCHEMA_VERSION and not migrate:
        raise IncompatibleGraph(
            f"the graph in {path} has schema version {version}, this Retrograph needs {SCHEMA_VERSION}: "
            "run 'retrograph graph migrate', or start with --migrate"
        )
    for statements in schema.MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(sql.WRITE_META, ("schema_version", str(SCHEMA_VERSION)))
    graph_id = rows(connection, sql.READ_META, "graph_id")[0][0]
    return GraphIdentity(graph_id=graph_id, schema_version=SCHEMA_VERSION)


def _take_lease(connection: sqlite3.Connection, holder: str, now: int, until: int) -> bool:
    held = rows(connection, sql.READ_META, "recount_lease")
    if held:
        other, _, end = held[0][0].partition("|")
        # An end that nobody could have set now was set by a clock that was ahead: to wait for it could take for ever,
        # and two passes at once only do the same work twice.
        if other != holder and now < int(end) <= until:
            return False
    connection.execute(sql.WRITE_META, ("recount_lease", f"{holder}|{until}"))
    return True


def _release_lease(connection: sqlite3.Connection, holder: str) -> None:
    held = rows(connection, sql.READ_META, "recount_lease")
    if held and held[0][0].startswith(f"{holder}|"):
        connection.execute(sql.DELETE_META, ("recount_lease",))


def _stats(found: Sequence[int]) -> GraphStats:
    (users, products, categories, retailers, purchased, times, at, frequency, shops_in, count, with_category) = found[
        :11
    ]
    child_of, with_hierarchy, pending = found[11:]
    return GraphStats(
        nodes={"User": users, "Product": products, "Category": categories, "Retailer": retailers},
        relationships={
            "PURCHASED": purchased,
            "SHOPS_AT": at,
            "SHOPS_IN": shops_in,
            "IN_CATEGORY": with_category,
            "CHILD_OF": child_of,
        },
        totals={"times": times, "frequency": frequency, "purchase_count": count},
        products_with_category=with_category,
        products_with_hierarchy=with_hierarchy,
        recount_pending=pending,
    )
