"""Every fault, as a client meets it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from retrograph.sandbox import SERVICES, Faults, Latency, SandboxOptions, read_plan
from tests.unit.sandbox.asking import Asker, Reply, asking, sql

ASK: dict[str, Callable[[Asker], Awaitable[Reply]]] = {
    "purchase-history": lambda asker: asker.purchases("hh-0001"),
    "shop-orders": lambda asker: asker.ask("/user/hh-0008/transaction?startTimeMs=0"),
    "products": lambda asker: asker.products(["000453e4-8ad6-5910-b5b9-2127e124fe3a"]),
    "categories": lambda asker: asker.ask("/v1/categories/001ae436-65e7-51e5-b7fa-2e268e1ba758"),
}

USERS = [row[0] for row in sql("SELECT DISTINCT user_id FROM receipts ORDER BY 1 LIMIT 100")]


def faulty(service: str = "all", seed: int = 0, **faults: Any) -> SandboxOptions:
    return SandboxOptions(faults={service: Faults(**faults)}, seed=seed)


async def outcome(asker: Asker, user_id: str) -> int | str:
    try:
        return (await asker.purchases(user_id)).status
    except aiohttp.ServerDisconnectedError:
        return "before"
    except aiohttp.ClientPayloadError:
        return "within"
    except aiohttp.ClientOSError:
        return "before"


async def outcomes(asker: Asker, tries: int = 400) -> list[int | str]:
    return [await outcome(asker, USERS[number % 100]) for number in range(tries)]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_fault_of_one_service_is_not_the_others(service: str) -> None:
    async with asking(faulty(service, too_many_requests=1.0)) as asker:
        statuses = {name: (await ask(asker)).status for name, ask in ASK.items()}
    assert statuses == {name: 429 if name == service else 200 for name in SERVICES}


async def test_all_stands_for_the_services_that_are_not_named() -> None:
    faults = {"all": Faults(too_many_requests=1.0), "products": Faults()}
    async with asking(SandboxOptions(faults=faults)) as asker:
        assert (await ASK["categories"](asker)).status == 429
        assert (await ASK["products"](asker)).status == 200


async def test_retry_after_is_written_in_seconds() -> None:
    async with asking(faulty(too_many_requests=1.0, retry_after_seconds=7)) as asker:
        reply = await asker.purchases("hh-0001")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")


async def test_retry_after_is_written_as_a_date() -> None:
    async with asking(faulty(too_many_requests=1.0, retry_after="date", retry_after_seconds=60)) as asker:
        reply = await asker.purchases("hh-0001")
    ahead = parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() - time.time()
    assert 50 < ahead <= 61


async def test_retry_after_can_be_missing() -> None:
    async with asking(faulty(too_many_requests=1.0, retry_after="none")) as asker:
        assert "Retry-After" not in (await asker.purchases("hh-0001")).headers


async def test_retry_after_can_be_mixed() -> None:
    async with asking(faulty(too_many_requests=1.0, retry_after="mixed")) as asker:
        headers = [(await asker.purchases("hh-0001")).headers.get("Retry-After", "-") for _ in range(60)]
    assert {"1" if header == "1" else header[-3:] for header in headers} == {"1", "GMT", "-"}


async def test_the_shares_are_met() -> None:
    shares: dict[str, Any] = {
        "too_many_requests": 0.2,
        "server_errors": 0.2,
        "dropped": 0.1,
        "server_error_statuses": (500, 503),
    }
    async with asking(faulty(**shares)) as asker:
        counts = Counter(await outcomes(asker, 1_000))
    assert set(counts) == {200, 429, 500, 503, "before", "within"}
    assert 430 < counts[200] < 570
    assert 150 < counts[429] < 250
    assert 70 < counts[500] < 130
    assert 70 < counts[503] < 130
    assert 20 < counts["before"] < 80
    assert 20 < counts["within"] < 80


async def test_the_same_seed_fails_the_same_requests_and_another_one_others() -> None:
    shares: dict[str, Any] = {"too_many_requests": 0.2, "server_errors": 0.2, "dropped": 0.1}
    found = []
    for seed in (1, 1, 2):
        async with asking(faulty(seed=seed, **shares)) as asker:
            found.append(await outcomes(asker))
    assert found[0] == found[1]
    assert found[0] != found[2]


async def test_concurrency_does_not_change_which_requests_fail() -> None:
    options = faulty(server_errors=0.3, latency=Latency(fixed_ms=0, jitter_ms=5))
    async with asking(options) as asker:
        alone = [await outcome(asker, user) for user in USERS]
    async with asking(options) as asker:
        together = await asyncio.gather(*(outcome(asker, user) for user in reversed(USERS)))
    assert alone == list(reversed(together))


async def test_a_retry_is_a_new_draw() -> None:
    async with asking(faulty(server_errors=0.5)) as asker:
        assert {await outcome(asker, "hh-0001") for _ in range(40)} > {200, 503}


async def test_batches_of_products_are_drawn_for_by_what_they_ask() -> None:
    batches = [[f"id-{number}"] for number in range(50)]
    async with asking(faulty(server_errors=0.5)) as asker:
        forwards = [(await asker.products(batch)).status for batch in batches]
    async with asking(faulty(server_errors=0.5)) as asker:
        backwards = [(await asker.products(batch)).status for batch in reversed(batches)]
    assert forwards == list(reversed(backwards))
    assert len(set(forwards)) > 1


@pytest.mark.parametrize("service", SERVICES)
async def test_a_truncated_body_is_no_json(service: str) -> None:
    async with asking(faulty(malformed=1.0, flaws=("truncated",))) as asker:
        with pytest.raises(ValueError, match=r"JSON|delimiter|Unterminated|Expecting"):
            await ASK[service](asker)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_body_can_be_html(service: str) -> None:
    async with asking(faulty(malformed=1.0, flaws=("html",))) as asker:
        reply = await ASK[service](asker)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html>" in reply.body


@pytest.mark.parametrize(
    ("service", "field"),
    [
        ("purchase-history", "purchases"),
        ("shop-orders", "transactions"),
        ("products", "products"),
        ("categories", "hierarchy"),
    ],
)
async def test_a_body_can_have_a_wrong_type(service: str, field: str) -> None:
    async with asking() as asker:
        assert isinstance((await ASK[service](asker)).json[field][0], dict)
        await asker.ask("/sandbox/faults", "PUT", json={"malformed": 1, "flaws": ["wrong-type"]})
        wrong = await ASK[service](asker)
    assert wrong.status == 200
    assert not (isinstance(wrong.json[field], list) and isinstance(wrong.json[field][0], dict))


async def test_a_body_can_break_utf_8() -> None:
    async with asking(faulty(malformed=1.0, flaws=("not-utf-8",))) as asker:
        with pytest.raises(UnicodeDecodeError):
            await asker.purchases("hh-0001")


async def test_a_body_can_be_empty() -> None:
    async with asking(faulty(malformed=1.0, flaws=("empty",))) as asker:
        reply = await asker.purchases("hh-0001")
    assert (reply.status, reply.body) == (200, b"")


async def test_a_named_user_always_fails_and_nobody_else() -> None:
    async with asking(faulty(failing_users={"hh-0008": 502})) as asker:
        assert [await outcome(asker, "hh-0008") for _ in range(5)] == [502] * 5
        assert (await asker.ask("/user/hh-0008/transaction")).status == 502
        assert (await asker.transaction("bo-538509")).status == 502
        assert await outcome(asker, "hh-0001") == 200
        assert (await ASK["products"](asker)).status == 200


async def test_a_service_that_is_unavailable_answers_503_with_its_health() -> None:
    async with asking(faulty("products", down="unavailable")) as asker:
        assert (await ASK["products"](asker)).status == 503
        assert (await asker.ask("/products/health")).status == 503
        assert (await asker.ask("/categories/health")).status == 200
        common = await asker.ask("/health")
        assert (common.status, common.json) == (503, {"error": "down: products"})
        assert (await ASK["categories"](asker)).status == 200


async def test_a_service_that_refuses_cuts_every_connection() -> None:
    async with asking(faulty("products", down="refused")) as asker:
        for path in ("/products/health", "/health"):
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await asker.ask(path)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await ASK["products"](asker)
        assert (await asker.ask("/categories/health")).status == 200


async def test_latency_holds_every_answer_back() -> None:
    async with asking(faulty(latency=Latency(fixed_ms=60), too_many_requests=0.5)) as asker:
        for _ in range(6):
            before = time.monotonic()
            await asker.purchases("hh-0001")
            assert time.monotonic() - before >= 0.06


async def test_a_slow_answer_holds_back_nobody_else() -> None:
    async with asking(faulty("products", latency=Latency(fixed_ms=600_000))) as asker:
        slow = asyncio.create_task(asker.products([]))
        assert (await ASK["categories"](asker)).status == 200
        assert not slow.done()
        slow.cancel()


async def test_a_client_that_does_not_wait_is_counted() -> None:
    async with asking(faulty("products", latency=Latency(fixed_ms=600_000))) as asker:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asker.products([])
        async with asyncio.timeout(5):
            while (await asker.ask("/sandbox/requests")).json["requests"] == 0:
                pass
        counts = (await asker.ask("/sandbox/requests")).json["services"]["products"]
    assert (counts["answers"], counts["peak_under_way"]) == ({"abandoned": 1}, 1)


def test_a_spread_has_its_median_and_its_tail() -> None:
    latency = Latency(min_ms=10, median_ms=30, p99_ms=500)
    assert latency.seconds(0.0) == pytest.approx(0.010, abs=0.001)
    assert latency.seconds(0.5) == pytest.approx(0.030)
    assert latency.seconds(0.99) == pytest.approx(0.500)
    assert 0.030 < latency.seconds(0.9) < 0.500


def test_a_fixed_latency_grows_by_its_jitter() -> None:
    assert Latency(fixed_ms=10, jitter_ms=20).seconds(0.0) == pytest.approx(0.010)
    assert Latency(fixed_ms=10, jitter_ms=20).seconds(0.5) == pytest.approx(0.020)


async def test_a_sandbox_may_start_with_faults_from_a_document() -> None:
    plan = read_plan(msgspec.json.decode(b'{"all": {"too_many_requests": 1}, "products": {}}'))
    async with asking(SandboxOptions(faults=plan)) as asker:
        assert (await ASK["categories"](asker)).status == 429
        assert (await ASK["products"](asker)).status == 200
