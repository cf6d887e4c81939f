"""Which graph it is, what version it has, and what it says when it cannot be used, on every backend."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from retrograph.errors import ConfigurationError, DependencyDown, IncompatibleGraph, NotFound
from retrograph.graph.model import SCHEMA_VERSION
from retrograph.graph.neo4j import schema as neo4j_schema
from retrograph.graph.neo4j.connection import Credentials
from retrograph.graph.neo4j.store import Neo4jGraph
from retrograph.graph.records import CountRecord
from retrograph.graph.sqlite import schema as sqlite_schema
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import GraphStore
from tests.contracts.graphs import another_writer, category_of, credentials, join_all, purchase, settled_digest
from tests.servers.neo4j import Neo4jServer
from tests.servers.server import free_port


class Place:
    """Where a graph is or may be: opens it as often as a test wants to."""

    def __init__(self, make: Callable[[], GraphStore]) -> None:
        self.make = make

    @asynccontextmanager
    async def open(self, *, create: bool = True, migrate: bool = False) -> AsyncIterator[GraphStore]:
        graph = self.make()
        try:
            await graph.open(create=create, migrate=migrate)
            yield graph
        finally:
            await graph.close()

    def __call__(self, *, create: bool = True, migrate: bool = False) -> AbstractAsyncContextManager[GraphStore]:
        return self.open(create=create, migrate=migrate)


@pytest.fixture(params=["sqlite", pytest.param("neo4j_lts", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place for a graph."""
    if request.param == "sqlite":
        return Place(lambda: SqliteGraph(tmp_path / "graph.db"))
    server: Neo4jServer = request.getfixturevalue(request.param)
    server.start()
    server.wipe(schema=True)
    return Place(lambda: Neo4jGraph(server.uri, credentials(server)))


async def set_version(graph: GraphStore, version: int) -> None:
    await another_writer(
        graph,
        cypher="MATCH (m:RetrographMeta) SET m.schema_version = $version",
        sql="UPDATE graph_meta SET value = :version WHERE name = 'schema_version'",
        version=version,
    )


async def test_a_graph_keeps_its_id(place: Place) -> None:
    async with place() as graph:
        first = graph.identity
    async with place(create=False) as graph:
        assert graph.identity == first
    assert first.schema_version == SCHEMA_VERSION
    assert len(first.graph_id) == 36


async def test_several_that_open_an_empty_place_at_once_make_one_graph(place: Place) -> None:
    """Such as workers that are started together."""
    graphs = [place.make() for _ in range(6)]
    try:
        await asyncio.gather(*(graph.open() for graph in graphs))
        assert len({graph.identity for graph in graphs}) == 1
    finally:
        await asyncio.gather(*(graph.close() for graph in graphs))


async def test_a_graph_is_only_made_where_that_is_wanted(place: Place) -> None:
    with pytest.raises(NotFound, match="there is no graph"):
        async with place(create=False):
            pass


async def test_a_graph_of_a_newer_version_is_refused(place: Place) -> None:
    async with place() as graph:
        await set_version(graph, SCHEMA_VERSION + 1)
    with pytest.raises(IncompatibleGraph, match="upgrade"):
        async with place(migrate=True):
            pass


async def test_an_older_graph_is_migrated_only_when_asked(place: Place) -> None:
    async with place() as graph:
        await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
        before = await settled_digest(graph)
        await undo_later_migrations(graph)
    with pytest.raises(IncompatibleGraph, match="graph migrate"):
        async with place():
            pass
    async with place(migrate=True) as graph:
        assert graph.identity.schema_version == SCHEMA_VERSION
        assert await settled_digest(graph) == before
        assert await has_purchaser_index(graph)
    async with place():
        pass


async def undo_later_migrations(graph: GraphStore) -> None:
    """Makes a graph of version 1 of a present one."""
    assert len(neo4j_schema.MIGRATIONS) == len(sqlite_schema.MIGRATIONS) == SCHEMA_VERSION
    await another_writer(
        graph,
        cypher="DROP INDEX retrograph_products_by_category",
        sql="DROP INDEX graph_products_by_category",
    )
    if isinstance(graph, SqliteGraph):
        await undo_third_migration(graph)
        for name in ("graph_purchasers", "graph_marked_products", "graph_marked_categories"):
            await another_writer(graph, cypher="", sql=f"DROP INDEX {name}")
    await set_version(graph, 1)
    assert not await has_purchaser_index(graph)


