"""What a write leaves alone, repeats, splits and survives, on every backend."""

import asyncio

from retrograph.errors import WriteFailed
from retrograph.facts import UNKNOWN_TIME, Facts, UserFacts
from retrograph.graph.digest import digest
from retrograph.graph.records import UserRecord
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter, write_users
from tests.contracts.graphs import (
    CLOCK,
    another_writer,
    category_of,
    full_load,
    hierarchy,
    join_all,
    on_day,
    purchase,
)


async def user(graph: GraphStore, user_id: str) -> UserRecord:
    (record,) = await graph.users([user_id])
    return record


async def counts(graph: GraphStore, user_id: str) -> dict[str, int | None]:
    return {edge.category_id: edge.purchase_count for edge in (await user(graph, user_id)).counts}


async def test_what_is_unchanged_is_not_written(graph: GraphStore) -> None:
    facts = purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"}, full=True)
    await join_all(graph, [facts])
    before = await user(graph, "ann")
    await join_all(graph, [facts])
    assert await user(graph, "ann") == before


async def test_a_user_read_whole_beside_others_of_whom_only_touched_edges_are_read(graph: GraphStore) -> None:
    """A cancelled order among live events: what one user has bought already is looked up for the others too."""
    await join_all(graph, [purchase(name, f"{name}-1", 1, "apple", full=True) for name in ("ann", "bob", "cid")])
    before = await digest(graph)
    cancelled = UserFacts(user_id="bob", retracted=frozenset({"never-seen"}))
    events = [purchase(name, f"{name}-1", 1, "apple").user for name in ("ann", "cid")]
    await write_users(graph, [*events, cancelled], CLOCK)
    assert (await graph.stats()).relationships["PURCHASED"] == 3
    assert (await digest(graph)).facts == before.facts


async def test_shared_nodes_that_were_taken_away_are_made_again(graph: GraphStore) -> None:
    facts = purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})
    async with GraphWriter(graph, CLOCK) as writer:
        await writer.join(facts)
        for label, key in (("product", "product_id"), ("retailer", "name"), ("category", "category_id")):
            await another_writer(
                graph,
                cypher=f"MATCH (n:{label.title()}) DETACH DELETE n",
                sql=f"DELETE FROM graph_{label} WHERE {key} > ''",
            )
        await writer.join(purchase("bob", "r2", 1, "apple", categories={"apple": "fruit"}))
    assert (await graph.stats()).nodes == {"User": 2, "Product": 1, "Category": 1, "Retailer": 1}
    assert await counts(graph, "bob") == {"fruit": 1}


async def test_one_users_bad_data_fails_that_user_alone(graph: GraphStore) -> None:
    bad = Facts(
        user=UserFacts(user_id="bad", purchases={"apple": {"r9": 2**70}}), shared=purchase("x", "r", 1, "apple").shared
    )
    async with GraphWriter(graph, CLOCK, 1) as writer:
        results = await asyncio.gather(
            *(
                writer.join(facts)
                for facts in (purchase("ann", "r1", 1, "apple"), bad, purchase("bob", "r2", 1, "apple"))
            ),
            return_exceptions=True,
        )
    assert [type(result) for result in results] == [int, WriteFailed, int]
    assert await graph.user_ids("", 10) == ["ann", "bob"]


async def test_a_user_with_more_facts_than_a_transaction_is_whole_in_the_end(
    graph: GraphStore, reference: GraphStore
) -> None:
    receipts = {f"r{n:06d}": on_day(n / 100) for n in range(30_000)}
    many = Facts(
        user=UserFacts(
            user_id="ann",
            purchases={"apple": receipts, "bread": {"r000001": on_day(1)}},
            visits={"Store 1": frozenset(receipts)},
            retracted=frozenset(["r000007"]),
            first_seen_at=on_day(0),
        ),
        shared=purchase("x", "r", 1, "apple", "bread").shared,
    )
    await join_all(graph, [many])
    (apple, bread) = sorted((await user(graph, "ann")).purchases)
    assert (apple.times, bread.times) == (29_999, 1)
    await join_all(reference, [purchase("x", "r", 1, "apple", "bread")])
    await write_users(reference, [many.user], CLOCK)
    assert (await digest(graph, users=["ann"])).digest == (await digest(reference, users=["ann"])).digest


