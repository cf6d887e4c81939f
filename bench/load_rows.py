"""The row about a whole load: our processor time for a user, against a bare client and bare inserts."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from bench.embedded_rows import TINY_USERS, Batch, bare_rows, insert
from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from bench.sample import LOADED_AT, Sample, histories
from retrograph.cli.session import spare_the_interpreter
from retrograph.config import Settings
from retrograph.jobs.state import JobState
from retrograph.service import StartRequest
from retrograph.upstream.purchase_history import Receipt
from retrograph.upstream.shop_orders import Order, OrderSummary
from retrograph.wiring.purchases import users_inline
from retrograph.wiring.service import open_service
from tests.integration.command_line import sandbox

AT_ONCE: Final = 16
WINDOW: Final = {"as_of": "2018-01-02", "lookback_days": 3650}
_PRODUCTS_AT_ONCE: Final = 100


class _Page(msgspec.Struct):
    purchases: list[Receipt]
    next_cursor: str | None


class _List(msgspec.Struct):
    transactions: list[OrderSummary]


class _Product(msgspec.Struct, gc=False):
    fido: str
    name: str | None = None
    brand: str | None = None
    categoryId: str | None = None  # noqa: N815


class _Products(msgspec.Struct):
    products: list[_Product]


_page = msgspec.json.Decoder(_Page).decode
_list = msgspec.json.Decoder(_List).decode
_order = msgspec.json.Decoder(Order).decode
_products = msgspec.json.Decoder(_Products).decode


class _Bare:
    """Asks what a load asks, decodes it, and keeps nothing but what it has asked for already."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._products: set[str] = set()
        self._categories: set[str] = set()

    async def user(self, user_id: str) -> None:
        receipts, orders = await asyncio.gather(self._receipts(user_id), self._orders(user_id))
        bought = {item.product_id for receipt in receipts for item in receipt.items}
        bought |= {line.product_id for order in orders for line in order.lines}
        fresh = iter(bought - self._products)
        self._products |= bought
        while some := list(islice(fresh, _PRODUCTS_AT_ONCE)):
            body = msgspec.json.encode({"ids": some})
            told = _products(await self._asked("POST", "/v1/products:batchGet", body))
            named = {product.categoryId for product in told.products if product.categoryId} - self._categories
            self._categories |= named
            for category_id in named:
                msgspec.json.decode(await self._asked("GET", f"/v1/categories/{category_id}"))

    async def _receipts(self, user_id: str) -> list[Receipt]:
        window = "since=2008-01-05T00:00:00.000Z&until=2018-01-02T00:00:00.000Z&limit=500"
        path = f"/v1/users/{user_id}/purchases?{window}"
        page = _page(await self._asked("GET", path))
        found = page.purchases
        while page.next_cursor is not None:
            page = _page(await self._asked("GET", f"{path}&cursor={page.next_cursor}"))
            found += page.purchases
        return found

    async def _orders(self, user_id: str) -> list[Order]:
        listed = _list(await self._asked("GET", f"/user/{user_id}/transaction?startTimeMs=0"))
        wanted = (order.order_id for order in listed.transactions if order.status == "VALIDATED")
        return [_order(await self._asked("GET", f"/internal/transaction/{order_id}/button")) for order_id in wanted]

    async def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        async with self._session.request(method, self._url + path, data=body) as answer:
            if answer.status == 404 and "/purchases?" in path:  # who has orders only is unknown here
                return b'{"purchases":[],"next_cursor":null}'
            assert answer.status == 200, (answer.status, path)
            return await answer.read()


async def _fetch(url: str, user_ids: list[str]) -> None:
    waiting: Iterator[str] = iter(user_ids)

    async def worker(bare: _Bare) -> None:
        for user_id in waiting:
            await bare.user(user_id)

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, asyncio.TaskGroup() as group:
        bare = _Bare(session, url)
        for _ in range(AT_ONCE):
            group.create_task(worker(bare))


@asynccontextmanager
async def _whole(options: Options) -> AsyncIterator[Sides]:
    spare_the_interpreter()
    sample = Sample(TINY_USERS if options.tiny else None)
    users = histories(sample.lines)
    ids = [user.user_id for user in users]
    facts = [sample.facts(user, loaded_at=LOADED_AT) for user in users]
    batches: list[Batch] = bare_rows(sample, facts)
    purchases = sum(user.size for user in users)
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as url:

        async def ours() -> Lap:
            watch = Stopwatch()
            with tempfile.TemporaryDirectory() as place:
                file = f"sqlite:///{place}/retrograph.db"
                settings = Settings.model_validate({"graph": file, "store": file, "upstream": url})
                async with open_service(settings, starts=True, graph=True) as service:
                    given = {**WINDOW, "rate_limit": 10_000, "concurrency": AT_ONCE}
                    request = StartRequest(
                        kind="purchases", source=await users_inline(ids), parameters=given, who="bench"
                    )
                    with watch.running():
                        job = await service.run(await service.start(request))
                    assert (job.state, job.counts.processed) == (JobState.SUCCEEDED, len(ids)), job
            return watch.lap(len(ids), **{"CPU ms a user": 1e3 * watch.cpu / len(ids)})

        async def reference() -> Lap:
            watch = Stopwatch()
            with watch.running():
                await _fetch(url, ids)
            with tempfile.TemporaryDirectory() as place:
                assert insert(Path(place) / "bare.db", batches, watch) <= purchases
            return watch.lap(len(ids), **{"CPU ms a user": 1e3 * watch.cpu / len(ids)})

        yield Sides(ours=ours, reference=reference)


def cpu_ratio(ours: Lap, reference: Lap) -> float:
    """How many times the processor time."""
    return (ours.cpu / ours.amount) / (reference.cpu / reference.amount)


ROWS: Final = (
    Row(
        name="load-cpu",
        work="CPU of our process for each user of a whole load, sandbox to embedded graph, without a rate limit",
        reference="a bare aiohttp client that fetches and decodes the same answers, and the bare inserts",
        goal=Goal(bound=2, at_most=True),
        unit="users/s",
        sides=_whole,
        figure=cpu_ratio,
    ),
)
