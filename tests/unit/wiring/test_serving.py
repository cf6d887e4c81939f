"""What a server keeps of its dependencies: whether they answer, and a graph that may come later."""

import asyncio
from pathlib import Path

import pytest

from retrograph.clock import SystemClock
from retrograph.config import Settings, Url
from retrograph.errors import DependencyDown
from retrograph.graph.clusters import DEFAULT_LIMITS
from retrograph.graph.reading import GraphReader
from retrograph.graph.records import GraphStats
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.jobs.requests import StartRequest
from retrograph.wiring.opening import Opening
from retrograph.wiring.pings import SERVED_SECONDS, Check, Pings, answering
from retrograph.wiring.purchases import users_inline
from retrograph.wiring.served import open_served
from tests.unit.jobs.clocks import JumpingClock


class Dependency:
    """Something that answers, or not."""

    def __init__(self) -> None:
        self.up = True
        self.asked = 0

    async def ping(self) -> None:
        self.asked += 1
        if not self.up:
            raise DependencyDown("graph", "no answer")


async def test_one_look_serves_all_who_ask_soon_after() -> None:
    graph, clock = Dependency(), JumpingClock()
    pings = Pings({"graph": Check(ping=answering(graph.ping), needed=True)}, clock)
    for _ in range(10):
        assert (await pings.look())["graph"].up
    assert graph.asked == 1
    graph.up = False
    clock.advance(SERVED_SECONDS + 0.1)
    assert not (await pings.look())["graph"].up
    assert graph.asked == 2


class LateGraph(SqliteGraph):
    """One whose server starts after ours."""

    there = False

    async def open(self, *, create: bool = True, migrate: bool = False) -> None:
        if not self.there:
            raise DependencyDown("graph", "nobody listens there")
        await super().open(create=create, migrate=migrate)

    async def close(self) -> None:
        if self.there:
            await super().close()


async def test_a_graph_that_is_down_is_opened_when_it_is_there(tmp_path: Path) -> None:
    graph = LateGraph(tmp_path / "graph.db", durable=False, clock=SystemClock())
    opening = Opening(graph, migrate=False)
    await opening.at_once_or_later()
    with pytest.raises(DependencyDown, match="nobody listens"):
        await opening.graph_id()
    graph.there = True
    await opening.keep_trying(JumpingClock())
    assert await opening.graph_id() == graph.identity.graph_id
    await graph.close()


async def test_a_server_comes_up_without_its_graph_and_says_what_is_down(tmp_path: Path) -> None:
    settings = Settings(graph=Url("bolt://127.0.0.1:1"), store=Url(f"sqlite:///{tmp_path / 'jobs.db'}"))
    async with open_served(settings) as served:
        found = await served.pings.look()
        assert (found["store"].up, found["graph"].up) == (True, False)
        assert (await served.service.tally()).total == 0
        with pytest.raises(DependencyDown, match="graph"):
            await served.graph.stats()
        users = await users_inline(["u1"])
        with pytest.raises(DependencyDown, match="graph"):
            await served.fleet.start(StartRequest(kind="purchases", source=users, who="ann"))
        dry = StartRequest(kind="purchases", source=users, parameters={"dry_run": True}, who="ann")
        assert (await served.fleet.start(dry)).started


class SlowGraph(SqliteGraph):
    """One that is large."""

    walks = 0

    async def stats(self) -> GraphStats:
        self.walks += 1
        await asyncio.sleep(0)
        return await super().stats()


async def test_who_asks_for_what_is_being_counted_shares_the_answer(tmp_path: Path) -> None:
    graph = SlowGraph(tmp_path / "graph.db", durable=False, clock=SystemClock())
    await graph.open()
    reader = GraphReader(graph, DEFAULT_LIMITS)
    found = await asyncio.gather(*(reader.stats() for _ in range(10)))
    assert graph.walks == 1 and all(document == found[0] for document in found)
    asking = [asyncio.create_task(reader.stats()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert (await reader.stats())["nodes"] == found[0]["nodes"]
    await graph.close()
