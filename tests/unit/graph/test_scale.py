"""What keeps a large graph cheap: what is not asked, and what is not held in memory."""

import tracemalloc
from pathlib import Path

from retrograph.facts import Facts, ProductFact, RetailerFact, SharedFacts, UserFacts
from retrograph.graph.digest import digest
from retrograph.graph.model import StoredProduct, StoredShared
from retrograph.graph.neo4j.rows import first_users
from retrograph.graph.shared import Knowledge
from retrograph.graph.writer import GraphWriter
from tests.contracts.graphs import CLOCK, category_of, embedded, join_all, purchase


async def test_a_digest_of_a_graph_at_rest_counts_nothing(tmp_path: Path) -> None:
    async with embedded(tmp_path / "graph.db") as graph:
        await join_all(graph, [purchase("ann", "r1", 1, "apple")])
        asked: list[str] = []
        await graph._reader.run(lambda connection: connection.set_trace_callback(asked.append))
        await digest(graph)
        assert not [statement for statement in asked if "count(" in statement]
        await join_all(graph, [category_of("apple", "fruit")])
        assert (await digest(graph)).recount_pending == 1


async def test_a_digest_holds_a_page_of_users_whatever_the_graph_holds(tmp_path: Path) -> None:
    peaks = []
    async with embedded(tmp_path / "graph.db") as graph:
        shared = SharedFacts(products={"apple": ProductFact()}, retailers={"Store 1": RetailerFact()})
        for first, last in ((0, 500), (500, 4_000)):
            async with GraphWriter(graph, CLOCK) as writer:
                for number in range(first, last):
                    receipts = {f"r-{number}-{place:03d}": number for place in range(20)}
                    user = UserFacts(user_id=f"u{number:05d}", purchases={"apple": receipts})
                    await writer.join(Facts(user=user, shared=shared if number == first else SharedFacts()))
            tracemalloc.start()
            assert (await digest(graph)).facts == last * 20
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


async def test_a_page_of_a_scan_ends_sooner_where_users_have_bought_very_much(tmp_path: Path) -> None:
    heavy = {f"r-{place:030d}": place for place in range(60_000)}
    receipts = {"a": {"r1": 1}, "b": heavy, "c": heavy, "d": heavy, "e": {"r2": 2}}
    async with embedded(tmp_path / "graph.db") as graph:
        await join_all(
            graph,
            [
                Facts(
                    user=UserFacts(user_id=user_id, purchases={"apple": held}),
                    shared=SharedFacts(products={"apple": ProductFact()}),
                )
                for user_id, held in receipts.items()
            ],
        )
        pages, after = [], ""
        while page := await graph.scan_users(after, 10):
            pages.append([user.user_id for user in page])
            assert {user.user_id: sum(edge.times or 0 for edge in user.purchases) for user in page} == {
                user.user_id: len(receipts[user.user_id]) for user in page
            }
            after = page[-1].user_id
    assert pages == [["a", "b", "c"], ["d", "e"]]


def test_a_page_of_a_scan_of_neo4j_ends_with_the_user_whose_edges_fill_it() -> None:
    users = [("a", 10), ("b", 0), ("c", 90), ("d", 500), ("e", 1)]
    assert first_users(users, 100) == ["a", "b", "c"]
    assert first_users(users[3:], 100) == ["d"]
    assert first_users(users, 1_000) == ["a", "b", "c", "d", "e"]


def test_knowledge_keeps_the_very_fact_it_was_told_so_that_it_is_known_at_a_glance() -> None:
    told = ProductFact()
    knowledge = Knowledge(limit=3)
    for number in range(5):
        key = f"p{number}"
        stored = StoredProduct(fact=ProductFact(), category_hierarchy=None, created=True)
        knowledge.learn(StoredShared(products={key: stored}), SharedFacts(products={key: told}))

    assert list(knowledge.products) == ["p2", "p3", "p4"]
    assert all(fact is told for fact in knowledge.products.values())
