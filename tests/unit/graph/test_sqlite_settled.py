"""A user whose stored purchases are what the facts tell is not read; whoever differs in anything is."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.facts import UNKNOWN_TIME, Facts, UserFacts
from retrograph.graph.derived import purchase_row
from retrograph.graph.merge import join_user
from retrograph.graph.sqlite import rows, schema
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.settled import is_settled
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import GraphStore
from tests.contracts.graphs import LOADED, another_writer, embedded, full_load, join_all, purchase, settled_digest
from tests.contracts.test_graph_healing import CORRUPTIONS

DAY = 86_400_000
NOW = 1_500_000_000_000
TOLD = {"apple": {"r1": NOW, "r2": NOW + 5 * DAY, "r0": NOW + 5 * DAY}, "bread": {"r1": NOW}, "corn": {"r2": NOW + 1}}

IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=4)
PURCHASES = st.dictionaries(
    IDS, st.dictionaries(IDS, st.integers(NOW, NOW + DAY * 900), min_size=1, max_size=3), min_size=1, max_size=4
)


def holding(purchases: dict[str, dict[str, int]]) -> sqlite3.Connection:
    """A graph in memory in which one user has these edges, and another one has others."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(next(table for table in schema.MIGRATIONS[0] if "graph_purchased" in table))
    for user, held in (("ann", purchases), ("bob", TOLD)):
        edges = [purchase_row(product_id, times) for product_id, times in held.items()]
        connection.executemany(sql.CREATE_PURCHASE, rows.new_purchases(user, edges))
    return connection


@pytest.fixture
def graph() -> Iterator[sqlite3.Connection]:
    connection = holding(TOLD)
    yield connection
    connection.close()


@given(PURCHASES, PURCHASES)
def test_settled_means_the_same_purchases(stored: dict[str, dict[str, int]], told: dict[str, dict[str, int]]) -> None:
    connection = holding(stored)
    assert is_settled(connection, "ann", stored) or any("]" in key for times in stored.values() for key in times)
    assert is_settled(connection, "ann", told) <= (stored == told)
    connection.close()


def test_the_order_in_which_facts_were_told_does_not_matter(graph: sqlite3.Connection) -> None:
    told = {product_id: dict(reversed(times.items())) for product_id, times in reversed(TOLD.items())}
    assert is_settled(graph, "ann", told)


DAMAGES = {
    "one edge more": "INSERT INTO graph_purchased (user_id, product_id) VALUES ('ann', 'dill')",
    "one edge less": "DELETE FROM graph_purchased WHERE product_id = 'corn'",
    "another product": "UPDATE graph_purchased SET product_id = 'dill' WHERE product_id = 'corn'",
    "no receipts": "UPDATE graph_purchased SET receipt_ids = NULL WHERE product_id = 'corn'",
    "no instants": "UPDATE graph_purchased SET timestamps = NULL WHERE product_id = 'corn'",
    "another receipt": "UPDATE graph_purchased SET receipt_ids = '[\"r9\"]' WHERE product_id = 'corn'",
    "another instant": "UPDATE graph_purchased SET timestamps = '[7]', first = 7, last = 7 WHERE product_id = 'corn'",
    "times": "UPDATE graph_purchased SET times = times + 1 WHERE product_id = 'corn'",
    "no times": "UPDATE graph_purchased SET times = NULL WHERE product_id = 'corn'",
    "times of several": "UPDATE graph_purchased SET times = 4 WHERE product_id = 'apple'",
    "one time for several": "UPDATE graph_purchased SET times = 1 WHERE product_id = 'apple'",
    "first": "UPDATE graph_purchased SET first = first - 1 WHERE product_id = 'corn'",
    "first of several": "UPDATE graph_purchased SET first = first - 1 WHERE product_id = 'apple'",
    "no last": "UPDATE graph_purchased SET last = NULL WHERE product_id = 'bread'",
    "last of several": "UPDATE graph_purchased SET last = last + 1 WHERE product_id = 'apple'",
    "interval": "UPDATE graph_purchased SET avg_interval_days = 1.0 WHERE product_id = 'corn'",
    "interval of several": "UPDATE graph_purchased SET avg_interval_days = 2.0 WHERE product_id = 'apple'",
    "no interval": "UPDATE graph_purchased SET avg_interval_days = NULL WHERE product_id = 'apple'",
    "likelihood": "UPDATE graph_purchased SET repurchase_likelihood = 0.5 WHERE product_id = 'corn'",
    "likelihood of several": "UPDATE graph_purchased SET repurchase_likelihood = 0.5 WHERE product_id = 'apple'",
    "receipts moved to a neighbour": """
        UPDATE graph_purchased SET receipt_ids = CASE product_id WHEN 'bread' THEN '["r1"],["r2"]' END
        WHERE product_id IN ('bread', 'corn')""",
    "instants moved to a neighbour": """
        UPDATE graph_purchased SET timestamps = CASE product_id WHEN 'bread'
            THEN timestamps || ',' || (SELECT timestamps FROM graph_purchased WHERE product_id = 'corn') END
        WHERE product_id IN ('bread', 'corn')""",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_edge_that_another_writer_changed_is_read(graph: sqlite3.Connection, name: str) -> None:
    assert is_settled(graph, "ann", TOLD)
    assert graph.execute(DAMAGES[name]).rowcount > 0
    assert not is_settled(graph, "ann", TOLD)


def test_an_edge_whose_time_is_unknown_is_read() -> None:
    told = {"apple": {"r1": UNKNOWN_TIME}}
    connection = holding(told)
    assert not is_settled(connection, "ann", told)
    connection.close()


@pytest.fixture
async def loaded(tmp_path: Path) -> AsyncIterator[SqliteGraph]:
    async with embedded(tmp_path / "graph.db") as opened:
        yield opened


def history() -> Facts:
    """All of ann's, as a full load tells it."""
    first = purchase("ann", "r1", 1, "apple", "bread", categories={"apple": "fruit", "bread": "bakery"}, full=True)
    return Facts(user=join_user(first.user, purchase("ann", "r2", 5, "apple").user), shared=first.shared)


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_a_full_load_that_tells_nothing_new_heals(loaded: GraphStore, name: str) -> None:
    await join_all(loaded, [history(), purchase("bob", "r9", 1, "spare")])
    sound = await settled_digest(loaded)
    cypher, damage = CORRUPTIONS[name]
    await another_writer(loaded, cypher=cypher, sql=damage)
    assert await settled_digest(loaded) != sound
    await join_all(loaded, [history(), full_load("bob")])
    assert await settled_digest(loaded) == sound


async def test_a_retracted_receipt_that_another_writer_brought_back_goes_again(loaded: GraphStore) -> None:
    gone = Facts(user=UserFacts(user_id="ann", retracted=frozenset(["r1"]), loaded=LOADED))
    await join_all(loaded, [history(), gone])
    sound = await settled_digest(loaded)
    await another_writer(loaded, cypher="", sql="DELETE FROM graph_purchased")
    await another_writer(loaded, cypher="", sql="UPDATE graph_user SET retracted_receipt_ids = NULL")
    await join_all(loaded, [history()])
    await another_writer(loaded, cypher="", sql="""UPDATE graph_user SET retracted_receipt_ids = '["r1"]'""")
    assert await settled_digest(loaded) != sound
    await join_all(loaded, [history()])
    assert await settled_digest(loaded) == sound