async def undo_third_migration(graph: SqliteGraph) -> None:
    """Makes a graph of version 2 of a present one."""
    for name in ("graph_purchaser", "graph_new_purchases", "graph_gone_product"):
        await another_writer(graph, cypher="", sql=f"DROP TABLE {name}")
    await another_writer(graph, cypher="", sql="DROP TRIGGER graph_product_gone")
    await another_writer(graph, cypher="", sql="CREATE INDEX graph_purchasers ON graph_purchased (product_id)")
    await set_version(graph, 2)


async def test_a_migrated_graph_knows_who_bought_what(tmp_path: Path) -> None:
    place = Place(lambda: SqliteGraph(tmp_path / "graph.db"))
    async with place() as graph:
        await join_all(graph, [purchase(user, f"r-{user}", 1, "apple") for user in ("ann", "bob")])
        assert isinstance(graph, SqliteGraph)
        await undo_third_migration(graph)
    async with place(migrate=True) as graph:
        await join_all(graph, [purchase("cid", "r3", 1, "apple"), category_of("apple", "fruit")])
        await settled_digest(graph)
        assert [user.counts for user in await graph.users(["ann", "bob", "cid"])] == [[CountRecord("fruit", 1)]] * 3


async def has_purchaser_index(graph: GraphStore) -> bool:
    if isinstance(graph, Neo4jGraph):
        return bool(
            await graph._connection.rows(
                "SHOW INDEXES YIELD name WHERE name = 'retrograph_products_by_category' RETURN name"
            )
        )
    with sqlite3.connect(graph.url.removeprefix("sqlite:///")) as connection:
        return bool(
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'graph_products_by_category'").fetchall()
        )


async def test_notes_are_kept_and_taken_away(place: Place) -> None:
    async with place() as graph:
        assert await graph.note("copy") is None
        await graph.set_note("copy", "here")
    async with place() as graph:
        assert await graph.note("copy") == "here"
        await graph.set_note("copy", None)
        assert await graph.note("copy") is None


@pytest.mark.server
async def test_wrong_credentials_are_a_mistake_in_the_configuration(neo4j_lts: Neo4jServer) -> None:
    neo4j_lts.start()
    graph = Neo4jGraph(neo4j_lts.uri, Credentials(user=neo4j_lts.user, password="wrong"))
    with pytest.raises(ConfigurationError, match="refused the credentials") as error:
        await graph.open()
    assert "wrong" not in str(error.value)
    await graph.close()


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["neo4j", "bolt", "neo4j+ssc", "bolt+ssc"])
async def test_every_scheme_reaches_the_graph(neo4j_lts: Neo4jServer, scheme: str, tmp_path: Path) -> None:
    neo4j_lts.start()
    secret = tmp_path / "password"
    secret.write_text(neo4j_lts.password + "\n")
    url = neo4j_lts.uri.replace("bolt://", f"{scheme}://")
    graph = Neo4jGraph(url, Credentials(user=neo4j_lts.user, password_file=secret))
    await graph.open()
    await graph.ping()
    await graph.close()


async def test_a_server_that_does_not_answer_is_a_dependency_that_is_down() -> None:
    graph = Neo4jGraph(f"bolt://127.0.0.1:{free_port()}", Credentials(user="neo4j", password="x"))
    with pytest.raises(DependencyDown, match="does not answer"):
        await graph.open()
    await graph.close()


async def test_what_is_no_sqlite_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.db").write_bytes(b"\x89PNG" * 100)
    graph = SqliteGraph(tmp_path / "photo.db")
    with pytest.raises(ConfigurationError, match=r"photo\.db is not a SQLite file"):
        await graph.open()
    await graph.close()


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    graph = SqliteGraph(tmp_path / "missing" / "graph.db")
    with pytest.raises(ConfigurationError, match="missing"):
        await graph.open()
    await graph.close()
