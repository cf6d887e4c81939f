"""The law of the graph on every backend: each test closes a hole that would lose or double something."""

import asyncio
import random

import pytest

from retrograph.graph.digest import digest
from retrograph.graph.merge import merge_user
from retrograph.graph.model import SharedKeys, Wanted
from retrograph.graph.records import UserRecord
from retrograph.graph.recount import LEASE_SECONDS, recount_until_clear, run_pass
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter, write_users
from tests.contracts.graphs import (
    CLOCK,
    category_of,
    hierarchy,
    join_all,
    purchase,
    retraction,
    settled_digest,
)

HISTORY = [
    purchase("ann", "r1", 1, "apple", "bread", categories={"apple": "fruit"}),
    purchase("ann", "r2", 5, "apple", categories={"apple": "fruit"}),
    purchase("ann", "r3", 9, "apple", "cheese", retailer="Store 2", full=True),
    purchase("bob", "r4", 2, "apple", "bread", categories={"bread": "bakery"}, full=True),
    purchase("bob", "r5", 3, "cheese", categories={"cheese": "dairy"}, observed=1),
    category_of("cheese", "milk products", observed=2),
    category_of("apple", "pome fruit", observed=3),
    hierarchy("food", "fruit"),
    hierarchy("food", "fresh", "pome fruit", observed=1),
    retraction("bob", "r5"),
    purchase("bob", "r6", 4, "cheese"),
    retraction("ann", "r2"),
]


async def user(graph: GraphStore, user_id: str) -> UserRecord:
    (record,) = await graph.users([user_id])
    return record


async def counts(graph: GraphStore, user_id: str) -> dict[str, int | None]:
    return {edge.category_id: edge.purchase_count for edge in (await user(graph, user_id)).counts}


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_repetition_gives_the_same_graph(
    graph: GraphStore, reference: GraphStore, seed: int
) -> None:
    await join_all(reference, HISTORY)
    dice = random.Random(seed)
    shuffled = dice.sample(HISTORY + dice.sample(HISTORY, 5), len(HISTORY) + 5)
    await join_all(graph, shuffled)
    assert await settled_digest(graph) == await settled_digest(reference)


@pytest.mark.parametrize("seed", range(2))
async def test_concurrent_joins_give_the_same_graph(graph: GraphStore, reference: GraphStore, seed: int) -> None:
    await join_all(reference, HISTORY)
    shuffled = random.Random(seed).sample(HISTORY * 3, len(HISTORY) * 3)
    async with GraphWriter(graph, CLOCK, 4) as first, GraphWriter(graph, CLOCK, 4) as second:
        await asyncio.gather(*((first if n % 2 else second).join(facts) for n, facts in enumerate(shuffled)))
    assert await settled_digest(graph) == await settled_digest(reference)


async def test_writers_of_one_user_wait_for_each_other(graph: GraphStore) -> None:
    writes = [write_users(graph, [purchase("ann", f"r{n}", n, "apple").user], CLOCK) for n in range(20)]
    await join_all(graph, [purchase("ann", "r0", 0, "apple", categories={"apple": "fruit"})])
    await asyncio.gather(*writes)
    (edge,) = (await user(graph, "ann")).purchases
    assert edge.times == 20
    assert await counts(graph, "ann") == {"fruit": 20}


async def test_a_locked_user_is_locked_for_others(graph: GraphStore) -> None:
    async def lock() -> None:
        async with graph.transaction() as other:
            await other.lock_users(["ann"])

    await lock()
    async with graph.transaction() as transaction:
        await transaction.lock_users(["ann"])
        waiting = asyncio.create_task(lock())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    await waiting


@pytest.mark.parametrize(
    "keys", [SharedKeys(products=["apple"]), SharedKeys(categories=["fruit"]), SharedKeys(retailers=["Store 1"])]
)
async def test_a_locked_shared_node_is_locked_for_others(graph: GraphStore, keys: SharedKeys) -> None:
    async def lock() -> None:
        async with graph.transaction() as other:
            await other.lock_shared(keys)

    await lock()
    async with graph.transaction() as transaction:
        await transaction.lock_shared(keys)
        waiting = asyncio.create_task(lock())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    await waiting


