"""Runs a plan: every actor in a process of its own, until all have done their work and the world is at rest."""

import asyncio
import os
import random as machine_random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from retrograph.facts import Facts
from retrograph.graph.digest import digest
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.writer import GraphWriter
from tests.simulation.actors import Copier, Joiner, Recounter
from tests.simulation.audit import Audit
from tests.simulation.books import Books
from tests.simulation.crowd.lives import Lives
from tests.simulation.crowd.town import Town
from tests.simulation.engines import Engines, Upstream
from tests.simulation.graph import SimulatedGraph
from tests.simulation.locks import LockTable
from tests.simulation.loop import SimulatedLoop
from tests.simulation.oracle import differences, expected, held
from tests.simulation.plan import Actor, Outage, Plan
from tests.simulation.process import Process, ProcessClock, Script
from tests.simulation.server import GraphServer, Omissions
from tests.simulation.store import StoreServer
from tests.simulation.vandal import Vandal

RESTART_SECONDS: Final = 0.3
WATCHERS: Final = ("recounter", "server", "consumer", "worker")
"""Roles that go on as long as anybody else is at work."""


@dataclass(slots=True)
class Report:
    """What became of a world: what was wrong in it, and everything that happened."""

    problems: list[str] = field(default_factory=list)
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    digest: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.problems)


@contextmanager
def fate(schedule: str) -> Iterator[None]:
    """What the machine calls random comes from the seed as well."""
    drawn, system = Random(schedule), os.urandom
    state = machine_random.getstate()
    machine_random.seed(schedule)
    os.urandom = drawn.randbytes
    try:
        yield
    finally:
        os.urandom = system
        machine_random.setstate(state)


def run(plan: Plan, omissions: Omissions | None = None) -> Report:
    """Runs a plan to its end and looks at what it left."""
    world = World(plan, omissions or Omissions())
    with fate(f"{plan.seed}:{plan.schedule}"):
        try:
            world.loop.run(world.story())
        except Exception as error:
            world.report.problems.append(f"{type(error).__name__}: {error}")
        for process in world.processes:
            process.buried = True
            world.loop.bury(process)
        world.loop.close()
    return world.report


