"""A full load heals what another writer has corrupted, on every backend."""

import pytest

from retrograph.graph.neo4j.store import Neo4jGraph
from retrograph.graph.records import ProductRecord
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.store import GraphStore
from tests.contracts.graphs import (
    CLOCK,
    another_writer,
    category_of,
    full_load,
    hierarchy,
    join_all,
    purchase,
    settled_digest,
)

HISTORY = [
    purchase("ann", "r1", 1, "apple", "bread", categories={"apple": "fruit", "bread": "bakery"}),
    purchase("ann", "r2", 5, "apple"),
]

CORRUPTIONS = {
    "doubled receipts": (
        "MATCH (:User {user_id: 'ann'})-[r:PURCHASED]->(:Product {product_id: 'apple'}) "
        "SET r.receipt_ids = r.receipt_ids + r.receipt_ids, r.timestamps = r.timestamps + r.timestamps, r.times = 4",
        'UPDATE graph_purchased SET receipt_ids = \'["r1","r1","r2","r2"]\', times = 4, '
        "timestamps = json_array(first, first, last, last) WHERE product_id = 'apple'",
    ),
    "times that drifted": (
        "MATCH ()-[r:PURCHASED]->() SET r.times = r.times + 7",
        "UPDATE graph_purchased SET times = times + 7",
    ),
    "an interval that drifted": (
        "MATCH ()-[r:PURCHASED]->() SET r.avg_interval_days = 77.0",
        "UPDATE graph_purchased SET avg_interval_days = 77.0",
    ),
    "a first that drifted": (
        "MATCH ()-[r:PURCHASED]->() SET r.first = datetime('2016-01-01T00:00:00Z')",
        "UPDATE graph_purchased SET first = 1451606400000",
    ),
    "a likelihood that drifted": (
        "MATCH ()-[r:PURCHASED]->() SET r.repurchase_likelihood = 0.9",
        "UPDATE graph_purchased SET repurchase_likelihood = 0.9",
    ),
    "lists in another order": (
        "MATCH ()-[r:PURCHASED]->(:Product {product_id: 'apple'}) "
        "SET r.receipt_ids = [n IN [1, 0] | r.receipt_ids[n]], r.timestamps = [n IN [1, 0] | r.timestamps[n]]",
        'UPDATE graph_purchased SET receipt_ids = \'["r2","r1"]\', timestamps = json_array(last, first) '
        "WHERE product_id = 'apple'",
    ),
    "a frequency that drifted": (
        "MATCH ()-[r:SHOPS_AT]->() SET r.frequency = 99",
        "UPDATE graph_shops_at SET frequency = 99",
    ),
    "doubled visits": (
        "MATCH ()-[r:SHOPS_AT]->() SET r.receipt_ids = r.receipt_ids + r.receipt_ids, r.frequency = 4",
        'UPDATE graph_shops_at SET receipt_ids = \'["r1","r1","r2","r2"]\', frequency = 4 WHERE user_id = \'ann\'',
    ),
    "a count that drifted": (
        "MATCH ()-[r:SHOPS_IN]->() SET r.purchase_count = 99",
        "UPDATE graph_shops_in SET purchase_count = 99",
    ),
    "a count that is missing": ("MATCH ()-[r:SHOPS_IN]->() DELETE r", "DELETE FROM graph_shops_in"),
    "a count for nothing": (
        "MATCH (u:User {user_id: 'ann'}) MERGE (c:Category {category_id: 'bakery'}) "
        "WITH u, c MATCH (u)-[old:SHOPS_IN]->(c) DELETE old CREATE (u)-[:SHOPS_IN {purchase_count: 0}]->(c)",
        "UPDATE graph_shops_in SET purchase_count = 0 WHERE category_id = 'bakery'",
    ),
    "an edge that holds no facts": (
        "MATCH (u:User {user_id: 'ann'}), (p:Product {product_id: 'spare'}) CREATE (u)-[:PURCHASED {times: 3}]->(p)",
        "INSERT INTO graph_purchased (user_id, product_id, times) VALUES ('ann', 'spare', 3)",
    ),
}
PARALLEL = {
    "parallel purchases": (
        "MATCH (u:User {user_id: 'ann'})-[r:PURCHASED]->(p) CREATE (u)-[s:PURCHASED]->(p) SET s = properties(r)"
    ),
    "parallel purchases that share the receipts": (
        "MATCH (u:User {user_id: 'ann'})-[r:PURCHASED]->(p:Product {product_id: 'apple'}) "
        "CREATE (u)-[s:PURCHASED]->(p) "
        "SET s = properties(r), s.receipt_ids = [r.receipt_ids[0]], s.timestamps = [r.timestamps[0]], s.times = 1, "
        "r.receipt_ids = [r.receipt_ids[1]], r.timestamps = [r.timestamps[1]], r.times = 1"
    ),
    "parallel visits": "MATCH (u)-[r:SHOPS_AT]->(p) CREATE (u)-[s:SHOPS_AT]->(p) SET s = properties(r)",
    "parallel counts": "MATCH (u)-[r:SHOPS_IN]->(p) CREATE (u)-[s:SHOPS_IN]->(p) SET s = properties(r)",
}


