"""From settings to the service that every door calls: what it needs is opened in order, and closed in reverse."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrograph.clock import Clock, SystemClock
from retrograph.config import Settings
from retrograph.errors import NotFound
from retrograph.graph.store import GraphStore
from retrograph.jobs.kind import Kind
from retrograph.jobs.meter import Meter
from retrograph.jobs.objects import ObjectLedger
from retrograph.jobs.sql.objects import SqlObjectLedger
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.store import JobStore
from retrograph.service import Engine, Service
from retrograph.store.engine import BUSY_SECONDS, Database
from retrograph.store.schema import open_database
from retrograph.wiring.graphs import build_graph, same_file
from retrograph.wiring.opening import Opening
from retrograph.wiring.queues import QueueCouriers

if TYPE_CHECKING:
    from retrograph.wiring.identity import Identity
    from retrograph.wiring.purchases import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was opened for the service, for those that need more than its verbs."""

    service: Service
    store: JobStore
    identity: "Identity | None"
    opening: Opening | None
    target: "Target | None"
    clock: Clock
    graph_id: Callable[[], Awaitable[str]]


@asynccontextmanager
async def open_service(
    settings: Settings, *, starts: bool = False, graph: bool = False, migrate: bool = False
) -> AsyncIterator[Service]:
    """The service's verbs. What `starts` a job makes the store's file; a load also needs the `graph`."""
    async with open_parts(settings, starts=starts, graph=graph, migrate=migrate) as parts:
        yield parts.service


@asynccontextmanager
async def open_parts(
    settings: Settings,
    *,
    starts: bool = False,
    graph: bool = False,
    migrate: bool = False,
    patient: bool = False,
    meter: Meter | None = None,
) -> AsyncIterator[Parts]:
    """The same with what it stands on. `patient`: a graph that is down is opened later.

    A server is asked before a file is made: where it does not answer, nothing has been written.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        remote_graph = graph and settings.graph.scheme != "sqlite"
        opening = await _opened_graph(stack, settings, clock, migrate, patient) if remote_graph else None
        database = await _opened_database(stack, settings, create=starts)
        store, ledger = SqlJobStore(database), SqlObjectLedger(database)
        if graph and opening is None:
            opening = await _opened_graph(stack, settings, clock, migrate, patient)
        found = opening.graph if opening else None
        identity = _identity(stack, settings, found, clock) if starts else None
        target = await _target(stack, settings, found, clock) if found and starts else None
        kinds = _kinds(settings, target, clock, identity, store, ledger) if identity else {}

        async def graph_id() -> str:
            if opening is None:
                raise RuntimeError("this needs a graph, and none was opened")
            return await opening.graph_id()

        engine = Engine(lease_seconds=settings.jobs.lease_seconds, exclusive=settings.jobs.exclusive)
        service = Service(store, kinds, graph_id, clock, engine, meter, QueueCouriers(settings, clock), ledger)
        yield Parts(
            service=service,
            store=store,
            identity=identity,
            opening=opening,
            target=target,
            clock=clock,
            graph_id=graph_id,
        )


async def _opened_graph(
    stack: AsyncExitStack, settings: Settings, clock: Clock, migrate: bool, patient: bool
) -> Opening:
    opening = Opening(build_graph(settings, settings.graph, clock), migrate=migrate)
    stack.push_async_callback(opening.graph.close)
    await (opening.at_once_or_later() if patient else opening.graph_id())
    return opening


async def _opened_database(stack: AsyncExitStack, settings: Settings, *, create: bool) -> Database:
    if not create and settings.store.scheme == "sqlite" and not settings.store.path.exists():
        raise NotFound(f"there are no jobs yet: {settings.store.path} does not exist")
    durable = not same_file(settings.graph, settings.store)
    database = await open_database(
        settings.store.get_secret_value(),
        synchronous="FULL" if durable else "NORMAL",
        # Nobody may wait for a lock, or hold one idly, for as long as a lease lasts.
        busy_seconds=min(BUSY_SECONDS, settings.jobs.lease_seconds / 3),
    )
    stack.push_async_callback(database.close)
    return database


def _identity(stack: AsyncExitStack, settings: Settings, graph: GraphStore | None, clock: Clock) -> "Identity":
    from retrograph.wiring.identity import Identity

    identity = Identity(settings, graph, clock)
    stack.push_async_callback(identity.close)
    return identity


def _kinds(
    settings: Settings,
    target: "Target | None",
    clock: Clock,
    identity: "Identity",
    store: JobStore,
    ledger: ObjectLedger,
) -> dict[str, Kind]:
    """What can be started. Imported here, because the verbs that only look need none of it."""
    from retrograph.wiring.event_files import Doors, EventFilesKind
    from retrograph.wiring.purchases import SIDE_LANES, Purchases

    kinds: dict[str, Kind] = {name: Purchases(settings, target, clock, name) for name in ("purchases", *SIDE_LANES)}
    doors = Doors(settings=settings, target=target, identity=identity, ledger=ledger, note=store.note, clock=clock)
    files = EventFilesKind(doors)
    return kinds | {identity.name: identity, files.name: files}


async def _target(stack: AsyncExitStack, settings: Settings, graph: GraphStore, clock: Clock) -> "Target":
    from retrograph.graph.writer import GraphWriter
    from retrograph.wiring.caches import build_cache
    from retrograph.wiring.purchases import Target
    from retrograph.wiring.upstream import http_client

    http = http_client(settings, clock)
    stack.push_async_callback(http.close)
    writer = await stack.enter_async_context(GraphWriter(graph, clock))
    cache = build_cache(settings, clock)
    stack.push_async_callback(cache.close)
    return Target(graph=graph, writer=writer, http=http, cache=cache)
