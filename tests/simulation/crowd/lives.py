"""The processes of a crowd's world: the product's own consumers, workers, servers and enrolments."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from retrograph.enrolment.detector import Detector
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.enrolled import EnrolledUsers
from retrograph.enrolment.insisting import Insisting
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.requests import Batch, LoadRequests, Reason
from retrograph.enrolment.sql_detections import SqlDetectionStore
from retrograph.enrolment.sql_store import SqlEnrolmentStore
from retrograph.enrolment.window import Window
from retrograph.errors import RetrographError
from retrograph.flags.gate import INGESTION, FlagGate
from retrograph.graph.writer import GraphWriter
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.watchdog import Patience, Watchdog
from retrograph.live.consumer import Consumer
from retrograph.live.lane import Means, Tally
from retrograph.loading.events import EventLoad
from retrograph.queue.books import Books
from retrograph.queue.holding import Lane
from retrograph.queue.outage import Outages
from retrograph.queue.remembering import Remembering
from retrograph.queue.sender import RequestSender
from retrograph.queue.worker import Station, Worker
from retrograph.service import Engine, Service, StartRequest
from retrograph.wiring.purchases import SIDE_LANES
from retrograph.wiring.recounting import recounted
from retrograph.wiring.requests import JobRequests
from retrograph.wiring.worker import Workforce
from tests.simulation.crowd.broker import BrokerLog
from tests.simulation.crowd.cache import SimulatedCache
from tests.simulation.crowd.gates import Events, LateFlags
from tests.simulation.crowd.kinds import CrowdCouriers, CrowdKind
from tests.simulation.crowd.queues import SimulatedQueue
from tests.simulation.crowd.services import Loading, WorkerLoading
from tests.simulation.crowd.town import Town
from tests.simulation.graph import SimulatedGraph
from tests.simulation.plan import Actor, Errand
from tests.simulation.process import EPOCH_MILLIS, Process, ProcessClock

BATCH = 3
DETECTOR_SECONDS = 60.0
LOADS = 2


class Lives:
    """What they have in common."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.plan = town.plan
        self.lives = 0
        self.window = Window(
            refresh_ms=int(town.plan.refresh_seconds * 1000), settle_ms=int(town.plan.settle_seconds * 1000)
        )

    def of(
        self, actor: Actor, errands: Sequence[Errand]
    ) -> Callable[[Process, SimulatedGraph], Coroutine[Any, Any, None]]:
        """How an actor lives."""
        match actor.role:
            case "consumer":
                return self.consume
            case "worker":
                return self.work
            case "server":
                return self.serve
            case "caller":
                return partial(self.call, actor)
            case _:
                return partial(self.insist, errands[0])

    async def consume(self, process: Process, graph: SimulatedGraph) -> None:
        """A consumer with the gate in front of it, until the world is over."""
        clock = ProcessClock(process)
        enrolled = self._enrolled(process)
        gate = FlagGate(LateFlags(self.plan, process.loop), enrolled)
        async with GraphWriter(graph, clock) as writer, _beside(enrolled.watch(self.plan.refresh_seconds)):
            load = EventLoad(Events(self.plan, writer), gate, graph.ping)
            while not self.town.over.is_set():
                log = BrokerLog(self.town.broker, process)
                means = Means(writes=load, dead_letters=log, log=log, clock=clock, tally=Tally(), batch=BATCH)
                consumer = Consumer(means)
                async with _beside(self._told_to_end(consumer)):
                    with suppress(RetrographError):
                        await consumer.run()
                await clock.sleep(1.0)

    async def _told_to_end(self, consumer: Consumer) -> None:
        await self.town.over.wait()
        consumer.end()

    async def work(self, process: Process, graph: SimulatedGraph) -> None:
        """A worker on both queues, until the world is over."""
        clock, town = ProcessClock(process), self.town
        graph_id = graph.identity.graph_id
        async with GraphWriter(graph, clock) as writer:
            loader = WorkerLoading(Loading(process, graph, writer, town.services))
            station = Station(
                graph_id=graph_id,
                loader=loader,
                books=Books(SqlJobStore(town.store.database(process)), graph_id, clock),
                outages=Outages(loader.ping, clock),
                memory=Remembering(SimulatedCache(town.cache, process), graph_id, clock),
                clock=clock,
            )
            workers = [
                Worker(
                    Lane(
                        name=queue.name,
                        queue=SimulatedQueue(queue, process),
                        concurrency=LOADS,
                        visibility_seconds=self.plan.visibility_seconds,
                        wait_seconds=4,
                    ),
                    station,
                )
                for queue in (town.bulk, town.enrolment)
            ]
            workforce = Workforce(workers=workers, station=station)
            async with _beside(self._told_to_stop(workforce)):
                await workforce.run()

    async def _told_to_stop(self, workforce: Workforce) -> None:
        await self.town.over.wait()
        workforce.stop()

    async def serve(self, process: Process, graph: SimulatedGraph) -> None:
        """A server: enrolments, the detector, the jobs of both, and the watchdog, until the world is over."""
        clock = ProcessClock(process)
        async with GraphWriter(graph, clock) as writer:
            service, store = self.service(process, graph, writer)
            async with Fleet(service, clock) as fleet:
                requests = self._requests(process, graph, fleet)
                watchdog = Watchdog(store, clock, lambda: _known(graph), fleet.resume, Patience(first_wait_ms=2_000))
                enrolments = Enrolments(
                    SqlEnrolmentStore(self.town.store.database(process)),
                    SimulatedCache(self.town.cache, process),
                    requests,
                    self.window,
                    clock,
                )
                detector = self._detector(process, graph, requests)
                async with (
                    _beside(watchdog.watch()),
                    _beside(enrolments.watch()),
                    _beside(detector.watch(clock, DETECTOR_SECONDS)),
                    _beside(Insisting(service, fleet, clock, SIDE_LANES, first_wait_seconds=5.0).watch()),
                    _beside(recounted(graph, clock)),
                ):
                    await self.town.over.wait()

    async def call(self, actor: Actor, process: Process, graph: SimulatedGraph) -> None:
        """Whoever enrols users one after the other through the API, each until there is an answer."""
        del graph
        clock = ProcessClock(process)
        store = SqlEnrolmentStore(self.town.store.database(process))
        doors = Enrolments(store, SimulatedCache(self.town.cache, process), _Nobody(), self.window, clock)
        for deed in actor.deeds:
            await clock.sleep(max(0.0, deed.at - process.loop.time()))
            while True:
                try:
                    answer = await doors.enrol(deed.target[0], "ann")
                except RetrographError:
                    await clock.sleep(1.0)
                else:
                    self.town.promised.setdefault(answer.user_id, answer.request_id)
                    if self.town.promised[answer.user_id] != answer.request_id:
                        self.town.problems.append(f"{answer.user_id} was given two request ids")
                    break

    async def insist(self, errand: Errand, process: Process, graph: SimulatedGraph) -> None:
        """Whoever sends a bulk load through the queue, and starts it again until all of its users are loaded."""
        clock = ProcessClock(process)
        wanted = StartRequest(
            kind="purchases", source=list(errand.users), parameters=errand.parameters, key=errand.key, who="bob"
        )
        async with GraphWriter(graph, clock) as writer:
            service, _ = self.service(process, graph, writer)
            while True:
                with suppress(RetrographError):
                    answer = await service.start(wanted)
                    job = await service.run(answer) if answer.started else answer.job
                    if job.state is JobState.SUCCEEDED and not job.counts.failed:
                        return
                await clock.sleep(process.script.random.expovariate(0.3))

    def service(self, process: Process, graph: SimulatedGraph, writer: GraphWriter) -> tuple[Service, SqlJobStore]:
        """A process's own."""
        self.lives += 1
        store = SqlJobStore(self.town.store.database(process))
        loading = Loading(process, graph, writer, self.town.services)
        kinds = {name: CrowdKind(name, graph, process, loading) for name in ("purchases", "enrolment", "newly-enabled")}
        couriers = CrowdCouriers(self.town.bulk, process)
        engine = Engine(holder=f"{process.name}#{self.lives}")
        return Service(store, kinds, lambda: _known(graph), ProcessClock(process), engine, None, couriers), store

    def _enrolled(self, process: Process) -> EnrolledUsers:
        store = SqlEnrolmentStore(self.town.store.database(process))
        cache = SimulatedCache(self.town.cache, process)
        return EnrolledUsers(
            store, cache, Notices(store, self.window), ProcessClock(process), oldest_seconds=self.plan.refresh_seconds
        )

    def _requests(self, process: Process, graph: SimulatedGraph, fleet: Fleet) -> LoadRequests:
        sent: tuple[Reason, ...] = ("newly_enabled",)
        here: LoadRequests = JobRequests(fleet.start, lookback_days=3_650, sent=sent)
        if self.plan.own_queue:
            queue = SimulatedQueue(self.town.enrolment, process)
            here = _Sending(RequestSender(queue, graph.identity.graph_id, ProcessClock(process)), here)
        return here if self.plan.second_loads else _FirstOnly(here)

    def _detector(self, process: Process, graph: SimulatedGraph, requests: LoadRequests) -> Detector:
        return Detector(
            SqlDetectionStore(self.town.store.database(process), self.window),
            SimulatedCache(self.town.cache, process),
            LateFlags(self.plan, process.loop),
            requests,
            self.window,
            flag=INGESTION,
            candidates=self._candidates,
            loaded_into=_Since(self.town, graph),
        )

    async def _candidates(self) -> AsyncIterator[str]:
        for user_id in self.town.users:
            yield user_id


