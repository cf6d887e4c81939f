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
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.store import JobStore
from retrograph.service import Engine, Service
from retrograph.store.engine import BUSY_SECONDS
from retrograph.store.schema import open_database
from retrograph.wiring.graphs import build_graph, same_file

if TYPE_CHECKING:
    from retrograph.wiring.purchases import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was opened for the service, for those that need more than its verbs."""

    service: Service
    store: JobStore
    graph: GraphStore | None
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
    settings: Settings, *, starts: bool = False, graph: bool = False, migrate: bool = False
) -> AsyncIterator[Parts]:
    """The same with what it stands on.

    A server is asked before a file is made: where it does not answer, nothing has been written.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        remote_graph = graph and settings.graph.scheme != "sqlite"
        opened = await _opened_graph(stack, settings, clock, migrate) if remote_graph else None
        store = await _opened_store(stack, settings, create=starts)
        if graph and opened is None:
            opened = await _opened_graph(stack, settings, clock, migrate)
        kinds = await _kinds(stack, settings, opened, clock) if starts else {}

        async def graph_id() -> str:
            if opened is None:
                raise RuntimeError("this needs a graph, and none was opened")
            return opened.identity.graph_id

        engine = Engine(lease_seconds=settings.jobs.lease_seconds, exclusive=settings.jobs.exclusive)
        service = Service(store, kinds, graph_id, clock, engine)
        yield Parts(service=service, store=store, graph=opened, clock=clock, graph_id=graph_id)


async def _opened_graph(stack: AsyncExitStack, settings: Settings, clock: Clock, migrate: bool) -> GraphStore:
    graph = build_graph(settings, settings.graph, clock)
    stack.push_async_callback(graph.close)
    await graph.open(migrate=migrate)
    return graph


async def _opened_store(stack: AsyncExitStack, settings: Settings, *, create: bool) -> JobStore:
    if not create and settings.store.scheme == "sqlite" and not settings.store.path.exists():
        raise NotFound(f"there are no jobs yet: {settings.store.path} does not exist")
    durable = not same_file(settings.graph, settings.store)
    database = await open_database(
        settings.store.get_secret_value(),
        synchronous="FULL" if durable else "NORMAL",
        # Nobody may wait for a lock, or hold one idly, for as long as a lease lasts.
        busy_seconds=min(BUSY_SECONDS, settings.jobs.lease_seconds / 3),
    )
    store = SqlJobStore(database)
    stack.push_async_callback(store.close)
    return store


async def _kinds(stack: AsyncExitStack, settings: Settings, graph: GraphStore | None, clock: Clock) -> dict[str, Kind]:
    """What can be started. Imported here, because the verbs that only look need none of it."""
    from retrograph.wiring.identity import Identity
    from retrograph.wiring.purchases import Purchases

    purchases = Purchases(settings, await _target(stack, settings, graph, clock) if graph else None, clock)
    identity = Identity(settings, graph, clock)
    stack.push_async_callback(identity.close)
    return {purchases.name: purchases, identity.name: identity}


async def _target(stack: AsyncExitStack, settings: Settings, graph: GraphStore, clock: Clock) -> "Target":
    from retrograph.graph.writer import GraphWriter
    from retrograph.wiring.purchases import Target
    from retrograph.wiring.upstream import http_client

    http = http_client(settings, clock)
    stack.push_async_callback(http.close)
    writer = await stack.enter_async_context(GraphWriter(graph, clock))
    return Target(graph=graph, writer=writer, http=http)
