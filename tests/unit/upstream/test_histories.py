"""The clients of receipts and orders against the sandbox, and against answers that it never gives."""

import asyncio

import msgspec
import pytest
from aiohttp import web

from retrograph.clock import to_millis
from retrograph.errors import MalformedAnswer, ServiceFailed
from retrograph.sandbox import Sandbox, SandboxOptions, user_ids
from retrograph.upstream.purchase_history import PurchaseHistory
from retrograph.upstream.shop_orders import ShopOrders
from tests.unit.upstream.support import START, asking, json, rows, scripted

pytestmark = pytest.mark.asyncio(loop_scope="package")

UNTIL = to_millis(START)
SINCE = UNTIL - 365 * 86_400_000


async def test_all_pages_of_a_history_are_read(shared_sandbox: Sandbox) -> None:
    async with asking(shared_sandbox.base_url) as asked:
        receipts = await PurchaseHistory(asked.service).receipts("paged-0000001", SINCE - 10**12, UNTIL + 10**12)
    assert len(receipts) == len({receipt.receipt_id for receipt in receipts}) == 1_200


async def test_the_window_is_half_open_and_kept_by_the_service(shared_sandbox: Sandbox) -> None:
    async with asking(shared_sandbox.base_url) as asked:
        history = PurchaseHistory(asked.service)
        instants = sorted(to_millis(r.purchased_at) for r in await history.receipts("paged-0000001", SINCE, UNTIL))
        first, last = instants[0], instants[-1]
        inside = await history.receipts("paged-0000001", first, last)
    assert min(to_millis(receipt.purchased_at) for receipt in inside) == first
    assert max(to_millis(receipt.purchased_at) for receipt in inside) < last


async def test_a_user_nobody_knows_has_no_history(shared_sandbox: Sandbox) -> None:
    async with asking(shared_sandbox.base_url) as asked:
        assert await PurchaseHistory(asked.service).receipts("unknown-0000001", SINCE, UNTIL) == []
        assert await ShopOrders(asked.service).summaries("unknown-0000001", SINCE) == []


async def test_ids_with_any_character_reach_the_service(shared_sandbox: Sandbox) -> None:
    odd = [i for i in user_ids(SandboxOptions(odd_users=5, list_file_users=False)) if not i.isalnum()]
    assert any("/" in i for i in odd)
    assert any("%" in i for i in odd)
    async with asking(shared_sandbox.base_url) as asked:
        for user_id in odd:
            assert await PurchaseHistory(asked.service).receipts(user_id, SINCE - 10**12, UNTIL + 10**12), user_id


def page(cursor: str | None, *receipts: str) -> web.Response:
    made = [
        {"receipt_id": r, "purchased_at": "2017-05-01T00:00:00Z", "retailer": {"name": "A"}, "items": []}
        for r in receipts
    ]
    return json(msgspec.json.encode({"purchases": made, "next_cursor": cursor}).decode())


async def test_a_cursor_that_comes_back_ends_the_load_instead_of_going_round() -> None:
    async with scripted(page("a", "1"), page("b", "2"), page("a", "3")) as (asked, script):
        with pytest.raises(MalformedAnswer, match="the cursor 'a' came twice"):
            await PurchaseHistory(asked.service).receipts("u", SINCE, UNTIL)
    assert len(script.requests) == 3


async def test_a_cursor_is_sent_back_as_it_came() -> None:
    async with scripted(page("a+b/c=&%", "1"), page(None, "2")) as (asked, script):
        await PurchaseHistory(asked.service).receipts("u", SINCE, UNTIL)
    assert script.requests[1].query["cursor"] == "a+b/c=&%"
    assert script.requests[1].query["since"] == "2017-01-02T00:00:00.000Z"