class _Sending:
    """As where there is a queue of enrolments: what enrolments ask for is sent there."""

    def __init__(self, sender: RequestSender, others: LoadRequests) -> None:
        self._sender = sender
        self._others = others

    async def request(self, batch: Batch) -> None:
        await (self._sender if batch.reason == "enrollment" else self._others).request(batch)


class _FirstOnly:
    """Forgets second loads."""

    def __init__(self, others: LoadRequests) -> None:
        self._others = others

    async def request(self, batch: Batch) -> None:
        if not batch.key.endswith("-second"):
            await self._others.request(batch)


class _Nobody:
    """Of a door that only records."""

    async def request(self, batch: Batch) -> None:
        raise AssertionError(batch.key)


class _Since:
    """See `enrolment.detector.LoadedSince`."""

    def __init__(self, town: Town, graph: SimulatedGraph) -> None:
        self._town = town
        self._graph = graph

    def open_since(self) -> int | None:
        now = self._town.loop.time()
        changes = [one.at for one in self._town.plan.openings if one.by == "flag" and one.at <= now]
        return EPOCH_MILLIS + int(max(changes, default=0.0) * 1000)

    async def graph_id(self) -> str:
        return self._graph.identity.graph_id


async def _known(graph: SimulatedGraph) -> str:
    return graph.identity.graph_id


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