async def test_a_time_that_was_lost_is_known_again_when_it_comes(graph: GraphStore) -> None:
    lost = Facts(
        user=UserFacts(user_id="ann", purchases={"apple": {"r1": UNKNOWN_TIME, "r2": on_day(2), "r3": on_day(4)}}),
        shared=purchase("x", "r", 1, "apple").shared,
    )
    await join_all(graph, [lost])
    (edge,) = (await user(graph, "ann")).purchases
    assert (edge.times, edge.first, edge.last, edge.average_interval_days) == (3, on_day(2), on_day(4), 2.0)
    assert list(edge.receipt_ids) == ["r2", "r3", "r1"]
    await join_all(graph, [purchase("ann", "r1", 1, "apple")])
    (edge,) = (await user(graph, "ann")).purchases
    assert (edge.first, edge.average_interval_days) == (on_day(1), 1.5)


async def test_an_edge_with_only_lost_times_has_no_first(graph: GraphStore) -> None:
    lost = UserFacts(user_id="ann", purchases={"apple": {"r1": UNKNOWN_TIME, "r2": UNKNOWN_TIME}})
    await join_all(graph, [Facts(user=lost, shared=purchase("x", "r", 1, "apple").shared), full_load("ann")])
    (edge,) = (await user(graph, "ann")).purchases
    assert (edge.times, edge.first, edge.last, edge.average_interval_days) == (2, None, None, 0.0)


async def test_a_user_who_counts_in_a_category_that_was_taken_away_is_loaded(graph: GraphStore) -> None:
    """A load counts what the user bought before as well, in categories that none of its own facts names."""
    await join_all(graph, [purchase("ann", "r1", 1, "apple", categories={"apple": "fruit"})])
    await another_writer(
        graph, cypher="MATCH (n:Category) DETACH DELETE n", sql="DELETE FROM graph_category WHERE category_id > ''"
    )
    await another_writer(graph, cypher="RETURN 1", sql="DELETE FROM graph_shops_in WHERE user_id > ''")
    await join_all(graph, [full_load("ann")])
    assert await counts(graph, "ann") == {"fruit": 1}


async def test_a_user_who_counts_in_a_category_that_was_taken_away_is_recounted(graph: GraphStore) -> None:
    await join_all(graph, [purchase("ann", "r1", 1, "apple"), category_of("apple", "fruit")])
    await another_writer(
        graph, cypher="MATCH (n:Category) DETACH DELETE n", sql="DELETE FROM graph_category WHERE category_id > ''"
    )
    await recount_until_clear(graph, CLOCK)
    assert await counts(graph, "ann") == {"fruit": 1}


async def test_an_edge_to_a_product_that_no_fact_tells_of_makes_it(graph: GraphStore) -> None:
    """As in a copy of a graph whose product another writer has taken away."""
    facts = Facts(
        user=UserFacts(user_id="ann", purchases={"apple": {"r1": on_day(1)}}, visits={"Shop": frozenset("r")})
    )
    await join_all(graph, [facts])
    held = await user(graph, "ann")
    assert [edge.product_id for edge in held.purchases] == ["apple"]
    assert [edge.retailer for edge in held.visits] == ["Shop"]
    assert (await graph.stats()).nodes == {"User": 1, "Product": 1, "Category": 0, "Retailer": 1}


async def test_a_renewed_mark_of_a_category_stays(graph: GraphStore) -> None:
    await join_all(graph, [category_of("apple", "fruit"), hierarchy("food", "fruit")])
    noted = await graph.marks()
    await join_all(graph, [hierarchy("food", "fresh", "fruit", observed=1)])
    async with graph.transaction() as transaction:
        await transaction.clear_marks(noted)
    (left,) = await graph.marks()
    assert (left.label, left.key) == ("Category", "fruit")
    assert left.token not in {mark.token for mark in noted}
