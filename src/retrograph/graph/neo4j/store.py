"""The graph in Neo4j: 5.26 LTS and later, one server or a cluster, behind the same port as the embedded one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from neo4j import AsyncSession, AsyncTransaction

from retrograph.clock import Clock, SystemClock
from retrograph.errors import ConfigurationError, DependencyDown, IncompatibleGraph, NotFound
from retrograph.graph.model import SCHEMA_VERSION, GraphIdentity, Mark
from retrograph.graph.neo4j import rows as row
from retrograph.graph.neo4j import schema
from retrograph.graph.neo4j import statements as cypher
from retrograph.graph.neo4j.connection import Connection, Credentials
from retrograph.graph.neo4j.identity import Neo4jIdentityReads
from retrograph.graph.neo4j.transaction import Neo4jTransaction
from retrograph.graph.records import GraphStats, SharedRecord, UserRecord
from retrograph.graph.retry import repeated
from retrograph.graph.store import (
    DEPENDENCY,
    WRITE_TIMEOUT_SECONDS,
    GraphDataError,
    GraphTransaction,
    TransientGraphError,
)

LANES: Final = 4
SETTLE_POLL_SECONDS: Final = 0.05
GRACE_SECONDS: Final = 15.0
"""How long after its timeout a server may take to say that a transaction has ended."""
PURCHASERS_AT_A_TIME: Final = 20_000
"""Each query looks at all purchasers of its products and keeps so many: few enough to sort and send, many enough that a
million purchasers are looked at fifty times, which takes a fraction of what recounting them does."""
PAGE_EDGES: Final = 20_000
"""A scan's page ends with the user whose purchases reach so many: a few users may have bought more than all others."""
WRITE_METADATA: Final = {"retrograph": "write"}

_SCANS: Final[dict[str, tuple[str, Callable[[Any], SharedRecord]]]] = {
    "Product": (cypher.SCAN_PRODUCTS, row.product_record),
    "Category": (cypher.SCAN_CATEGORIES, row.category_record),
    "Retailer": (cypher.SCAN_RETAILERS, row.retailer_record),
}
_NAMES: Final = {"Product": cypher.PRODUCT_NAMES, "Category": cypher.CATEGORY_NAMES}


