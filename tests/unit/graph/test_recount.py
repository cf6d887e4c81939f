"""The recount pass when the graph fails under it: an outage is an outage, not the end of the job."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import DependencyDown
from retrograph.graph.model import Mark
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import TransientGraphError
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
