"""Group commit: what shares a transaction, what fails alone, and what begins no transaction at all."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import DependencyDown, LeaseLost, WriteFailed
from retrograph.facts import CategoryFact, Facts, Loaded, PathField, ProductFact, SharedFacts, TextField, UserFacts
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.shared import join_shared
from retrograph.graph.split import split
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import GraphTransaction, TransientGraphError
from retrograph.graph.writer import MAX_TOUCHED_USERS, MAX_USERS, GraphWriter
from tests.contracts.graphs import LOADED, another_writer, category_of, purchase


class Hurried(SystemClock):
    """A clock whose waits take no time."""

    async def sleep(self, seconds: float) -> None:
        return


class Counted(SqliteGraph):
    """A graph that counts its transactions and breaks some of them before they commit."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun = 0
        self.broken: list[Exception] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[GraphTransaction]:
        async with super().transaction() as transaction:
            self.begun += 1
            yield transaction
            if self.broken:
                raise self.broken.pop()


@pytest.fixture
async def graph(tmp_path: Path) -> AsyncIterator[Counted]:
    opened = Counted(tmp_path / "graph.db")
    await opened.open()
    yield opened
    await opened.close()


def visitor(number: int, loaded: Loaded | None = None) -> Facts:
    return Facts(user=UserFacts(user_id=f"user-{number:04d}", first_seen_at=1, loaded=loaded))


@pytest.mark.parametrize(("loaded", "most"), [(LOADED, MAX_USERS), (None, MAX_TOUCHED_USERS)])
async def test_what_is_ready_at_the_same_time_shares_a_transaction(
    graph: Counted, loaded: Loaded | None, most: int
) -> None:
    async with GraphWriter(graph, Hurried()) as writer:
        await asyncio.gather(*(writer.join(visitor(number, loaded)) for number in range(most * 2 + 1)))
    assert graph.begun == 3
    assert len(await graph.user_ids("", 2000)) == most * 2 + 1


async def test_a_broken_transaction_is_repeated_whole(graph: Counted) -> None:
    graph.broken = [TransientGraphError("deadlock"), TransientGraphError("the answer to COMMIT was lost")]
    async with GraphWriter(graph, Hurried()) as writer:
        await asyncio.gather(*(writer.join(purchase(f"u{n}", f"r{n}", 1, "apple")) for n in range(3)))
    assert (await graph.stats()).totals == {"times": 3, "frequency": 3, "purchase_count": 0}


async def test_nothing_is_taken_for_known_after_an_outage(graph: Counted, tmp_path: Path) -> None:
    """The graph was restored from a backup meanwhile: the product is there, and its category is not."""
    history = [purchase("ann", "r1", 1, "apple"), category_of("apple", "fruit")]
    async with GraphWriter(graph, Hurried()) as writer:
        await writer.join(history[0])
        with sqlite3.connect(tmp_path / "backup.db") as backup, sqlite3.connect(tmp_path / "graph.db") as live:
            live.backup(backup)
            await writer.join(history[1])
            graph.broken = [TransientGraphError("the connection was cut", outage=True)]
            backup.backup(live)
            for facts in history:
                await writer.join(facts)
    backup.close()
    live.close()
    await recount_until_clear(graph, Hurried())
    (ann,) = await graph.users(["ann"])
    assert [tuple(count) for count in ann.counts] == [("fruit", 1)]


