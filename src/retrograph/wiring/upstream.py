"""From settings to the clients of the services that history is read from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

from pydantic import SecretStr

from retrograph.clock import Clock, SystemClock
from retrograph.config import Endpoint, Settings
from retrograph.errors import DependencyDown
from retrograph.jobs.definitions import SERVICE_RATE
from retrograph.jobs.pacing import Pacer
from retrograph.loading.enrichment import Enrichment
from retrograph.loading.user_history import HistoryServices
from retrograph.upstream.categories import Categories
from retrograph.upstream.http import CallWatcher, Http, HttpLimits, Pace
from retrograph.upstream.http import Endpoint as ClientEndpoint
from retrograph.upstream.products import Products
from retrograph.upstream.purchase_history import PurchaseHistory
from retrograph.upstream.service import Service
from retrograph.upstream.shop_orders import ShopOrders

Client = PurchaseHistory | ShopOrders | Products | Categories

PATIENCE_SECONDS = 10.0
"""How long a look at a service may take, retries included; a load is more patient."""

_UNHURRIED = 1_000.0
"""The pace, in calls a second, of the few calls that only look whether a service is there."""


def http_client(settings: Settings, clock: Clock) -> Http:
    """The one session that all services share."""
    limits = HttpLimits(connect_seconds=settings.http.connect_seconds, read_seconds=settings.http.read_seconds)
    return Http(clock, limits=limits)


def history_services(
    settings: Settings,
    http: Http,
    pace: Callable[[str], Pace],
    clock: Clock,
    watcher: CallWatcher | None = None,
) -> HistoryServices:
    """The clients, each with a pace of its own. Raises ConfigurationError for a service that is not configured."""

    def service(endpoint: Endpoint) -> Service:
        return Service(http, _client_endpoint(settings, endpoint), pace(endpoint.service), watcher)

    receipts = PurchaseHistory(service(settings.required_endpoint("purchase_history")))
    orders = ShopOrders(service(settings.required_endpoint("shop_orders")))
    products, categories = _catalogues(settings, service, clock)
    return HistoryServices(receipts=receipts, orders=orders, products=products, categories=categories)


@asynccontextmanager
async def open_enrichment(settings: Settings, clock: Clock) -> AsyncIterator[Enrichment]:
    """Who is asked about products of live events. Raises ConfigurationError for a service that is not configured."""
    http = http_client(settings, clock)

    def service(endpoint: Endpoint) -> Service:
        return Service(http, _client_endpoint(settings, endpoint), Pacer(clock, SERVICE_RATE))

    products, categories = _catalogues(settings, service, clock)
    try:
        yield Enrichment(products, categories, clock)
    finally:
        await products.close()
        if categories is not None:
            await categories.close()
        await http.close()


def _catalogues(
    settings: Settings, service: Callable[[Endpoint], Service], clock: Clock
) -> tuple[Products, Categories | None]:
    categories = settings.endpoint("categories")
    products = Products(service(settings.required_endpoint("products")), clock)
    return products, Categories(service(categories), clock) if categories else None


async def check_upstream(settings: Settings) -> None:
    """Sees, before anything is written, that every service that answers is what it should be and lets us in.

    One that does not answer is left to the job, which waits for it. Raises ConfigurationError.
    """
    async with probing(settings) as services, asyncio.TaskGroup() as group:
        for client in clients_of(services):
            group.create_task(_check(client))


async def _check(client: Client) -> None:
    with suppress(DependencyDown):
        await look_at(client)


async def look_at(client: Client) -> None:
    """Raises DependencyDown where a service does not answer soon, ConfigurationError where it is not what it should
    be, or refuses us."""
    name = client.service.name
    if not await client.service.ping():
        raise DependencyDown(name, f"{name} does not answer its ping")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await client.check()
    except TimeoutError:
        raise DependencyDown(name, f"{name} answers its ping, but nothing else in {PATIENCE_SECONDS:.0f} s") from None


def clients_of(services: HistoryServices) -> Iterator[Client]:
    """Those of the clients that are configured."""
    yield from (services.receipts, services.orders, services.products)
    if services.categories is not None:
        yield services.categories


@asynccontextmanager
async def probing(settings: Settings) -> AsyncIterator[HistoryServices]:
    clock = SystemClock()
    http = http_client(settings, clock)
    try:
        services = history_services(settings, http, lambda _: Pacer(clock, _UNHURRIED), clock)
        yield services
    finally:
        await http.close()


def _client_endpoint(settings: Settings, endpoint: Endpoint) -> ClientEndpoint:
    return ClientEndpoint(
        service=endpoint.service,
        url=endpoint.url,
        url_setting=endpoint.url_setting,
        token_setting=endpoint.token_setting,
        token=_plain(endpoint.token),
        token_file=endpoint.token_file,
        health_path=settings.http.health_path,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
