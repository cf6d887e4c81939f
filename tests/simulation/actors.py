"""Those who join facts in a simulated world, each with the product's own code over its own connection."""

import asyncio
from contextlib import suppress

from retrograph.errors import RetrographError
from retrograph.facts import Facts
from retrograph.graph.copy import copy
from retrograph.graph.recount import recount_until_clear, run_pass
from retrograph.graph.writer import GraphWriter
from tests.simulation.graph import SimulatedGraph
from tests.simulation.plan import Actor
from tests.simulation.process import Process, ProcessClock
from tests.simulation.server import GraphServer

AT_ONCE = 3
"""How many documents a process has in flight."""


class Joiner:
    """Joins documents, several at a time, and remembers outside of itself which are done, as offsets do."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._left = list(actor.facts)

    async def live(self, process: Process, graph: SimulatedGraph) -> None:
        clock = ProcessClock(process)
        while self._left:
            with suppress(RetrographError):
                async with GraphWriter(graph, clock) as writer:
                    while self._left:
                        await self._some(writer, self._left[:AT_ONCE])
            if self._left:
                await clock.sleep(1.0)
        if self._actor.role == "loader":
            await insist(clock, graph)

    async def _some(self, writer: GraphWriter, facts: list[Facts]) -> None:
        outcomes = await asyncio.gather(*(writer.join(one) for one in facts), return_exceptions=True)
        for one, outcome in zip(facts, outcomes, strict=True):
            if not isinstance(outcome, BaseException):
                self._left.remove(one)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def insist(clock: ProcessClock, graph: SimulatedGraph) -> None:
    """The end of a job: passes until no mark is left, begun anew after an outage."""
    while True:
        try:
            await recount_until_clear(graph, clock)
        except RetrographError:
            await clock.sleep(1.0)
        else:
            return


class Recounter:
    """A server's recount pass, again and again, until nobody else is at work."""

    def __init__(self, others: "list[asyncio.Task[None]]") -> None:
        self._others = others

    async def live(self, process: Process, graph: SimulatedGraph) -> None:
        clock = ProcessClock(process)
        while not all(task.done() for task in self._others):
            with suppress(RetrographError):
                await run_pass(graph, clock)
            await clock.sleep(process.script.random.expovariate(10))


class Copier:
    """A copy of another graph into this one, begun anew until it has come to its end."""

    def __init__(self, source: GraphServer) -> None:
        self._source = source

    async def live(self, process: Process, graph: SimulatedGraph) -> None:
        clock = ProcessClock(process)
        while True:
            try:
                await copy(SimulatedGraph(self._source, process), graph, clock)
            except RetrographError:
                await clock.sleep(1.0)
            else:
                return