async def prepared(graph: GraphStore) -> str:
    await join_all(graph, [*HISTORY, purchase("bob", "r9", 1, "spare")])
    return await settled_digest(graph)


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_a_full_load_heals(graph: GraphStore, name: str) -> None:
    sound = await prepared(graph)
    cypher, sql = CORRUPTIONS[name]
    await another_writer(graph, cypher=cypher, sql=sql)
    assert await settled_digest(graph) != sound
    await join_all(graph, [full_load("ann"), full_load("bob")])
    assert await settled_digest(graph) == sound


@pytest.mark.parametrize("name", PARALLEL)
async def test_a_full_load_makes_parallel_edges_one(graph: GraphStore, name: str) -> None:
    if not isinstance(graph, Neo4jGraph):
        pytest.skip("the embedded graph's keys admit no parallel edges")
    sound = await prepared(graph)
    await another_writer(graph, cypher=PARALLEL[name], sql="")
    assert await settled_digest(graph) != sound
    await join_all(graph, [full_load("ann"), full_load("bob")])
    assert await settled_digest(graph) == sound


@pytest.mark.parametrize("name", PARALLEL)
async def test_an_incremental_join_heals_the_user_it_touches(graph: GraphStore, name: str) -> None:
    if not isinstance(graph, Neo4jGraph):
        pytest.skip("the embedded graph's keys admit no parallel edges")
    sound = await prepared(graph)
    await another_writer(graph, cypher=PARALLEL[name], sql="")
    await join_all(graph, [*HISTORY, full_load("bob")])
    await join_all(graph, [full_load("ann")])
    assert await settled_digest(graph) == sound


async def test_lists_that_lost_their_pairing_keep_the_ids(graph: GraphStore) -> None:
    sound = await prepared(graph)
    await another_writer(
        graph,
        cypher="MATCH ()-[r:PURCHASED]->(:Product {product_id: 'apple'}) SET r.timestamps = [r.timestamps[1]]",
        sql="UPDATE graph_purchased SET timestamps = json_array(last) WHERE product_id = 'apple'",
    )
    await join_all(graph, [full_load("ann")])
    (ann,) = await graph.users(["ann"])
    apple = next(edge for edge in ann.purchases if edge.product_id == "apple")
    assert (list(apple.receipt_ids), apple.times, apple.first, apple.last) == (["r1", "r2"], 2, None, None)
    await join_all(graph, HISTORY)
    await recount_until_clear(graph, CLOCK)
    assert await settled_digest(graph) == sound


TAKEN_AWAY = {
    "a leaf category": ("MATCH (n:Category {category_id: 'fruit'}) DETACH DELETE n", "category_id = 'fruit'"),
    "a category in the middle": ("MATCH (n:Category {category_id: 'fresh'}) DETACH DELETE n", "category_id = 'fresh'"),
    "all categories": ("MATCH (n:Category) DETACH DELETE n", "category_id > ''"),
}


@pytest.mark.parametrize("name", TAKEN_AWAY)
async def test_a_category_that_is_made_again_gets_its_edges_back(graph: GraphStore, name: str) -> None:
    """Nothing is new about the products and categories that name it, so nothing else would link them again."""
    facts = [
        *HISTORY,
        hierarchy("food", "fresh", "fruit"),
        hierarchy("food", "bakery"),
        category_of("bread", "bakery"),
    ]
    await join_all(graph, facts)
    sound = await settled_digest(graph)
    cypher, condition = TAKEN_AWAY[name]
    await another_writer(graph, cypher=cypher, sql=f"DELETE FROM graph_category WHERE {condition}")
    assert await settled_digest(graph) != sound
    # The services' words come again, and every user is loaded again; the products' own facts do not change.
    await join_all(graph, [hierarchy("food", "fresh", "fruit"), hierarchy("food", "bakery"), full_load("ann")])
    assert await settled_digest(graph) == sound


async def test_products_of_a_category_that_is_made_again_take_its_present_hierarchy(graph: GraphStore) -> None:
    await join_all(graph, [*HISTORY, hierarchy("food", "fruit"), full_load("ann")])
    await another_writer(
        graph,
        cypher="MATCH (n:Category {category_id: 'fruit'}) DETACH DELETE n",
        sql="DELETE FROM graph_category WHERE category_id = 'fruit'",
    )
    await join_all(graph, [hierarchy("food", "fresh", "fruit", observed=1), full_load("ann")])
    await recount_until_clear(graph, CLOCK)
    apple, _ = await graph.scan_shared("Product", "", 10)
    assert isinstance(apple, ProductRecord)
    assert (apple.category_hierarchy, list(apple.in_category)) == (("food", "fresh", "fruit"), ["fruit"])


async def test_purchasers_of_a_product_that_is_made_again_are_counted(graph: GraphStore) -> None:
    """Where edges outlive their product, it is not new when it is made again."""
    await join_all(graph, HISTORY)
    await another_writer(
        graph,
        cypher="MATCH (n:Product {product_id: 'apple'}) DETACH DELETE n",
        sql="DELETE FROM graph_product WHERE product_id = 'apple'",
    )
    await join_all(graph, [full_load("ann")])
    await join_all(graph, [category_of("apple", "fruit"), *HISTORY])
    await recount_until_clear(graph, CLOCK)
    (ann,) = await graph.users(["ann"])
    assert {count.category_id: count.purchase_count for count in ann.counts} == {"fruit": 2, "bakery": 1}
