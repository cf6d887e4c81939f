"""Reading, digesting and copying a graph, on every backend."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from retrograph.clock import MILLIS_PER_DAY
from retrograph.facts import CategoryFact, RetailerFact, TextField
from retrograph.graph.copy import copy
from retrograph.graph.digest import digest
from retrograph.graph.records import (
    CategoryRecord,
    CountRecord,
    ProductRecord,
    PurchaseRecord,
    RetailerRecord,
    VisitRecord,
)
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.store import GraphStore
from tests.contracts.graphs import (
    CLOCK,
    DAY_ONE,
    LOADED,
    another_writer,
    category_of,
    embedded,
    full_load,
    hierarchy,
    join_all,
    on_day,
    purchase,
    retraction,
    settled_digest,
)

HISTORY = [
    purchase("ann", "r1", 1, "apple", "bread", categories={"apple": "fruit"}),
    purchase("ann", "r2", 4, "apple", full=True),
    hierarchy("food", "fruit"),
    purchase("bob", "r3", 2, "bread", retailer="Läden & Co"),
    retraction("bob", "r9"),
]


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[GraphStore]:
    """A second graph."""
    async with embedded(tmp_path / "other.db") as opened:
        yield opened


async def test_a_user_is_read_as_it_was_written(graph: GraphStore) -> None:
    await join_all(graph, HISTORY)
    (ann,) = await graph.users(["ann", "nobody at all"])
    assert (ann.first_seen_at, ann.retracted, ann.loaded) == (on_day(1), [], LOADED)
    assert sorted(ann.purchases) == [
        PurchaseRecord("apple", ["r1", "r2"], [on_day(1), on_day(4)], 2, on_day(1), on_day(4), 3.0, 0.5),
        PurchaseRecord("bread", ["r1"], [on_day(1)], 1, on_day(1), on_day(1), 0.0, 0.0),
    ]
    assert list(ann.visits) == [VisitRecord("Store 1", ["r1", "r2"], 2)]
    assert list(ann.counts) == [CountRecord("fruit", 2)]


async def test_shared_nodes_are_read_as_they_were_written(graph: GraphStore) -> None:
    await join_all(graph, HISTORY)
    await recount_until_clear(graph, CLOCK)
    apple, bread = await graph.scan_shared("Product", "", 10)
    assert isinstance(apple, ProductRecord)
    assert isinstance(bread, ProductRecord)
    assert apple.fact.name == TextField(0, on_day(4) // MILLIS_PER_DAY, "Name of apple")
    assert (apple.category_hierarchy, list(apple.in_category)) == (("food", "fruit"), ["fruit"])
    assert (bread.category_hierarchy, list(bread.in_category)) == (None, [])
    food, fruit = await graph.scan_shared("Category", "", 10)
    assert isinstance(fruit, CategoryRecord)
    assert list(fruit.child_of) == ["food"]
    assert isinstance(food, CategoryRecord)
    assert list(food.child_of) == []
    retailers = await graph.scan_shared("Retailer", "", 10)
    day = DAY_ONE // MILLIS_PER_DAY
    assert retailers == [
        RetailerRecord(name="Läden & Co", fact=RetailerFact(channel=TextField(0, day + 2, "GROCERY"))),
        RetailerRecord(name="Store 1", fact=RetailerFact(channel=TextField(0, day + 4, "GROCERY"))),
    ]
    assert await graph.names("Category", ["food", "none"]) == {"food": "Name of food"}
    assert await graph.names("Product", ["apple"]) == {"apple": "Name of apple"}


async def test_scans_go_page_by_page(graph: GraphStore) -> None:
    ids = [f"user-{n:03d}" for n in range(25)] + ["Zoë", "ähnlich"]
    await join_all(graph, [purchase(user_id, f"r-{user_id}", 1, "apple") for user_id in ids])
    seen: list[str] = []
    records: list[str] = []
    while page := await graph.user_ids(seen[-1] if seen else "", 7):
        seen += page
    while users := await graph.scan_users(records[-1] if records else "", 7):
        records += [user.user_id for user in users]
    assert seen == records
    assert sorted(seen) == sorted(ids)
    pages = [page async for page in graph.purchasers(["apple", "bread"], 10)]
    assert sorted(user_id for page in pages for user_id in page) == sorted(ids)
    assert max(map(len, pages)) <= 10
    walked = [user_id for page in pages for user_id in page]
    rest = [page async for page in graph.purchasers(["apple", "bread"], 10, walked[11])]
    assert [user_id for page in rest for user_id in page] == walked[12:]


async def test_stats_count_everything(graph: GraphStore) -> None:
    await join_all(graph, [*HISTORY, category_of("bread", "bakery")])
    stats = await graph.stats()
    assert stats.nodes == {"User": 3, "Product": 2, "Category": 3, "Retailer": 2}
    assert stats.relationships == {"PURCHASED": 3, "SHOPS_AT": 2, "SHOPS_IN": 1, "IN_CATEGORY": 2, "CHILD_OF": 1}
    assert stats.totals == {"times": 4, "frequency": 3, "purchase_count": 2}
    assert (stats.products_with_category, stats.products_with_hierarchy, stats.recount_pending) == (2, 0, 2)


async def test_an_empty_graph_has_counts_and_a_digest(graph: GraphStore) -> None:
    assert set((await graph.stats()).nodes.values()) == {0}
    empty = await digest(graph)
    assert (empty.digest, empty.facts) == (f"sha256:{0:064x}", 0)


async def test_the_digest_leaves_out_operational_data_ranks_and_days(graph: GraphStore, other: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
    await join_all(
        other, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"}, observed=7), full_load("ann")]
    )
    assert await settled_digest(graph) == await settled_digest(other)


@pytest.mark.parametrize(
    "more",
    [
        purchase("ann", "r9", 3, "apple"),
        purchase("ann", "r1", 0.5, "apple"),
        retraction("ann", "r0"),
        category_of("bread", "bakery"),
        hierarchy("goods", "food", "fruit", observed=1),
    ],
)
async def test_the_digest_sees_every_fact(graph: GraphStore, more: object) -> None:
    await join_all(graph, HISTORY)
    before = await settled_digest(graph)
    await join_all(graph, [more])  # type: ignore[list-item]
    assert await settled_digest(graph) != before


async def test_a_digest_can_be_of_some_users(graph: GraphStore, other: GraphStore) -> None:
    await join_all(graph, HISTORY)
    await join_all(other, [facts for facts in HISTORY if facts.user.user_id != "bob"])
    of_ann = await digest(graph, users=["ann"])
    assert of_ann == await digest(other, users=["ann", "bob"])
    assert of_ann.facts == 3


async def test_only_purchases_leaves_out_what_describes_nodes(graph: GraphStore, other: GraphStore) -> None:
    await join_all(graph, HISTORY)
    renamed = hierarchy("aliments", "fruit", observed=5)
    await join_all(other, [*HISTORY, renamed, purchase("carl", "r7", 1, "salt"), retraction("carl", "r7")])
    assert await settled_digest(graph) != await settled_digest(other)
    without_carl = ["ann", "bob", "nobody"]
    assert (await digest(graph, only="purchases", users=without_carl)) == (
        await digest(other, only="purchases", users=without_carl)
    )


async def test_a_copy_holds_the_same_in_both_directions(graph: GraphStore, other: GraphStore) -> None:
    await join_all(graph, HISTORY)
    report = await copy(graph, other, CLOCK)
    assert report.equal
    assert not report.resumed
    assert other.identity != graph.identity
    await join_all(other, [purchase("carl", "r7", 1, "salt")])
    assert (await copy(other, graph, CLOCK)).equal
    assert await settled_digest(graph) == await settled_digest(other)


class Stop(Exception):
    """Ends a copy from within."""


def stop_at(phase: str) -> Callable[[str, int], None]:
    def stop(label: str, _count: int) -> None:
        if label == phase:
            raise Stop

    return stop


async def test_a_copy_goes_on_where_it_stopped(graph: GraphStore, other: GraphStore) -> None:
    await join_all(other, HISTORY)

    with pytest.raises(Stop):
        await copy(other, graph, CLOCK, stop_at("Category"))
    phases: list[str] = []
    report = await copy(other, graph, CLOCK, lambda label, _count: phases.append(label))
    assert report.equal
    assert report.resumed
    assert "Product" not in phases


async def test_a_resumed_copy_of_a_source_that_grew_behind_it_is_whole(graph: GraphStore, other: GraphStore) -> None:
    await join_all(other, HISTORY)
    with pytest.raises(Stop):
        await copy(other, graph, CLOCK, stop_at("User"))
    await join_all(other, [purchase("aaron", "r8", 1, "aniseed")])
    assert (await copy(other, graph, CLOCK)).equal


async def test_a_resumed_copy_makes_a_node_again_that_was_taken_away_behind_it(
    graph: GraphStore, other: GraphStore
) -> None:
    await join_all(other, HISTORY)
    with pytest.raises(Stop):
        await copy(other, graph, CLOCK, stop_at("Retailer"))
    await another_writer(
        graph,
        cypher="MATCH (p:Product {product_id: 'apple'}) DETACH DELETE p",
        sql="DELETE FROM graph_product WHERE product_id = 'apple'",
    )
    assert (await copy(other, graph, CLOCK)).equal


async def test_a_mention_is_a_node_without_fields(graph: GraphStore) -> None:
    await join_all(graph, [category_of("apple", "fruit")])
    (fruit,) = await graph.scan_shared("Category", "", 10)
    assert isinstance(fruit, CategoryRecord)
    assert (fruit.fact, list(fruit.child_of)) == (CategoryFact(), [])
