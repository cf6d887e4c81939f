"""The same histories on real graphs, with real concurrency: they end with the digest that the simulated world has.

Processes are tasks here, each with connections of its own; one that dies is cancelled wherever it is.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import RetrographError
from retrograph.facts import Facts
from retrograph.graph.recount import run_pass
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from tests.contracts.graphs import embedded, served, settled_digest
from tests.servers.neo4j import Neo4jServer
from tests.simulation.draw import law_plan
from tests.simulation.plan import Actor, Plan
from tests.simulation.world import run

CLOCK = SystemClock()
AT_ONCE = 3


def plan_of(seed: int) -> Plan:
    """A world without other writers, whose deeds a real graph would need other words for."""
    plan = law_plan(seed)
    joiners = [actor for actor in plan.actors if actor.role in ("loader", "live", "recounter")]
    return replace(plan, actors=joiners, before=(), embedded=False)


async def live_really(plan: Plan, connect: Callable[[], AbstractAsyncContextManager[GraphStore]]) -> str:
    """Everybody at once; answers the digest of the graph at rest."""
    async with AsyncExitStack() as stack:
        graphs = [(actor, await stack.enter_async_context(connect())) for actor in plan.actors]
        joiners = [
            asyncio.create_task(_lives(actor, graph, Random(f"{plan.seed}:{actor.name}")))
            for actor, graph in graphs
            if actor.role != "recounter"
        ]
        passes = [asyncio.create_task(_passes(graph, joiners)) for actor, graph in graphs if actor.role == "recounter"]
        await asyncio.gather(*joiners, *passes)
        return await settled_digest(graphs[0][1])


async def _lives(actor: Actor, graph: GraphStore, random: Random) -> None:
    """Dies twice at most, at any moment; what was under way is joined again."""
    left = list(actor.facts)
    for _ in range(random.randrange(3)):
        life = asyncio.create_task(_life(graph, left))
        await asyncio.wait({life}, timeout=random.random() * 0.1)
        life.cancel()
        await asyncio.wait({life})
    await _life(graph, left)


async def _life(graph: GraphStore, left: list[Facts]) -> None:
    async with GraphWriter(graph, CLOCK) as writer:
        while left:
            some = left[:AT_ONCE]
            await asyncio.gather(*(writer.join(facts) for facts in some))
            del left[: len(some)]


async def _passes(graph: GraphStore, others: "list[asyncio.Task[None]]") -> None:
    while not all(task.done() for task in others):
        with suppress(RetrographError):
            await run_pass(graph, CLOCK)
        await asyncio.wait(others, timeout=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_an_embedded_graph_ends_as_the_simulated_one(seed: int, tmp_path: Path) -> None:
    plan = plan_of(seed)

    found = asyncio.run(live_really(plan, lambda: embedded(tmp_path / "graph.db")))

    assert found == run(plan).digest


@pytest.mark.parametrize("seed", range(4))
def test_neo4j_ends_as_the_simulated_one(seed: int, neo4j: Neo4jServer) -> None:
    plan = plan_of(seed)

    found = asyncio.run(live_really(plan, lambda: served(neo4j)))

    assert found == run(plan).digest
