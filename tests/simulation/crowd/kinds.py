"""Jobs of a crowd's world: those that are sent to workers, and those that a server does itself."""

import hashlib
from collections.abc import AsyncIterator

from retrograph.jobs.courier import Courier
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.work import Load, Source
from retrograph.queue.courier import QueueCourier
from retrograph.wiring.purchases import FrozenUsers, SentAway
from tests.simulation.crowd.queues import QueueServer, SimulatedQueue
from tests.simulation.crowd.services import JobLoading, Loading
from tests.simulation.graph import SimulatedGraph
from tests.simulation.process import Process, ProcessClock

FOUR_DAYS = 345_600.0


class CrowdKind:
    """See `jobs.kind.Kind`."""

    calls_services = False
    fixed_key = None
    grows = False

    def __init__(self, name: str, graph: SimulatedGraph, process: Process, loading: Loading) -> None:
        self.name = name
        self._graph = graph
        self._clock = ProcessClock(process)
        self._loading = loading

    async def resolve(self, source: object) -> Resolved:
        if isinstance(source, FrozenUsers):
            return Resolved(digest=source.digest, ids=source.ids)
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
        if job.parameters.executor == "queue":
            return SentAway(self._graph, self._clock)
        return JobLoading(self._loading, job.spec.as_of)


class CrowdCouriers:
    """See `jobs.courier.Couriers`."""

    retention_seconds = FOUR_DAYS

    def __init__(self, queue: QueueServer, process: Process) -> None:
        self._queue = queue
        self._process = process

    def check(self, kind: str) -> None:
        pass

    async def address(self, named: str | None) -> str:
        del named
        queue = SimulatedQueue(self._queue, self._process)
        await queue.ping()
        return queue.url

    async def open(self, job: Job) -> Courier:
        async def close() -> None:
            pass

        return QueueCourier(SimulatedQueue(self._queue, self._process), job, ProcessClock(self._process), close)
