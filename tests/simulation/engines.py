"""Processes that run jobs: the product's service over the simulated store, with a load that joins a user's history."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from retrograph.errors import DependencyDown, MalformedAnswer, RetrographError, ServiceFailed
from retrograph.facts import Facts
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.writer import GraphWriter
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.queries import Selection
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState, NotPossible
from retrograph.jobs.watchdog import Patience, Watchdog
from retrograph.jobs.work import Load, Outcome, Permit, Source, unconditionally
from retrograph.service import Engine, Service, StartRequest
from tests.simulation.graph import SimulatedGraph
from tests.simulation.plan import Actor, Deed, Errand
from tests.simulation.process import Process, ProcessClock
from tests.simulation.store import StoreServer

SERVICE: Final = "history"
KIND: Final = "purchases"
ODD: Final = "odd"


@dataclass(slots=True)
class Upstream:
    """What the services answer for each user, and how often they fail first. A user with -1 failures always fails."""

    histories: Mapping[str, Facts]
    failures: Mapping[str, int]
    seconds: float
    attempts: dict[str, int] = field(default_factory=dict)

    def answer(self, user_id: str) -> Facts:
        """Raises ItemError."""
        attempt = self.attempts[user_id] = self.attempts.get(user_id, 0) + 1
        failures = self.failures.get(user_id, 0)
        if failures < 0:
            raise MalformedAnswer(f"the history of {user_id} makes no sense", dependency=SERVICE)
        if attempt <= failures:
            raise ServiceFailed(f"the history of {user_id} did not come", dependency=SERVICE)
        return self.histories[user_id]

    @property
    def hopeless(self) -> frozenset[str]:
        return frozenset(user for user, failures in self.failures.items() if failures < 0)


def odd(user_id: str) -> int:
    """How many facts of a user are left out: another number for each, so that a sum tells who was counted."""
    number = user_id.rpartition("-")[2]
    return int("1" + "0" * int(number)) if number.isdecimal() else 1


class _Loading:
    def __init__(self, process: Process, graph: SimulatedGraph, writer: GraphWriter, upstream: Upstream) -> None:
        self._process = process
        self._graph = graph
        self._writer = writer
        self._upstream = upstream

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        await asyncio.sleep(self._process.script.random.expovariate(1 / self._upstream.seconds))

        async def answered() -> Facts:
            return self._upstream.answer(key)

        facts = await self._process.ask(f"history of {key}", answered, _unanswered, lambda: None)
        await self._writer.join(facts, permit)
        return Outcome(status="processed", refused={ODD: odd(key)}, found={ODD: odd(key)})

    async def ping(self, dependency: str) -> bool:
        if dependency == SERVICE:
            return True
        try:
            await self._graph.ping()
        except DependencyDown:
            return False
        return True

    async def finish(self) -> None:
        await recount_until_clear(self._graph, ProcessClock(self._process))

    async def close(self) -> None:
        pass


def _unanswered(message: str) -> Exception:
    return ServiceFailed(message, dependency=SERVICE)


class _Kind:
    name = KIND
    calls_services = False
    fixed_key = None
    grows = False

    def __init__(self, loading: _Loading) -> None:
        self._loading = loading

    async def resolve(self, source: object) -> Resolved:
        assert isinstance(source, list)
        users: list[str] = source

        async def ids() -> AsyncIterator[str]:
            for user in users:
                yield user

        return Resolved(digest=hashlib.sha256("\n".join(users).encode()).hexdigest(), ids=ids())

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del job
        return frozen

    async def open_load(self, job: Job) -> Load:
        del job
        return self._loading


class Engines:
    """What all processes that run jobs have in common."""

    def __init__(self, store: StoreServer, upstream: Upstream, errands: Sequence[Errand]) -> None:
        self.store = store
        self.upstream = upstream
        self.errands = errands
        self.lives = 0

    def service(self, process: Process, graph: SimulatedGraph, writer: GraphWriter) -> tuple[Service, SqlJobStore]:
        """A process's own."""

        async def graph_id() -> str:
            return graph.identity.graph_id

        self.lives += 1
        store = SqlJobStore(self.store.database(process))
        kinds = {KIND: _Kind(_Loading(process, graph, writer, self.upstream))}
        engine = Engine(holder=f"{process.name}#{self.lives}")
        return Service(store, kinds, graph_id, ProcessClock(process), engine), store

    async def serve(self, process: Process, graph: SimulatedGraph, others: "Sequence[asyncio.Task[None]]") -> None:
        """A server: its watchdog resumes what nobody asked to end, as long as others are at work."""
        clock = ProcessClock(process)
        async with GraphWriter(graph, clock) as writer:
            service, store = self.service(process, graph, writer)
            running: set[asyncio.Task[Any]] = set()

            async def resume(job: Job) -> bool:
                answer = await service.resume(job.key, "watchdog", "due")
                if answer is not None:
                    running.add(asyncio.create_task(service.run(answer, once=True)))
                return answer is not None

            patience = Patience(first_wait_ms=2_000)
            watchdog = Watchdog(store, clock, lambda: _known(graph.identity.graph_id), resume, patience)
            while not all(task.done() for task in others):
                with suppress(RetrographError):
                    await watchdog.sweep()
                await clock.sleep(1.0)
            await asyncio.gather(*running, return_exceptions=True)

    async def insist(self, process: Process, graph: SimulatedGraph, errand: Errand) -> Job:
        """Somebody who starts a job until it is done, from the beginning where it was cancelled."""
        clock = ProcessClock(process)
        async with GraphWriter(graph, clock) as writer:
            service, _ = self.service(process, graph, writer)
            reset = False
            while True:
                try:
                    job = await self._once(service, errand, reset=reset)
                    reset = job is not None and job.state is JobState.CANCELED
                except NotPossible:  # it was cancelled
                    job, reset = None, True
                except RetrographError:
                    job = None
                if job is not None and self._done(job, errand):
                    return job
                await clock.sleep(process.script.random.expovariate(0.3))

    async def _once(self, service: Service, errand: Errand, *, reset: bool = False) -> Job | None:
        parameters = {**errand.parameters, "reset_cursor": reset}
        answer = await service.start(
            StartRequest(kind=KIND, source=list(errand.users), parameters=parameters, key=errand.key, who="ann")
        )
        if not answer.started:
            return answer.job if answer.reason == "complete" else None
        return await service.run(answer)

    def _done(self, job: Job, errand: Errand) -> bool:
        hopeless = self.upstream.hopeless.intersection(errand.users)
        return job.state is JobState.SUCCEEDED and job.counts.failed <= len(hopeless)

    async def operate(self, process: Process, graph: SimulatedGraph, actor: Actor) -> None:
        """An operator's verbs, each at its time, from a process of their own."""
        clock = ProcessClock(process)
        begins = {errand.key: errand for errand in self.errands}
        async with GraphWriter(graph, clock) as writer:
            service, _ = self.service(process, graph, writer)
            for deed in actor.deeds:
                await clock.sleep(deed.at)
                with suppress(RetrographError):
                    await self._deed(service, deed, begins[deed.target[0]])

    async def _deed(self, service: Service, deed: Deed, errand: Errand) -> None:
        match deed.what:
            case "stop":
                await service.stop(errand.key, "bob", "enough")
            case "cancel":
                await service.cancel(errand.key, "bob", "wrong")
            case "archive":
                await service.archive(errand.key, "bob")
            case "retry":
                answer = await service.retry(errand.key, Selection(), "bob")
                if answer.started:
                    await service.run(answer, once=True)
            case "list":
                await service.runs(errand.key)
            case _:
                await self._once(service, errand, reset=deed.what == "reset")


async def _known(graph_id: str) -> str:
    return graph_id