async def test_a_history_that_vanishes_between_pages_fails_the_load() -> None:
    async with scripted(page("a", "1"), json("{}", 404)) as (asked, _):
        with pytest.raises(ServiceFailed, match="404 for a further page"):
            await PurchaseHistory(asked.service).receipts("u", SINCE, UNTIL)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"purchases": []}', "missing required field `next_cursor`"),
        ('{"purchases": [{"receipt_id": 1}], "next_cursor": null}', r"\$.purchases\[0\].receipt_id"),
        (
            '{"purchases": [{"receipt_id": "r", "purchased_at": "yesterday", "retailer": {"name": "A"}, "items": []}],'
            ' "next_cursor": null}',
            r"Invalid RFC3339 encoded datetime - at `\$.purchases\[0\].purchased_at`",
        ),
    ],
)
async def test_a_page_of_the_wrong_shape_says_what_and_where(text: str, where: str) -> None:
    async with scripted(json(text)) as (asked, _):
        with pytest.raises(MalformedAnswer, match=where):
            await PurchaseHistory(asked.service).receipts("u", SINCE, UNTIL)


async def test_an_instant_without_a_zone_counts_as_utc_and_any_offset_is_understood() -> None:
    body = page(None, "1").body
    assert isinstance(body, bytes)
    text = body.decode().replace("2017-05-01T00:00:00Z", "2017-05-01T02:00:00.123456+02:00")
    async with scripted(json(text)) as (asked, _):
        (receipt,) = await PurchaseHistory(asked.service).receipts("u", SINCE, UNTIL)
    assert to_millis(receipt.purchased_at) == 1_493_596_800_123


async def test_orders_come_as_the_files_say(shared_sandbox: Sandbox) -> None:
    ((user_id, count),) = rows(
        "select user_id, count(distinct button_order_id) as orders from '{}/shop_orders.parquet'"
        " group by 1 order by 2 desc limit 1"
    )
    async with asking(shared_sandbox.base_url, service="shop-orders") as asked:
        client = ShopOrders(asked.service)
        summaries = await client.summaries(user_id, SINCE - 10**12)
        orders = await client.orders(user_id, [summary.order_id for summary in summaries])
    assert len(orders) == count
    assert [(o.order_id, o.status, o.created_at) for o in orders] == [
        (s.order_id, s.status, s.created_at) for s in summaries
    ]


@pytest.mark.parametrize(("count", "side_by_side"), [(50, 1), (51, 5)])
async def test_more_than_fifty_orders_are_fetched_five_at_a_time(count: int, side_by_side: int) -> None:
    under_way, most = 0, 0

    async def order(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return detail(request.path.split("/")[3])

    async with scripted(order) as (asked, _):
        ids = [f"o{number}" for number in range(count)]
        orders = await ShopOrders(asked.service).orders("u", ids)
    assert [order.order_id for order in orders] == ids
    assert most <= side_by_side
    assert (most > 1) is (side_by_side > 1)


def detail(order_id: str, user_id: str = "u") -> web.Response:
    return json(
        msgspec.json.encode(
            {
                "buttonOrderId": order_id,
                "userId": user_id,
                "status": "VALIDATED",
                "createdAtMs": SINCE,
                "retailer": {"name": "A", "channel": "SHOP"},
                "lineItems": [],
            }
        ).decode()
    )


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (json("{}", 404), ServiceFailed, "404, although the list of u names the order"),
        (detail("o2"), MalformedAnswer, r"it is the order 'o2' - at `\$.buttonOrderId`"),
        (detail("o1", "someone"), MalformedAnswer, r"it belongs to the user 'someone' - at `\$.userId`"),
        (json('{"buttonOrderId": "o1", "userId": "u", "status": "LOST"}'), MalformedAnswer, "Invalid enum value"),
    ],
)
async def test_an_order_that_is_not_the_one_asked_for_fails_the_load(
    answer: web.Response, error: type[Exception], why: str
) -> None:
    async with scripted(answer) as (asked, _):
        with pytest.raises(error, match=why):
            await ShopOrders(asked.service).orders("u", ["o1"])


async def test_a_list_of_orders_is_never_unknown() -> None:
    async with scripted(json("{}", 404)) as (asked, _):
        with pytest.raises(ServiceFailed, match="404, which its contract does not know"):
            await ShopOrders(asked.service).summaries("u", SINCE)