class Neo4jGraph(Neo4jIdentityReads):
    """See `graph.store.GraphStore`. `url` is one of the schemes bolt, bolt+s, bolt+ssc, neo4j, neo4j+s, neo4j+ssc."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        database: str | None = None,
        lanes: int = LANES,
        clock: Clock | None = None,
    ) -> None:
        self._connection = Connection(url, credentials, database)
        self._clock = clock or SystemClock()
        self._lanes = lanes
        self._identity: GraphIdentity | None = None

    @property
    def url(self) -> str:
        return self._connection.url

    @property
    def lanes(self) -> int:
        return self._lanes

    @property
    def identity(self) -> GraphIdentity:
        if self._identity is None:
            raise DependencyDown(DEPENDENCY, f"the graph at {self.url} did not answer yet")
        return self._identity

    async def open(self, *, create: bool = True, migrate: bool = False) -> None:
        try:
            await self._connection.open()
            self._identity = await repeated(self, self._clock, lambda: self._opened(create, migrate))
        except TransientGraphError as error:
            raise DependencyDown(DEPENDENCY, str(error)) from error
        except GraphDataError as error:
            raise ConfigurationError(f"the graph at {self.url} cannot be prepared: {error}") from error

    async def _opened(self, create: bool, migrate: bool) -> GraphIdentity:
        meta = await self._connection.rows(cypher.READ_META)
        if not meta:
            if not create:
                raise NotFound(f"there is no graph at {self.url}: load something into it first")
            for statement in schema.META_CONSTRAINTS:
                await self._connection.rows(statement)
            meta = await self._connection.rows(cypher.CREATE_META)
        graph_id, version = meta[0]
        _check_version(self.url, version, migrate)
        for statements in schema.MIGRATIONS[version:]:
            for statement in statements:
                await self._connection.rows(statement)
        if version < SCHEMA_VERSION:
            # Once, at the end: whoever opens the graph meanwhile must not take one that is being made for an older one.
            await self._connection.rows(schema.AWAIT_INDEXES)
            await self._connection.rows(cypher.SET_VERSION, version=SCHEMA_VERSION)
        return GraphIdentity(graph_id=graph_id, schema_version=SCHEMA_VERSION)

    async def close(self) -> None:
        await self._connection.close()

    async def ping(self) -> None:
        await self._connection.ping()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[GraphTransaction]:
        """The server ends it after its timeout; one that does not answer by then is given up on this side."""
        try:
            async with (
                asyncio.timeout(WRITE_TIMEOUT_SECONDS + GRACE_SECONDS),
                self._connection.session() as session,
                _begun(session) as transaction,
            ):
                yield Neo4jTransaction(transaction)
        except TimeoutError as error:
            raise TransientGraphError(f"the graph at {self.url} stopped answering", outage=True) from error

    async def marks(self) -> list[Mark]:
        found = await self._connection.listed(cypher.MARKS)
        return [Mark(label=label, key=key, token=token) for label, key, token in found]

    async def settle(self) -> None:
        """Waits for the writes that are under way now, known by their metadata.

        Where listing transactions is not permitted, twice the write timeout: by then they have ended either way.
        """
        try:
            begun = await self._writes_under_way()
        except (ConfigurationError, GraphDataError):
            await self._clock.sleep(2 * WRITE_TIMEOUT_SECONDS)
            return
        while begun:
            await self._clock.sleep(SETTLE_POLL_SECONDS)
            begun &= await self._writes_under_way()

    async def _writes_under_way(self) -> set[str]:
        return set(await self._connection.listed(cypher.WRITES_UNDER_WAY))

    async def purchasers(
        self, product_ids: Sequence[str], limit: int, after: str = ""
    ) -> AsyncGenerator[list[str], None]:
        keys = list(product_ids)
        while found := await self._connection.listed(
            cypher.PURCHASERS, keys=keys, after=after, limit=PURCHASERS_AT_A_TIME
        ):
            for start in range(0, len(found), limit):
                yield found[start : start + limit]
            after = found[-1]

    async def take_recount_lease(self, holder: str, seconds: float) -> bool:
        return bool(await self._connection.rows(cypher.TAKE_LEASE, holder=holder, millis=int(seconds * 1000)))

    async def release_recount_lease(self, holder: str) -> None:
        await self._connection.rows(cypher.RELEASE_LEASE, holder=holder)

    async def note(self, name: str) -> str | None:
        found = await self._connection.rows(cypher.READ_NOTE, name=name)
        return found[0][0] if found else None

    async def set_note(self, name: str, value: str | None) -> None:
        statement = cypher.DELETE_NOTE if value is None else cypher.WRITE_NOTE
        await self._connection.rows(statement, name=name, value=value)

    async def scan_users(self, after: str, limit: int) -> list[UserRecord]:
        while found := await self._connection.listed(cypher.NEXT_USERS, after=after, limit=limit):
            keys = row.first_users(found, PAGE_EDGES)
            users = {user.user_id: user for user in await self.users(keys)}
            if users:
                return [users[key] for key in keys if key in users]
            after = keys[-1]  # they have all been taken away meanwhile
        return []

    async def users(self, user_ids: Sequence[str]) -> list[UserRecord]:
        found = await self._connection.listed(cypher.USERS, keys=list(user_ids))
        return [row.user_record(user) for user in found]

    async def scan_shared(self, label: str, after: str, limit: int) -> list[SharedRecord]:
        statement, record = _SCANS[label]
        return [record(found) for found in await self._connection.listed(statement, after=after, limit=limit)]

    async def user_ids(self, after: str, limit: int) -> list[str]:
        return await self._connection.listed(cypher.USER_IDS, after=after, limit=limit)

    async def names(self, label: str, keys: Sequence[str]) -> dict[str, str]:
        found = await self._connection.listed(_NAMES[label], keys=list(keys))
        return dict(found)

    async def stats(self) -> GraphStats:
        found: dict[str, list[int]] = {}
        for name, statement in cypher.STATS.items():
            found[name] = (await self._connection.rows(statement))[0]
        return _stats(found)


@asynccontextmanager
async def _begun(session: AsyncSession) -> AsyncIterator[AsyncTransaction]:
    transaction = await session.begin_transaction(timeout=WRITE_TIMEOUT_SECONDS, metadata=dict(WRITE_METADATA))
    try:
        yield transaction
        await transaction.commit()
    except asyncio.CancelledError:
        transaction.cancel()
        raise
    except BaseException:
        with suppress(Exception):  # the first error tells more than a rollback that fails after it
            await transaction.rollback()
        raise


def _check_version(url: str, version: int, migrate: bool) -> None:
    if version > SCHEMA_VERSION:
        raise IncompatibleGraph(
            f"the graph at {url} has schema version {version}, this Retrograph knows {SCHEMA_VERSION}: upgrade it"
        )
    if 0 < version < SCHEMA_VERSION and not migrate:
        raise IncompatibleGraph(
            f"the graph at {url} has schema version {version}, this Retrograph needs {SCHEMA_VERSION}: "
            "run 'retrograph graph migrate', or start with --migrate"
        )


def _stats(found: dict[str, list[int]]) -> GraphStats:
    relationships = ("PURCHASED", "SHOPS_AT", "SHOPS_IN", "IN_CATEGORY", "CHILD_OF")
    return GraphStats(
        nodes={label: found[label][0] for label in ("User", "Product", "Category", "Retailer")},
        relationships={kind: found[kind][0] for kind in relationships},
        totals={
            "times": found["PURCHASED"][1],
            "frequency": found["SHOPS_AT"][1],
            "purchase_count": found["SHOPS_IN"][1],
        },
        products_with_category=found["with_category"][0],
        products_with_hierarchy=found["with_hierarchy"][0],
        recount_pending=found["marked_products"][0] + found["marked_categories"][0],
    )
