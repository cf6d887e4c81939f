"""What a worker holds open: the store, the graph, the services' session, and the queues it takes from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from retrograph.clock import Clock, to_millis
from retrograph.config import Settings
from retrograph.errors import RetrographError, UsageError
from retrograph.jobs.meter import Meter
from retrograph.jobs.work import Outcome
from retrograph.loading.user_history import HistoryServices, HistorySpec, LoadHooks, UserHistoryLoad
from retrograph.queue.books import Books
from retrograph.queue.holding import Lane
from retrograph.queue.message import LoadRequest
from retrograph.queue.outage import Outages
from retrograph.queue.remembering import Remembering
from retrograph.queue.worker import Station, Worker
from retrograph.upstream.pressures import Pressures
from retrograph.wiring.caches import open_cache
from retrograph.wiring.purchases import Target
from retrograph.wiring.queues import NOT_CONFIGURED, open_sqs
from retrograph.wiring.service import Parts
from retrograph.wiring.upstream import history_services

LaneName: TypeAlias = Literal["bulk", "enrollment"]
BULK: Final = "bulk"
ENROLLMENT: Final = "enrollment"
_SPECS_REMEMBERED: Final = 64


class HistoryLoader:
    """Loads a user as a request says: the same load as that of a job in this process."""

    def __init__(self, settings: Settings, target: Target, clock: Clock, meter: Meter | None) -> None:
        self._clock = clock
        self._target = target
        self._seconds = settings.http.item_seconds
        self._meter = meter
        pressures = Pressures(settings.worker.rate_limit, clock, target.http.watcher)
        self._services = history_services(settings, target.http, pressures.pacer, clock, pressures)
        self._load_of = lru_cache(_SPECS_REMEMBERED)(self._new_load)

    @property
    def services(self) -> HistoryServices:
        return self._services

    async def load(self, request: LoadRequest) -> Outcome:
        """See `queue.worker.Loader`."""
        until = request.until
        as_of = to_millis(self._clock.now()) if until is None else until
        load = self._load_of(request.job_key or request.reason, as_of, request.lookback_days)
        began, outcome = self._clock.monotonic(), "failed"
        try:
            done = await load.load(request.user_id)
            outcome = done.status
            return done
        finally:
            if self._meter is not None:
                self._meter.item("purchases", outcome, self._clock.monotonic() - began)

    async def ping(self, dependency: str) -> bool:
        """Whether that service, or the graph, is up."""
        return await self._load_of("ping", 0, 1).ping(dependency)

    async def close(self) -> None:
        """Ends what the catalogues have under way."""
        await self._load_of("ping", 0, 1).close()

    def _new_load(self, by: str, as_of: int, lookback_days: int) -> UserHistoryLoad:
        async def nothing() -> None:
            """The graph and the session outlive a load."""

        spec = HistorySpec(job_key=by, as_of=as_of, lookback_days=lookback_days, item_seconds=self._seconds)
        hooks = LoadHooks(ping_graph=self._target.graph.ping, finish=nothing, close=nothing)
        return UserHistoryLoad(self._services, self._target.writer, spec, hooks, self._clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """The lanes of one process."""

    workers: Sequence[Worker]
    station: Station

    async def run(self) -> None:
        """Until `stop`. Raises what ends a lane: ConfigurationError."""
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self.station.books.keep_settling()),
                group.create_task(self.station.outages.keep_asking()),
            ]
            lanes = [group.create_task(self._lane(worker)) for worker in self.workers]
            await asyncio.wait(lanes)
            for task in beside:
                task.cancel()
        await self._settled()

    def stop(self) -> None:
        """Nothing further is received; what is under way may end."""
        for worker in self.workers:
            worker.stop()

    async def _lane(self, worker: Worker) -> None:
        try:
            await worker.run()
        finally:
            self.stop()

    async def _settled(self) -> None:
        try:
            await self.station.books.settle()
        except RetrographError:
            return  # whoever works on the job next counts them


@asynccontextmanager
async def open_workforce(
    settings: Settings, parts: Parts, target: Target, names: Sequence[LaneName], meter: Meter | None = None
) -> AsyncIterator[Workforce]:
    """The lanes of those queues that are named, or of all that are configured. Raises UsageError where there are none,
    NoSuchQueue, NotPermitted, DependencyDown."""
    lanes = lanes_of(settings, names)
    async with AsyncExitStack() as stack:
        loader = HistoryLoader(settings, target, parts.clock, meter)
        stack.push_async_callback(loader.close)
        cache = await stack.enter_async_context(open_cache(settings, parts.clock))
        graph_id = await parts.graph_id()
        station = Station(
            graph_id=graph_id,
            loader=loader,
            books=Books(parts.store, graph_id, parts.clock),
            outages=Outages(loader.ping, parts.clock),
            memory=Remembering(cache, graph_id, parts.clock),
            clock=parts.clock,
        )
        workers = []
        for name, url, concurrency in lanes:
            sqs = await open_sqs(url, parts.clock)
            stack.push_async_callback(sqs.close)
            queue = await sqs.queue(url)
            await queue.ping()
            lane = Lane(
                name=name,
                queue=queue,
                concurrency=concurrency,
                visibility_seconds=settings.queue.visibility_seconds,
                wait_seconds=settings.queue.wait_seconds,
                grace_seconds=settings.worker.grace_seconds,
            )
            workers.append(Worker(lane, station))
        yield Workforce(workers=workers, station=station)


def lanes_of(settings: Settings, names: Sequence[LaneName]) -> list[tuple[str, str, int]]:
    """Name, queue and concurrency of those that are named, or of all that are configured. Raises UsageError."""
    known: dict[str, tuple[str | None, int]] = {
        BULK: (settings.queue.url, settings.worker.concurrency),
        ENROLLMENT: (settings.queue.enrollment_url, settings.worker.enrollment_concurrency),
    }
    found = [(name, url, count) for name, (url, count) in known.items() if url and (not names or name in names)]
    missing = [name for name in names if not known[name][0]]
    if missing == [ENROLLMENT]:
        raise UsageError("no queue of enrolments is configured: set ENROLLMENT_QUEUE_URL")
    if missing or not found:
        raise UsageError(NOT_CONFIGURED)
    return found
