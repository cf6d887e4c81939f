"""The graphs that the contract suite runs on, and what tests say about histories."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from retrograph.clock import MILLIS_PER_DAY, SystemClock
from retrograph.facts import (
    CategoryFact,
    Facts,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
)
from retrograph.graph.digest import digest
from retrograph.graph.neo4j.connection import Credentials
from retrograph.graph.neo4j.store import Neo4jGraph
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from tests.servers.neo4j import Neo4jServer

CLOCK = SystemClock()
DAY_ONE = 1_483_315_200_000
"""2017-01-02T00:00:00Z"""
LOADED = Loaded(at=DAY_ONE, by="test")


def on_day(day: float) -> int:
    """An instant so many days after the first."""
    return DAY_ONE + int(day * MILLIS_PER_DAY)


def purchase(
    user_id: str,
    receipt_id: str,
    day: float,
    *products: str,
    retailer: str = "Store 1",
    categories: Mapping[str, str] | None = None,
    observed: int = 0,
    full: bool = False,
) -> Facts:
    """One receipt; `categories` is what a catalogue said of its products on the day `observed`."""
    at = on_day(day)
    told = categories or {}
    return Facts(
        user=UserFacts(
            user_id=user_id,
            purchases={product: {receipt_id: at} for product in products},
            visits={retailer: frozenset([receipt_id])},
            first_seen_at=at,
            loaded=LOADED if full else None,
        ),
        shared=SharedFacts(
            products={
                product: ProductFact(
                    name=TextField(0, at // MILLIS_PER_DAY, f"Name of {product}"),
                    category_id=TextField(1, observed, told[product]) if product in told else None,
                )
                for product in products
            },
            categories={category: CategoryFact() for category in told.values()},
            retailers={retailer: RetailerFact(channel=TextField(0, at // MILLIS_PER_DAY, "GROCERY"))},
        ),
    )


def retraction(user_id: str, *receipt_ids: str) -> Facts:
    """Cancelled orders."""
    return Facts(user=UserFacts(user_id=user_id, retracted=frozenset(receipt_ids)))


def full_load(user_id: str) -> Facts:
    """The end of a full load that brought nothing new: it heals and recomputes the user."""
    return Facts(user=UserFacts(user_id=user_id, loaded=LOADED))


def category_of(product: str, category: str, observed: int = 0) -> Facts:
    """A catalogue's word about a product, brought by a user who bought nothing."""
    return Facts(
        user=UserFacts(user_id="nobody"),
        shared=SharedFacts(
            products={product: ProductFact(category_id=TextField(1, observed, category))},
            categories={category: CategoryFact()},
        ),
    )


def hierarchy(*path: str, observed: int = 0) -> Facts:
    """A category service's answer about the last of the path."""
    return Facts(
        user=UserFacts(user_id="nobody"),
        shared=SharedFacts(
            categories={
                category: CategoryFact(
                    name=TextField(1, observed, f"Name of {category}"),
                    hierarchy=PathField(1, observed, path[: depth + 1]),
                )
                for depth, category in enumerate(path)
            }
        ),
    )


async def join_all(graph: GraphStore, histories: Iterable[Facts]) -> None:
    """Joins one after the other, each in a transaction of its own."""
    async with GraphWriter(graph, CLOCK) as writer:
        for facts in histories:
            await writer.join(facts)


async def settled_digest(graph: GraphStore) -> str:
    """The digest when no mark is left."""
    await recount_until_clear(graph, CLOCK)
    return (await digest(graph)).digest


@asynccontextmanager
async def embedded(path: Path) -> AsyncIterator[SqliteGraph]:
    """An open graph in a file."""
    graph = SqliteGraph(path, durable=False)
    await graph.open()
    try:
        yield graph
    finally:
        await graph.close()


def credentials(server: Neo4jServer) -> Credentials:
    """How tests sign in."""
    return Credentials(user=server.user, password=server.password)


@asynccontextmanager
async def served(server: Neo4jServer, *, lanes: int = 4) -> AsyncIterator[Neo4jGraph]:
    """An open graph on a server."""
    graph = Neo4jGraph(server.uri, credentials(server), lanes=lanes)
    await graph.open()
    try:
        yield graph
    finally:
        await graph.close()


async def another_writer(graph: GraphStore, *, cypher: str, sql: str, **parameters: Any) -> None:
    """Changes the graph behind Retrograph's back."""
    if isinstance(graph, Neo4jGraph):
        await graph._connection.rows(cypher, **parameters)
    elif isinstance(graph, SqliteGraph):
        path = graph.url.removeprefix("sqlite:///")
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute(sql, parameters)
        connection.close()
