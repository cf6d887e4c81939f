"""The recount pass when the graph fails under it: an outage is an outage, not the end of the job."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import DependencyDown
from retrograph.graph import position
from retrograph.graph.model import Mark
from retrograph.graph.position import USERS_BETWEEN_NOTES
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import TransientGraphError
from retrograph.graph.writer import GraphWriter
from tests.contracts.graphs import category_of, join_all, purchase


class Hurried(SystemClock):
    """A clock whose short waits take no time."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0 if seconds < 5 else seconds)


class Failing(SqliteGraph):
    """A graph whose verbs fail so many times."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.failures: dict[str, int] = {}

    def _fail(self, verb: str) -> None:
        if self.failures.get(verb, 0) > 0:
            self.failures[verb] -= 1
            raise TransientGraphError("the connection was cut", outage=True)

    async def marks(self) -> list[Mark]:
        self._fail("marks")
        return await super().marks()

    async def settle(self) -> None:
        self._fail("settle")

    async def take_recount_lease(self, holder: str, seconds: float) -> bool:
        self._fail("take")
        return await super().take_recount_lease(holder, seconds)

    async def release_recount_lease(self, holder: str) -> None:
        self._fail("release")
        await super().release_recount_lease(holder)


@pytest.fixture
async def graph(tmp_path: Path) -> AsyncIterator[Failing]:
    opened = Failing(tmp_path / "graph.db")
    await opened.open()
    await join_all(opened, [purchase("ann", "r1", 1, "apple"), category_of("apple", "fruit")])
    yield opened
    await opened.close()


@pytest.mark.parametrize("verb", ["marks", "take", "release", "settle"])
async def test_a_short_outage_does_not_end_the_recount(graph: Failing, verb: str) -> None:
    graph.failures = {verb: 2 if verb != "release" else 1}
    await recount_until_clear(graph, Hurried())
    assert (await graph.stats()).recount_pending == 0
    (ann,) = await graph.users(["ann"])
    assert [tuple(count) for count in ann.counts] == [("fruit", 1)]


@pytest.mark.parametrize("verb", ["marks", "take", "settle"])
async def test_a_lasting_outage_is_one(graph: Failing, verb: str) -> None:
    graph.failures = {verb: 1_000}
    with pytest.raises(DependencyDown):
        await recount_until_clear(graph, Hurried())


class Busy(SqliteGraph):
    """A graph in which a live consumer changes a category whenever a pass has ended."""

    changes = 0

    async def release_recount_lease(self, holder: str) -> None:
        await super().release_recount_lease(holder)
        if self.changes < ENOUGH:
            self.changes += 1
            await join_all(self, [category_of("bread", f"kind-{self.changes}", observed=self.changes)])


ENOUGH = 20


async def test_the_end_of_a_job_does_not_wait_for_marks_that_others_make_afterwards(tmp_path: Path) -> None:
    graph = Busy(tmp_path / "graph.db")
    await graph.open()
    told = [purchase("ann", "r1", 1, "apple"), purchase("bob", "r2", 1, "bread"), category_of("apple", "fruit")]
    await join_all(graph, told)
    await recount_until_clear(graph, Hurried())
    assert graph.changes == 1
    (ann,) = await graph.users(["ann"])
    assert [tuple(count) for count in ann.counts] == [("fruit", 1)]
    assert [(mark.label, mark.key) for mark in await graph.marks()] == [("Product", "bread")]
    await graph.close()


class Walked(SqliteGraph):
    """A graph that notes where walks begin and how many users they visit, and that dies after some."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.walks: list[tuple[str, int]] = []
        self.lives = 1_000_000

    async def purchasers(
        self, product_ids: Sequence[str], limit: int, after: str = ""
    ) -> AsyncGenerator[list[str], None]:
        self.walks.append((after, 0))
        async for page in super().purchasers(product_ids, limit, after):
            if self.lives <= 0:
                raise ConnectionAbortedError
            self.lives -= len(page)
            yield page
            self.walks[-1] = (after, self.walks[-1][1] + len(page))


@pytest.fixture
async def popular(tmp_path: Path) -> AsyncIterator[Walked]:
    """A product that many have bought, whose category comes late."""
    opened = Walked(tmp_path / "graph.db")
    await opened.open()
    async with GraphWriter(opened, SystemClock()) as writer:
        buyers = (purchase(f"u{number:04d}", f"r{number}", 1, "apple") for number in range(BUYERS))
        await asyncio.gather(*(writer.join(facts) for facts in buyers))
    await join_all(opened, [category_of("apple", "fruit")])
    yield opened
    await opened.close()


BUYERS = USERS_BETWEEN_NOTES + 500


async def broken_off(graph: Walked) -> None:
    """A pass that ends when it has walked past its first note."""
    graph.lives = USERS_BETWEEN_NOTES + 200
    with pytest.raises(ConnectionAbortedError):
        await recount_until_clear(graph, SystemClock())
    graph.lives = 1_000_000


async def counted(graph: Walked) -> dict[str, int]:
    users = await graph.scan_users("", BUYERS + 1)
    return Counter(count.category_id for user in users for count in user.counts)


async def test_a_pass_goes_on_where_the_last_one_ended(popular: Walked) -> None:
    """Whatever ends the passes: they come to an end, however many the purchasers are."""
    await broken_off(popular)
    report = await recount_until_clear(popular, SystemClock())
    last_noted = f"u{USERS_BETWEEN_NOTES - 1:04d}"
    assert popular.walks == [("", USERS_BETWEEN_NOTES + 200), (last_noted, 500)]
    assert report.users == 500
    assert await counted(popular) == {"fruit": BUYERS}


async def test_a_mark_that_was_renewed_is_walked_from_the_beginning(popular: Walked) -> None:
    await broken_off(popular)
    await join_all(popular, [category_of("apple", "pome", observed=1)])
    await recount_until_clear(popular, SystemClock())
    assert popular.walks[1:] == [("", BUYERS)]
    assert await counted(popular) == {"pome": BUYERS}


async def test_what_was_marked_since_is_walked_as_well(popular: Walked) -> None:
    await broken_off(popular)
    await join_all(popular, [purchase("u0000", "s1", 2, "bread"), category_of("bread", "bakery")])
    await recount_until_clear(popular, SystemClock())
    assert [after for after, _ in popular.walks[1:]] == [f"u{USERS_BETWEEN_NOTES - 1:04d}", ""]
    assert await counted(popular) == {"fruit": BUYERS, "bakery": 1}
    assert await popular.note(position.NOTE) is None


class Ahead(SystemClock):
    """The clock of a machine that is an hour ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


async def test_a_lease_by_a_clock_that_was_ahead_is_not_waited_for(graph: Failing) -> None:
    """Its holder died before anybody noticed the wrong clock."""
    other = SqliteGraph(graph.path, clock=Ahead())
    await other.open()
    assert await other.take_recount_lease("died", 15)
    await other.close()
    assert await graph.take_recount_lease("heir", 15)
    assert not await graph.take_recount_lease("third", 15)