class World:
    """One run of a plan."""

    def __init__(self, plan: Plan, omissions: Omissions) -> None:
        self.plan = plan
        self.loop = SimulatedLoop()
        self.report = Report()
        self.processes: list[Process] = []
        chance = Random(f"{plan.seed}:{plan.schedule}:graph")
        self.graph = GraphServer(
            "graph", self.loop, chance, self, embedded=plan.embedded, may_list=plan.may_list, omissions=omissions
        )
        self.source = GraphServer("source", self.loop, chance, self)
        self.upstream = Upstream(
            histories={facts.user.user_id: facts for facts in plan.history},
            failures=plan.failures,
            seconds=plan.service_seconds,
        )
        self.store: StoreServer | None = None
        self.engines: Engines | None = None
        self.crowd: Lives | None = None
        if plan.errands:
            self.store = StoreServer(self.loop, self, LockTable(chance), Audit(self.report.problems))
            self.engines = Engines(self.store, self.upstream, plan.errands)
            if plan.crowd is not None:
                seed = f"{plan.seed}:{plan.schedule}"
                self.crowd = Lives(Town(plan.crowd, seed, self.loop, self, self.store, self.report.problems))

    def saw(self, who: str, what: str) -> None:
        self.report.trace.append((self.loop.time(), who, what))

    # --- the story

    async def story(self) -> None:
        await self._prepare()
        busy = [self.loop.create_task(self._lives(actor)) for actor in self.plan.actors if actor.role not in WATCHERS]
        busy += [self.loop.create_task(self._outage(outage)) for outage in self.plan.outages]
        if self.crowd is not None:
            busy.append(self.loop.create_task(self.crowd.town.live()))
            busy.append(self.loop.create_task(self.crowd.town.watch(list(busy))))
        idle = [self.loop.create_task(self._lives(actor, busy)) for actor in self.plan.actors if actor.role in WATCHERS]
        await asyncio.gather(*busy, *idle)
        while self.graph.open or self.graph.down:  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        await self._rest()

    async def _prepare(self) -> None:
        if self.plan.before:
            await self._alone("source-writer", self.source, self.plan.before)

    async def _lives(self, actor: Actor, others: "Sequence[asyncio.Task[None]]" = ()) -> None:
        """Life after life, until the actor has done its work."""
        await asyncio.sleep(actor.begins)
        if actor.role == "vandal":
            await asyncio.gather(*(Vandal(self.graph).do(deed) for deed in actor.deeds))
            return
        script = Script(actor, [fault for fault in self.plan.faults if fault.actor == actor.name], self.plan.schedule)
        live = self._way_of_life(actor, list(others))
        while True:
            process = self._process(actor.name, script)
            graph = SimulatedGraph(self.graph, process, actor.lanes)
            life = self.loop.create_task(live(process, graph), context=process.context)
            await asyncio.wait({life, process.gone}, return_when=asyncio.FIRST_COMPLETED)
            if not process.dead:
                life.result()
                return
            await asyncio.sleep(RESTART_SECONDS * script.random.random())

    def _way_of_life(
        self, actor: Actor, others: "list[asyncio.Task[None]]"
    ) -> Callable[[Process, SimulatedGraph], Coroutine[Any, Any, None]]:
        if self.crowd is not None:
            return self.crowd.of(actor, self.plan.errands)
        match actor.role:
            case "recounter":
                return Recounter(others).live
            case "copier":
                return Copier(self.source).live
            case "starter" | "server" | "operator":
                return self._job_life(actor, others)
            case _:
                return Joiner(actor).live

    def _job_life(
        self, actor: Actor, others: "list[asyncio.Task[None]]"
    ) -> Callable[[Process, SimulatedGraph], Coroutine[Any, Any, None]]:
        engines = self.engines
        assert engines is not None

        async def live(process: Process, graph: SimulatedGraph) -> None:
            if actor.role == "server":
                await engines.serve(process, graph, others)
            elif actor.role == "operator":
                await engines.operate(process, graph, actor)
            else:
                errand = next(errand for errand in self.plan.errands if errand.key == actor.deeds[0].target[0])
                await engines.insist(process, graph, errand)

        return live

    def _process(self, name: str, script: Script) -> Process:
        process = Process(name, script, self.loop, self)
        self.processes.append(process)
        return process

    async def _outage(self, outage: Outage) -> None:
        await asyncio.sleep(outage.at)
        if outage.server == "graph":
            self.graph.restart(outage.seconds)
        elif self.store is not None:
            self.store.restart(outage.seconds)

    # --- the end

    async def _rest(self) -> None:
        """Heals what another writer has spoilt, settles what is marked, and compares."""
        vandals = [actor for actor in self.plan.actors if actor.role == "vandal"]
        self.saw("world", "comes to rest")
        if self.crowd is not None:
            self.report.problems += self.crowd.town.judge()
        if self.engines is not None:
            await self._finish_jobs(self.engines)
        told = self._told()
        await self._alone("healer", self.graph, told if vandals else ())
        wanted, found = expected(told), held(self.graph.state)
        self.report.problems += differences(found, wanted)
        fresh = GraphServer("fresh", self.loop, Random(0), self)
        await self._alone("fresh-writer", fresh, told)
        await self._compare(fresh)

    def _told(self) -> list[Facts]:
        """Every fact that was joined by anybody, and what a healing load knows."""
        if self.crowd is not None:
            return self.crowd.town.told()
        told = [facts for actor in self.plan.actors for facts in actor.facts]
        listed = {user for errand in self.plan.errands for user in errand.users} - self.upstream.hopeless
        told += [facts for facts in self.plan.history if facts.user.user_id in listed]
        return told + list(self.plan.before if any(actor.role == "copier" for actor in self.plan.actors) else ())

    async def _finish_jobs(self, engines: Engines) -> None:
        """Every job is brought to its end, and its books are checked."""
        process = self._process("closer", Script(Actor(name="closer", role="starter"), [], 0))
        graph = SimulatedGraph(self.graph, process)
        for errand in self.plan.errands:
            if self.crowd is None:
                await self.loop.create_task(engines.insist(process, graph, errand), context=process.context)
            books = Books(engines.store.database(process), errand, self.upstream.hopeless)
            check = self.loop.create_task(books.problems(), context=process.context)
            self.report.problems += [f"job {errand.key}: {problem}" for problem in await check]

    async def _alone(self, name: str, server: GraphServer, facts: Sequence[Facts]) -> None:
        """Somebody whom nothing befalls joins facts, and settles what is marked."""
        process = self._process(name, Script(Actor(name=name, role="loader"), [], 0))
        graph = SimulatedGraph(server, process)
        clock = ProcessClock(process)

        async def work() -> None:
            async with GraphWriter(graph, clock) as writer:
                await asyncio.gather(*(writer.join(_full(one)) for one in facts))
            await recount_until_clear(graph, clock)

        await self.loop.create_task(work(), context=process.context)

    async def _compare(self, fresh: GraphServer) -> None:
        process = self._process("auditor", Script(Actor(name="auditor", role="loader"), [], 0))

        async def work() -> None:
            mine = await digest(SimulatedGraph(self.graph, process))
            other = await digest(SimulatedGraph(fresh, process))
            self.report.digest = mine.digest
            if mine.digest != other.digest:
                self.report.problems.append(f"the digest is {mine.digest}, of all facts at once {other.digest}")
            if mine.recount_pending:
                self.report.problems.append(f"{mine.recount_pending} marks are left")

        await self.loop.create_task(work(), context=process.context)


def _full(facts: Facts) -> Facts:
    """The same as a full load, which heals."""
    from tests.simulation.histories import LOADED

    return replace(facts, user=replace(facts.user, loaded=facts.user.loaded or LOADED))
