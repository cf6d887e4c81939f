"""What a serving process holds open as long as it lives: the service, its fleet of jobs, what looks after both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.enrolment.detector import Detector
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.insisting import Insisting
from retrograph.enrolment.requests import LoadRequests, Reason
from retrograph.errors import ConfigurationError, RetrographError
from retrograph.graph.reading import GraphReader
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.job import Json
from retrograph.jobs.news import News
from retrograph.jobs.view import cards_as_json
from retrograph.jobs.watchdog import Watchdog
from retrograph.service import Service
from retrograph.telemetry.metrics import Metrics
from retrograph.wiring.enrolments import FLAG, Kept, build_detector, build_enrolments, open_enrolled, open_kept
from retrograph.wiring.flags import OpenedGate, open_gate
from retrograph.wiring.live import Live, open_live, topics_of
from retrograph.wiring.live_board import LiveBoard
from retrograph.wiring.opening import Opening
from retrograph.wiring.pings import Check, Pings, answering
from retrograph.wiring.purchases import SIDE_LANES
from retrograph.wiring.queues import KeptQueue, QueueRequests
from retrograph.wiring.recounting import recounted
from retrograph.wiring.requests import JobRequests
from retrograph.wiring.service import Parts, open_parts
from retrograph.wiring.staff import Staff
from retrograph.wiring.upstream import clients_of, probing
from retrograph.wiring.worker import lanes_of

SWEEP_SECONDS: Final = 600.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Everything that is opened once; whoever serves runs `look_after` beside its answers."""

    settings: Settings
    clock: Clock
    service: Service
    fleet: Fleet
    watchdog: Watchdog
    news: News
    graph: GraphReader
    opening: Opening
    pings: Pings
    metrics: Metrics
    enrolments: Enrolments
    insisting: Insisting
    gate: OpenedGate
    detector: Detector | None
    """`None` where there are no flags, or none whose users it could walk."""
    live: Live | None
    """The consumers of this process, where it has any."""
    board: LiveBoard
    staff: Staff | None = None
    """Workers that take users from the queues, where this process has any."""

    async def look_after(self) -> None:
        """Resumes what is due, tells what is new, opens the graph when it is there, recounts; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kept("watchdog", self.watchdog.watch))
            group.create_task(self._kept("news", self.news.watch))
            group.create_task(self._kept("graph", self._graph))
            group.create_task(self._kept("sweep", self._swept))
            group.create_task(self._kept("enrolments", self.enrolments.watch))
            group.create_task(self._kept("failed-loads", self.insisting.watch))
            if self.live is not None:
                group.create_task(self._kept("live", self._consumed))
            if self.detector is not None:
                group.create_task(self._kept("detector", self._detected))
            if self.staff is not None:
                group.create_task(self._kept("workers", self.staff.work))

    async def _graph(self) -> None:
        await self.opening.keep_trying(self.clock)
        await recounted(self.opening.graph, self.clock)

    async def _consumed(self) -> None:
        assert self.live is not None
        await self.opening.keep_trying(self.clock)
        await self.live.run()

    async def _detected(self) -> None:
        assert self.detector is not None
        await self.detector.watch(self.clock, self.settings.detector.every_seconds)

    async def _swept(self) -> None:
        while True:
            with suppress(RetrographError):  # a store that is away is swept the next time
                await self.service.sweep()
            await self.clock.sleep(SWEEP_SECONDS)

    async def _kept(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """What breaks off unexpectedly is begun anew: the others, and the answers, depend on none of it."""
        while True:
            try:
                await work()
            except Exception:
                _log.exception("broke-off", what=name)
            await self.clock.sleep(1.0)


@asynccontextmanager
async def open_served(
    settings: Settings, *, migrate: bool = False, workers: bool = False, live: bool = False
) -> AsyncIterator[Served]:
    """Opens it all; leaving pauses the jobs that run here and closes it. A graph that is down is opened later.
    `live`: events are consumed as well.

    Raises DependencyDown where the store is down, ConfigurationError.
    """
    metrics = Metrics(settings.environment)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(
            open_parts(settings, starts=True, graph=True, migrate=migrate, patient=True, meter=metrics)
        )
        assert parts.opening is not None
        fleet = await stack.enter_async_context(Fleet(parts.service, parts.clock))
        kept = await stack.enter_async_context(open_kept(settings, parts.clock))
        enrolled = await stack.enter_async_context(open_enrolled(settings, parts.clock, kept))
        gate = await stack.enter_async_context(open_gate(settings, parts.clock, enrolled))
        requests = _requests(settings, parts, fleet)
        consumers = await _consumers(stack, settings, parts, gate) if live else None
        board = LiveBoard(settings, parts.clock, consumers.tallies if consumers else {})
        checks = await _checks(stack, settings, parts, parts.opening)

        async def cards() -> dict[str, Json]:
            return cards_as_json(await parts.service.tally(), here=len(fleet.running))

        yield Served(
            settings=settings,
            clock=parts.clock,
            service=parts.service,
            fleet=fleet,
            watchdog=Watchdog(parts.store, parts.clock, parts.graph_id, fleet.resume),
            news=News(parts.store, parts.service.live, cards, parts.clock),
            graph=GraphReader(parts.opening.graph, settings.identifiers.limits),
            opening=parts.opening,
            pings=Pings(checks | _flag_checks(kept, gate) | _live_checks(board), parts.clock),
            metrics=metrics,
            enrolments=build_enrolments(kept, requests, parts.clock),
            insisting=Insisting(
                parts.service,
                fleet,
                parts.clock,
                SIDE_LANES,
                first_wait_seconds=settings.enrolment.retry_seconds,
            ),
            gate=gate,
            live=consumers,
            board=board,
            detector=_detector(settings, kept, requests, gate, parts),
            staff=_staff(settings, parts, metrics) if workers else None,
        )


def _requests(settings: Settings, parts: Parts, fleet: Fleet) -> LoadRequests:
    """Who loads the enrolled and the newly enabled: workers where there are queues, else this process."""
    sent: tuple[Reason, ...] = ("newly_enabled",) if settings.queue.url else ()
    here = JobRequests(fleet.start, lookback_days=settings.enrolment.lookback_days, sent=sent)
    if settings.queue.enrollment_url is None:
        return here
    return QueueRequests(settings, parts.graph_id, parts.clock, here)


async def _consumers(stack: AsyncExitStack, settings: Settings, parts: Parts, gate: OpenedGate) -> Live:
    assert parts.opening is not None
    topics = topics_of(settings)
    return await stack.enter_async_context(open_live(settings, topics, parts.opening.graph, gate.gate, parts.clock))


def _live_checks(board: LiveBoard) -> dict[str, Check]:
    return {"kafka": Check(ping=board.ping)} if board.topics else {}


def _flag_checks(kept: Kept, gate: OpenedGate) -> dict[str, Check]:
    checks = {"cache": Check(ping=answering(kept.cache.ping))}
    return checks if gate.flags is None else checks | {"flags": Check(ping=gate.flags.ping)}


def _detector(
    settings: Settings, kept: Kept, requests: LoadRequests, gate: OpenedGate, parts: Parts
) -> Detector | None:
    if gate.asked is None or (gate.flags is None and settings.detector.candidates == FLAG):
        return None
    return build_detector(settings, kept, requests, gate.asked, gate.flags, parts.graph_id)


def _staff(settings: Settings, parts: Parts, metrics: Metrics) -> Staff:
    lanes_of(settings, ())  # says at once where there is no queue to take from
    return Staff(settings, parts, metrics)


async def _checks(stack: AsyncExitStack, settings: Settings, parts: Parts, opening: Opening) -> dict[str, Check]:
    """What is configured; without the store and the graph a server is not ready."""
    checks = {
        "store": Check(ping=answering(parts.store.ping), needed=True),
        "graph": Check(ping=answering(opening.graph.ping), needed=True),
    }
    if settings.users.url is not None and parts.identity is not None:
        checks["users-table"] = Check(ping=answering(parts.identity.ping_table))
    for name, url in (("queue", settings.queue.url), ("enrollment-queue", settings.queue.enrollment_url)):
        if url is not None:
            queue = KeptQueue(url, parts.clock)
            stack.push_async_callback(queue.close)
            checks[name] = Check(ping=answering(queue.ping))
    try:
        services = await stack.enter_async_context(probing(settings))
    except ConfigurationError:
        return checks
    return checks | {client.service.name: Check(ping=client.service.ping) for client in clients_of(services)}