async def test_a_category_that_comes_late_is_counted(graph: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple"), purchase("bob", "r2", 1, "apple")])
    assert await counts(graph, "ann") == {}
    await join_all(graph, [category_of("apple", "fruit")])
    assert (await graph.stats()).recount_pending == 1
    report = await recount_until_clear(graph, CLOCK)
    assert (report.marks, report.users) == (1, 2)
    assert await counts(graph, "ann") == await counts(graph, "bob") == {"fruit": 1}
    assert (await graph.stats()).recount_pending == 0


async def test_a_category_that_changes_moves_the_counts(graph: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
    await join_all(graph, [category_of("apple", "pome fruit", observed=1)])
    await recount_until_clear(graph, CLOCK)
    assert await counts(graph, "ann") == {"pome fruit": 1}
    assert (await graph.stats()).relationships["IN_CATEGORY"] == 1


async def test_a_new_product_is_not_marked(graph: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
    assert (await graph.stats()).recount_pending == 0


async def test_the_pass_waits_for_a_write_that_has_read_the_old_category(graph: GraphStore) -> None:
    facts = purchase("ann", "r1", 1, "apple", full=True)
    await join_all(graph, [purchase("bob", "r0", 1, "apple", categories={"apple": "fruit"})])
    async with graph.transaction() as transaction:
        await transaction.lock_users(["ann"])
        batch = await transaction.read_users([Wanted(user_id="ann", whole=True)], ["apple"])
        changed = asyncio.create_task(_change_and_recount(graph))
        await asyncio.wait([changed], timeout=0.5)
        assert not changed.done()
        changes = merge_user(batch.users["ann"], facts.user, batch.product_categories)
        assert changes.counts_created[0].category_id == "fruit"
        await transaction.write_users([changes], 0)
    await changed
    await recount_until_clear(graph, CLOCK)
    assert await counts(graph, "ann") == {"pome fruit": 1}


async def _change_and_recount(graph: GraphStore) -> None:
    await join_all(graph, [category_of("apple", "pome fruit", observed=1)])
    assert await run_pass(graph, CLOCK) is not None


async def test_a_mark_that_was_renewed_stays(graph: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple"), category_of("apple", "fruit")])
    noted = await graph.marks()
    await join_all(graph, [category_of("apple", "pome fruit", observed=1)])
    async with graph.transaction() as transaction:
        await transaction.clear_marks(noted)
    (left,) = await graph.marks()
    assert left.token != noted[0].token
    async with graph.transaction() as transaction:
        await transaction.clear_marks([left])
    assert await graph.marks() == []


async def test_one_pass_at_a_time(graph: GraphStore) -> None:
    assert await graph.take_recount_lease("one", LEASE_SECONDS)
    assert await graph.take_recount_lease("one", LEASE_SECONDS)
    assert not await graph.take_recount_lease("other", LEASE_SECONDS)
    assert await run_pass(graph, CLOCK) is None
    await graph.release_recount_lease("other")
    assert not await graph.take_recount_lease("other", LEASE_SECONDS)
    await graph.release_recount_lease("one")
    assert await graph.take_recount_lease("other", 0)
    assert await graph.take_recount_lease("one", LEASE_SECONDS)


async def test_a_hierarchy_that_changes_reaches_the_products(graph: GraphStore) -> None:
    await join_all(
        graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"}), hierarchy("food", "fruit")]
    )
    await join_all(graph, [hierarchy("food", "fresh", "fruit", observed=1)])
    await recount_until_clear(graph, CLOCK)
    (apple,) = await graph.scan_shared("Product", "", 10)
    assert getattr(apple, "category_hierarchy", None) == ("food", "fresh", "fruit")
    assert (await graph.stats()).relationships["CHILD_OF"] == 2


async def test_a_category_that_loses_still_becomes_a_node(graph: GraphStore) -> None:
    await join_all(graph, [category_of("apple", "fruit", observed=2), category_of("apple", "vegetable", observed=1)])
    stats = await graph.stats()
    assert stats.nodes["Category"] == 2
    assert stats.relationships["IN_CATEGORY"] == 1
    assert stats.products_with_hierarchy == 0


@pytest.mark.parametrize("turn", ["before", "between", "after"])
async def test_a_retraction_counts_whenever_it_comes(graph: GraphStore, reference: GraphStore, turn: str) -> None:
    first = purchase("ann", "r1", 1, "apple", "bread", categories={"apple": "fruit"}, full=True)
    second = purchase("ann", "r2", 2, "apple", retailer="Store 2", full=True)
    cancelled = retraction("ann", "r1")
    orders = {
        "before": [cancelled, first, second],
        "between": [first, cancelled, second, first],
        "after": [first, second, cancelled],
    }
    await join_all(graph, orders[turn])
    await join_all(reference, [second, cancelled, category_of("apple", "fruit")])
    await recount_until_clear(graph, CLOCK)
    await recount_until_clear(reference, CLOCK)
    ann = await user(graph, "ann")
    assert {edge.product_id: edge.receipt_ids for edge in ann.purchases} == {"apple": ["r2"]}
    assert {edge.retailer: edge.receipt_ids for edge in ann.visits} == {"Store 2": ["r2"]}
    assert ann.retracted == ["r1"]
    only = await digest(graph, only="purchases")
    assert only.digest == (await digest(reference, only="purchases")).digest
    assert only.facts == 1


async def test_a_retraction_leaves_no_count_that_the_pass_would_not_find(graph: GraphStore) -> None:
    """The product has moved and is marked, but the edge that led the pass to the user is gone by then."""
    await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
    await join_all(graph, [category_of("apple", "pome fruit", observed=1), retraction("ann", "r1")])
    await recount_until_clear(graph, CLOCK)
    assert await counts(graph, "ann") == {}
