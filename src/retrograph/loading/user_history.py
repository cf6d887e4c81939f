"""One user's whole history in a window: fetched from the services, turned into facts, joined into the graph.

Any failure fails the user whole: nothing is written before everything is known.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from retrograph.clock import MILLIS_PER_DAY, Clock, to_millis
from retrograph.errors import DependencyDown, ServiceFailed
from retrograph.facts import Facts, Loaded
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.work import Outcome, Permit, unconditionally
from retrograph.loading.history_facts import (
    Catalogue,
    HistoryFacts,
    Purchases,
    Window,
    facts_of,
    orders_to_fetch,
    purchases_of,
)
from retrograph.upstream.bounded import first_error
from retrograph.upstream.categories import Categories
from retrograph.upstream.products import Products
from retrograph.upstream.purchase_history import PurchaseHistory, Receipt
from retrograph.upstream.shop_orders import Order, OrderSummary, ShopOrders

GRAPH: Final = "graph"


class FactWriter(Protocol):
    """Whoever joins facts into the graph."""

    async def join(self, facts: Facts, permit: Permit) -> int:
        """Returns once the facts are committed: how many edges that took. `permit` is asked before a transaction
        begins."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryServices:
    """The clients of the services; categories are left alone where there is no service for them."""

    receipts: PurchaseHistory
    orders: ShopOrders
    products: Products
    categories: Categories | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySpec:
    """What one job loads: for which job key, up to when (milliseconds, excluded), how many days back, and how many
    seconds the calls for one user may take in all."""

    job_key: str
    as_of: int
    lookback_days: int
    item_seconds: float = 600.0

    @property
    def window(self) -> Window:
        """The half-open window of the load."""
        return Window(self.as_of - self.lookback_days * MILLIS_PER_DAY, self.as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadHooks:
    """What the load needs from elsewhere: to see that the graph is up (raises DependencyDown where it is not), what to
    do after the last user, what to close, what slows it down."""

    ping_graph: Callable[[], Awaitable[None]]
    finish: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    pressure: Callable[[], Pressure | None] = lambda: None


class UserHistoryLoad:
    """Loads users one by one; any number of loads may run side by side."""

    def __init__(
        self, services: HistoryServices, writer: FactWriter, spec: HistorySpec, hooks: LoadHooks, clock: Clock
    ) -> None:
        self._services = services
        self._writer = writer
        self._spec = spec
        self._hooks = hooks
        self._clock = clock
        clients = (services.receipts, services.orders, services.products, services.categories)
        self._clients = {client.service.name: client for client in clients if client is not None}

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        """Loads one user. Raises ItemError naming the service or the graph that failed it, ConfigurationError where
        a service refuses us, DependencyDown where the graph does not answer."""
        history = await self._fetched(key)
        written = await self._writer.join(history.facts, permit)
        found = {**history.found, "edges-written": written}
        return Outcome(status="processed", refused=history.refused, found=found)

    async def ping(self, dependency: str) -> bool:
        """Whether that service, or the graph, is up. What nobody here knows is not what is down."""
        if dependency == GRAPH:
            return await self._graph_answers()
        client = self._clients.get(dependency)
        return client is None or await client.service.ping()

    async def check(self) -> None:
        """Sees that every URL is the service it should be. Raises ConfigurationError or DependencyDown."""
        for client in self._clients.values():
            await client.check()

    def pressure(self) -> Pressure | None:
        """What slows the services down, or makes calls wait."""
        return self._hooks.pressure()

    async def finish(self) -> None:
        """After the last user: the graph settles what depends on shared nodes."""
        await self._hooks.finish()

    async def close(self) -> None:
        """Ends what is under way and closes the connections."""
        await self._services.products.close()
        if self._services.categories is not None:
            await self._services.categories.close()
        await self._hooks.close()

    async def _graph_answers(self) -> bool:
        try:
            await self._hooks.ping_graph()
        except DependencyDown:
            return False
        return True

    async def _fetched(self, user_id: str) -> HistoryFacts:
        asking: set[str] = set()
        try:
            async with asyncio.timeout(self._spec.item_seconds) as limit:
                return await self._history(user_id, asking)
        except TimeoutError:
            if not limit.expired():
                raise
            slow = sorted(asking)
            names = " and ".join(slow) or "the services"
            message = f"{names} took longer than the {self._spec.item_seconds:g} s that one item may take"
            raise ServiceFailed(message, dependency=slow[0] if slow else None) from None

    async def _history(self, user_id: str, asking: set[str]) -> HistoryFacts:
        found = await self._purchases(user_id, asking)
        catalogue = await self._catalogue(found, asking)
        loaded = Loaded(at=to_millis(self._clock.now()), by=self._spec.job_key)
        return facts_of(user_id, found, catalogue, loaded)

    async def _purchases(self, user_id: str, asking: set[str]) -> Purchases:
        """Receipts and orders side by side; the failure of either cancels the other."""
        try:
            async with asyncio.TaskGroup() as group:
                receipts = group.create_task(self._receipts(user_id, asking))
                orders = group.create_task(self._orders(user_id, asking))
        except BaseExceptionGroup as failures:
            raise first_error(failures) from None
        summaries, details = orders.result()
        return purchases_of(receipts.result(), summaries, details, self._spec.window)

    async def _receipts(self, user_id: str, asking: set[str]) -> list[Receipt]:
        client = self._services.receipts
        asking.add(client.service.name)
        await client.service.turn()
        since, until = self._spec.window
        receipts = await client.receipts(user_id, since, until)
        asking.remove(client.service.name)
        return receipts

    async def _orders(self, user_id: str, asking: set[str]) -> tuple[list[OrderSummary], list[Order]]:
        client = self._services.orders
        asking.add(client.service.name)
        await client.service.turn()
        window = self._spec.window
        summaries = await client.summaries(user_id, window.since)
        details = await client.orders(user_id, orders_to_fetch(summaries, window))
        asking.remove(client.service.name)
        return summaries, details

    async def _catalogue(self, found: Purchases, asking: set[str]) -> Catalogue:
        products = self._services.products
        asking.add(products.service.name)
        known = await products.get(found.purchases)
        asking.remove(products.service.name)
        categories = self._services.categories
        if categories is None:
            return Catalogue(known, {})
        asking.add(categories.service.name)
        mentioned = {product.fact.category_id.value for product in known.values() if product.fact.category_id}
        return Catalogue(known, await categories.get(mentioned))
