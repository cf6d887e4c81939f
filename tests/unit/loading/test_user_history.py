"""One user's load against the sandbox: whole or not at all, and every failure names who caused it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from retrograph.clock import MILLIS_PER_DAY, iso, to_millis
from retrograph.errors import (
    ConfigurationError,
    DependencyDown,
    ItemError,
    LeaseLost,
    MalformedAnswer,
    ServiceFailed,
    WriteFailed,
)
from retrograph.facts import Facts, Loaded
from retrograph.jobs.work import Permit
from retrograph.loading.user_history import HistoryServices, HistorySpec, LoadHooks, UserHistoryLoad
from retrograph.sandbox import SERVICES, Faults, Sandbox, SandboxOptions, running
from retrograph.upstream.categories import Categories
from retrograph.upstream.http import Endpoint, Http
from retrograph.upstream.products import Products
from retrograph.upstream.purchase_history import PurchaseHistory
from retrograph.upstream.service import Service
from retrograph.upstream.shop_orders import ShopOrders
from tests.unit.upstream.support import CountingPace, ManualClock, json, rows, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

AS_OF = to_millis(datetime(2018, 1, 2, tzinfo=UTC))
SINCE = AS_OF - 365 * MILLIS_PER_DAY
WINDOW = f"between '{iso(SINCE)[:-1]}' and '{iso(AS_OF - 1)[:-1]}'"


@dataclass
class Recorder:
    """A writer that keeps the facts, or refuses them."""

    facts: list[Facts] = field(default_factory=list)
    failure: Exception | None = None

    async def join(self, facts: Facts, permit: Permit) -> int:
        permit()
        if self.failure is not None:
            raise self.failure
        self.facts.append(facts)
        return 17


@dataclass
class Loading:
    """A load and what is injected into it."""

    load: UserHistoryLoad
    writer: Recorder
    paces: Mapping[str, CountingPace]
    clock: ManualClock
    events: list[str]


@asynccontextmanager
async def loading(
    urls: Mapping[str, str], *, categories: bool = True, item_seconds: float = 600.0, token: str | None = None
) -> AsyncIterator[Loading]:
    clock, writer, events = ManualClock(), Recorder(), list[str]()
    http = Http(clock, chance=lambda: 0.5)
    paces = {name: CountingPace() for name in urls}
    services = {
        name: Service(
            http,
            Endpoint(service=name, url=url, url_setting=f"{name} url", token_setting=f"{name} token", token=token),
            paces[name],
        )
        for name, url in urls.items()
    }

    async def ping_graph() -> None:
        if "graph-down" in events:
            raise DependencyDown("graph", "the graph does not answer")

    async def finish() -> None:
        events.append("finished")

    async def close() -> None:
        events.append("closed")
        await http.close()

    load = UserHistoryLoad(
        HistoryServices(
            receipts=PurchaseHistory(services["purchase-history"]),
            orders=ShopOrders(services["shop-orders"]),
            products=Products(services["products"], clock),
            categories=Categories(services["categories"], clock) if categories else None,
        ),
        writer,
        HistorySpec(job_key="job", as_of=AS_OF, lookback_days=365, item_seconds=item_seconds),
        LoadHooks(ping_graph=ping_graph, finish=finish, close=close),
        clock,
    )
    try:
        yield Loading(load, writer, paces, clock, events)
    finally:
        await load.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(SandboxOptions(unknown_users=2, empty_users=1, paged_users=1, odd_users=5)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def calm(sandbox: Sandbox) -> AsyncIterator[None]:
    """Every test finds the sandbox without faults."""
    yield
    sandbox.faults.set("all", Faults())


def urls_of(sandbox: Sandbox) -> dict[str, str]:
    return {name: sandbox.service_url(name) for name in SERVICES}


def shopper() -> str:
    """A user with receipts, and with orders of every status in the window."""
    found = rows(
        "select user_id from '{0}/shop_orders.parquet'"
        f" where ordered_at {WINDOW} group by 1 having count(distinct status) = 3 order by 1"
    )
    return str(found[0][0])


async def test_the_facts_of_a_user_are_what_the_files_say(sandbox: Sandbox) -> None:
    user_id = shopper()
    expected = rows(
        "select product_id, receipt_id from '{0}/receipts.parquet'"
        f" where user_id = '{user_id}' and purchased_at {WINDOW} union "
        "select product_id, button_order_id from '{0}/shop_orders.parquet'"
        f" where user_id = '{user_id}' and status = 'VALIDATED' and ordered_at {WINDOW}"
    )
    cancelled = rows(
        "select distinct button_order_id from '{0}/shop_orders.parquet'"
        f" where user_id = '{user_id}' and status = 'CANCELLED'"
    )
    async with loading(urls_of(sandbox)) as made:
        outcome = await made.load.load(user_id)
        (facts,) = made.writer.facts
    assert (outcome.status, outcome.refused) == ("processed", {})
    assert outcome.found["purchases"] == len(set(expected))
    assert (outcome.found.get("retractions", 0), outcome.found["edges-written"]) == (len(cancelled), 17)
    assert {(p, r) for p, times in facts.user.purchases.items() for r in times} == {(p, r) for p, r in expected}
    assert facts.user.retracted == {order_id for (order_id,) in cancelled}
    assert facts.user.loaded == Loaded(at=AS_OF, by="job")
    assert {name: pace.turns for name, pace in made.paces.items()} == dict.fromkeys(SERVICES, 1)


@pytest.mark.parametrize("user_id", ["unknown-0000001", "empty-0000001"])
async def test_a_user_without_history_is_processed_and_becomes_a_user(sandbox: Sandbox, user_id: str) -> None:
    async with loading(urls_of(sandbox)) as made:
        outcome = await made.load.load(user_id)
        (facts,) = made.writer.facts
    assert outcome.status == "processed"
    assert (facts.user.user_id, facts.user.size) == (user_id, 0)
    assert made.paces["products"].turns == 0


async def test_without_a_category_service_categories_are_left_alone(sandbox: Sandbox) -> None:
    async with loading(urls_of(sandbox), categories=False) as made:
        await made.load.load(shopper())
        (facts,) = made.writer.facts
    assert facts.shared.categories
    assert all(category.hierarchy is None for category in facts.shared.categories.values())


async def test_a_second_user_asks_only_for_what_is_not_known(sandbox: Sandbox) -> None:
    async with loading(urls_of(sandbox)) as made:
        await made.load.load(shopper())
        await made.load.load(shopper())
        assert made.writer.facts[0] == made.writer.facts[1]
    assert (made.paces["products"].turns, made.paces["categories"].turns) == (1, 1)
    assert made.paces["purchase-history"].turns == 2


def untimed(facts: Facts) -> Facts:
    """The facts without when they were loaded: waiting takes time."""
    return replace(facts, user=replace(facts.user, loaded=None))


async def test_a_load_through_faults_gives_the_same_facts(sandbox: Sandbox) -> None:
    users = [shopper(), "paged-0000001", *list(sandbox.population.user_ids())[:20]]
    async with loading(urls_of(sandbox)) as calm_weather:
        for user_id in users:
            await calm_weather.load.load(user_id)
    sandbox.faults.set("all", Faults(too_many_requests=0.05, server_errors=0.05, dropped=0.02, retry_after="mixed"))
    async with loading(urls_of(sandbox)) as storm:
        for user_id in users:
            await storm.load.load(user_id)
    assert list(map(untimed, storm.writer.facts)) == list(map(untimed, calm_weather.writer.facts))
    assert storm.clock.slept
    assert sum(pace.push_backs for pace in storm.paces.values()) > 0


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_is_down_fails_the_user_whole_and_is_named(sandbox: Sandbox, service: str) -> None:
    sandbox.faults.set(service, Faults(down="unavailable"))
    async with loading(urls_of(sandbox)) as made:
        with pytest.raises(ServiceFailed) as failure:
            await made.load.load(shopper())
        assert failure.value.dependency == service
        assert made.writer.facts == []
        assert {name: await made.load.ping(name) for name in SERVICES} == {name: name != service for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_malformed_answer_fails_the_user_and_names_the_service(sandbox: Sandbox, service: str) -> None:
    sandbox.faults.set(service, Faults(malformed=1.0, flaws=("wrong-type",)))
    async with loading(urls_of(sandbox)) as made:
        with pytest.raises(MalformedAnswer, match=rf"{service}: the answer to /.* is malformed: .*\$") as failure:
            await made.load.load(shopper())
    assert failure.value.dependency == service
    assert made.writer.facts == []


async def test_a_refused_token_fails_the_run_and_not_the_item() -> None:
    async with running(SandboxOptions(token="right")) as closed:
        async with loading(urls_of(closed), token="wrong") as made:
            with pytest.raises(ConfigurationError, match="token") as failure:
                await made.load.load(shopper())
            assert not isinstance(failure.value, ItemError)
            with pytest.raises(ConfigurationError, match="check purchase-history token"):
                await made.load.check()
        async with loading(urls_of(closed), token="right") as made:
            await made.load.check()
            await made.load.load(shopper())


async def test_a_web_site_in_place_of_a_service_is_one_clear_sentence(sandbox: Sandbox) -> None:
    async def page(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="<html></html>", content_type="text/html")

    async with serving(page) as url, loading({**urls_of(sandbox), "products": url}) as made:
        with pytest.raises(ConfigurationError, match=r"products url: products at .* a web page, not JSON"):
            await made.load.check()


async def test_the_failure_of_receipts_cancels_the_orders_at_once() -> None:
    begun = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/user/"):
            begun.set()
            await asyncio.Event().wait()
        await begun.wait()
        return json("{}", 400)

    async with serving(answer) as url, loading(dict.fromkeys(SERVICES, url)) as made:
        with pytest.raises(ServiceFailed, match="was answered with 400") as failure:
            await asyncio.wait_for(made.load.load("u"), 5)
        assert failure.value.dependency == "purchase-history"
        assert made.writer.facts == []


async def test_an_item_has_a_time_in_which_it_must_end() -> None:
    async def never(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/user/"):
            await asyncio.Event().wait()
        return json('{"purchases": [], "next_cursor": null}')

    async with serving(never) as url, loading(dict.fromkeys(SERVICES, url), item_seconds=0.3) as made:
        with pytest.raises(ServiceFailed, match=r"^shop-orders took longer than the 0.3 s that one item") as failure:
            await made.load.load("u")
    assert failure.value.dependency == "shop-orders"


@pytest.mark.parametrize("failure", [WriteFailed("no", dependency="graph"), DependencyDown("graph", "gone")])
async def test_what_the_graph_says_passes_through(sandbox: Sandbox, failure: Exception) -> None:
    async with loading(urls_of(sandbox)) as made:
        made.writer.failure = failure
        with pytest.raises(type(failure)):
            await made.load.load(shopper())


async def test_pings_and_hooks_reach_what_they_stand_for(sandbox: Sandbox) -> None:
    async with loading(urls_of(sandbox)) as made:
        assert await made.load.ping("graph")
        made.events.append("graph-down")
        assert not await made.load.ping("graph")
        assert await made.load.ping("nobody")
        await made.load.finish()
    assert made.events == ["graph-down", "finished", "closed"]


async def test_users_that_load_side_by_side_share_what_they_ask_for(sandbox: Sandbox) -> None:
    users = list(sandbox.population.user_ids())[:30]
    async with loading(urls_of(sandbox)) as one_by_one:
        for user_id in users:
            await one_by_one.load.load(user_id)
    sandbox.requests.reset()
    async with loading(urls_of(sandbox)) as together:
        await asyncio.gather(*(together.load.load(user_id) for user_id in [*users, *users]))
    by_user: dict[str, list[Any]] = {}
    for facts in together.writer.facts:
        by_user.setdefault(facts.user.user_id, []).append(facts)
    assert by_user == {facts.user.user_id: [facts, facts] for facts in one_by_one.writer.facts}


async def test_a_lease_that_ended_while_history_came_in_begins_no_write(sandbox: Sandbox) -> None:
    def lost() -> None:
        raise LeaseLost("it ran out")

    async with loading(urls_of(sandbox)) as made:
        with pytest.raises(LeaseLost):
            await made.load.load(shopper(), lost)
        assert made.writer.facts == []