async def test_an_outage_is_told_to_all_that_wait(graph: Counted) -> None:
    graph.broken = [TransientGraphError("locked", outage=True)] * 10
    async with GraphWriter(graph, Hurried()) as writer:
        answers = await asyncio.gather(*(writer.join(visitor(n)) for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [DependencyDown] * 3


async def test_a_lost_lease_begins_no_transaction(graph: Counted) -> None:
    def lost() -> None:
        raise LeaseLost("it ran out")

    async with GraphWriter(graph, Hurried()) as writer:
        with pytest.raises(LeaseLost):
            await writer.join(purchase("ann", "r1", 1, "apple"), lost)
        await writer.join(visitor(1))
    assert await graph.user_ids("", 10) == ["user-0001"]


async def test_a_lease_that_is_lost_between_two_tries_begins_no_second_one(graph: Counted) -> None:
    graph.broken = [TransientGraphError("deadlock")]

    def permit() -> None:
        if not graph.broken:
            raise LeaseLost("it ran out")

    async with GraphWriter(graph, Hurried()) as writer:
        with pytest.raises(LeaseLost):
            await writer.join(visitor(1), permit)
    assert await graph.user_ids("", 10) == []


async def test_who_no_longer_waits_does_not_hold_up_the_others(graph: Counted) -> None:
    async with GraphWriter(graph, Hurried()) as writer:
        leaving = asyncio.create_task(writer.join(visitor(1)))
        await asyncio.sleep(0)
        leaving.cancel()
        await writer.join(visitor(2))
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert "user-0002" in await graph.user_ids("", 10)


async def test_the_error_of_the_block_comes_out_as_it_is(graph: Counted) -> None:
    with pytest.raises(ZeroDivisionError):
        async with GraphWriter(graph, Hurried()):
            raise ZeroDivisionError


def test_a_split_user_is_all_there_and_ends_with_the_load() -> None:
    facts = purchase("ann", "r1", 1, "apple", "bread", "cheese", full=True)
    parts = list(split(facts, most=2))
    assert [part.user.loaded is not None for part in parts] == [False] * (len(parts) - 1) + [True]
    assert sorted(product for part in parts for product in part.user.purchases) == ["apple", "bread", "cheese"]
    assert max(part.user.size for part in parts) <= 2
    assert list(split(facts, most=100)) == [facts]


def test_a_split_users_parts_say_of_shared_nodes_what_they_lead_to() -> None:
    """Each part upserts what it says in one transaction: the whole of it would have no bound."""
    told = {
        product: ProductFact(category_id=TextField(1, 0, f"c-{product}")) for product in ("apple", "bread", "spare")
    }
    paths = {f"c-{product}": PathField(1, 0, ("food", f"c-{product}")) for product in told}
    categories = {category: CategoryFact(hierarchy=path) for category, path in paths.items()}
    categories |= {"food": CategoryFact(hierarchy=PathField(1, 0, ("food",))), "unused": CategoryFact()}
    facts = purchase("ann", "r1", 1, "apple", "bread")
    shared = SharedFacts(products=told, categories=categories, retailers=facts.shared.retailers)
    parts = [part.shared for part in split(replace(facts, shared=shared), most=1)]
    assert [sorted(part.products) for part in parts] == [["apple"], ["bread"], [], ["spare"]]
    assert [sorted(part.categories) for part in parts[:2]] == [["c-apple", "food"], ["c-bread", "food"]]
    assert sorted(parts[-1].categories) == ["c-spare", "unused"]
    assert [sorted(part.retailers) for part in parts] == [[], [], ["Store 1"], []]
    assert join_shared(parts) == shared


async def test_one_users_unreadable_edge_fails_that_user_alone(graph: Counted) -> None:
    users = ["ann", "bob", "cid"]
    async with GraphWriter(graph, Hurried()) as writer:
        await asyncio.gather(*(writer.join(purchase(user, "r1", 1, "apple")) for user in users))
        await another_writer(
            graph, cypher="", sql="UPDATE graph_purchased SET timestamps = '[null]' WHERE user_id = 'bob'"
        )
        facts = [purchase(user, "r2", 2, "apple", full=True) for user in users]
        answers = await asyncio.gather(*(writer.join(each) for each in facts), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, WriteFailed, int]


async def test_what_breaks_the_join_of_one_user_breaks_no_others(graph: Counted) -> None:
    broken = Facts(user=UserFacts(user_id="bad", purchases={"apple": {"r1": "no instant"}}))  # type: ignore[dict-item]
    async with GraphWriter(graph, Hurried()) as writer:
        await writer.join(purchase("bad", "r1", 1, "apple"))
        each = (purchase("ann", "r1", 1, "apple"), broken, purchase("cid", "r1", 1, "apple"))
        answers = await asyncio.gather(*(writer.join(facts) for facts in each), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, TypeError, int]


async def test_a_closed_writer_takes_nothing_more(graph: Counted) -> None:
    async with GraphWriter(graph, Hurried()) as writer:
        pass
    with pytest.raises(RuntimeError):
        await writer.join(visitor(1))


async def test_what_was_rolled_back_is_not_taken_for_known(graph: Counted) -> None:
    async with GraphWriter(graph, Hurried()) as writer:
        await writer.join(purchase("ann", "r1", 1, "apple"))
        graph.broken = [TransientGraphError("deadlock")]
        await writer.join(category_of("apple", "fruit"))
    assert (await graph.stats()).products_with_category == 1
