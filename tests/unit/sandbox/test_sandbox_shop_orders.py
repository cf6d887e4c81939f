"""The Button Transaction Service against the file of shop orders."""

import pytest

from tests.unit.sandbox.asking import asking, sql

THE_BUSIEST = sql("SELECT user_id FROM shop_orders GROUP BY 1 ORDER BY count(DISTINCT button_order_id) DESC LIMIT 1")[
    0
][0]

LINES = """
SELECT button_order_id, list({'fido': o.product_id, 'quantity': quantity, 'amount': amount, 'description': p.name}
            ORDER BY o.product_id)
FROM shop_orders o LEFT JOIN products p USING (product_id) GROUP BY 1"""


async def test_every_user_has_the_orders_of_the_file() -> None:
    rows = sql("SELECT DISTINCT user_id, button_order_id, status, epoch_ms(ordered_at) FROM shop_orders")
    users = [row[0] for row in sql("SELECT DISTINCT user_id FROM receipts")]
    found = []
    async with asking() as asker:
        for user_id in users:
            for order in await asker.transactions(user_id):
                assert set(order) == {"buttonOrderId", "status", "createdAtMs"}
                found.append((user_id, order["buttonOrderId"], order["status"], order["createdAtMs"]))
    assert sorted(found) == sorted(rows)


async def test_the_start_is_taken_in() -> None:
    times = [
        row[0] for row in sql(f"SELECT DISTINCT epoch_ms(ordered_at) FROM shop_orders WHERE user_id = '{THE_BUSIEST}'")
    ]
    start = sorted(times)[len(times) // 2]
    expected = {
        row[0]
        for row in sql(
            "SELECT button_order_id FROM shop_orders WHERE user_id = ? AND epoch_ms(ordered_at) >= ?",
            THE_BUSIEST,
            start,
        )
    }
    async with asking() as asker:
        found = await asker.transactions(THE_BUSIEST, start)
        later = await asker.transactions(THE_BUSIEST, start + 1)
    assert {order["buttonOrderId"] for order in found} == expected
    assert len(later) < len(found)


async def test_a_user_nobody_knows_has_no_orders() -> None:
    async with asking() as asker:
        assert await asker.transactions("nobody") == []


@pytest.mark.parametrize("start", ["soon", "1.5", "", "9" * 30])
async def test_a_start_that_is_no_number_is_refused(start: str) -> None:
    async with asking() as asker:
        reply = await asker.ask(f"/user/hh-0008/transaction?startTimeMs={start}")
    assert reply.status == 400
    assert "startTimeMs" in reply.json["error"]


async def test_an_order_in_full_is_what_the_file_holds() -> None:
    rows = sql(
        "SELECT DISTINCT button_order_id, user_id, status, epoch_ms(ordered_at), retailer FROM shop_orders "
        "WHERE user_id IN ('hh-0008', ?)",
        THE_BUSIEST,
    )
    lines = dict(sql(LINES))
    assert {row[2] for row in rows} == {"VALIDATED", "PENDING", "CANCELLED"}
    async with asking() as asker:
        for order_id, user_id, status, created_at, retailer in rows:
            reply = await asker.transaction(order_id)
            assert reply.status == 200
            assert reply.json == {
                "buttonOrderId": order_id,
                "userId": user_id,
                "status": status,
                "createdAtMs": created_at,
                "retailer": {"name": retailer, "channel": "SHOP"},
                "lineItems": lines[order_id],
            }


async def test_an_order_nobody_knows_is_not_found() -> None:
    async with asking() as asker:
        assert (await asker.transaction("bo-0")).status == 404


async def test_an_order_can_be_cancelled_while_the_sandbox_runs() -> None:
    async with asking() as asker:
        path = "/sandbox/orders/bo-538509/status"
        assert (await asker.ask(path)).json["status"] == "VALIDATED"
        changed = await asker.ask(path, "PUT", json={"status": "CANCELLED"})
        assert changed.json == {"buttonOrderId": "bo-538509", "userId": "hh-0008", "status": "CANCELLED"}
        assert (await asker.transaction("bo-538509")).json["status"] == "CANCELLED"
        assert (await asker.transactions("hh-0008"))[0]["status"] == "CANCELLED"
        await asker.ask(path, "DELETE")
        assert (await asker.transaction("bo-538509")).json["status"] == "VALIDATED"


async def test_a_cancelled_order_is_as_it_was_in_the_next_sandbox() -> None:
    async with asking() as asker:
        await asker.ask("/sandbox/orders/bo-538509/status", "PUT", json={"status": "CANCELLED"})
    async with asking() as asker:
        assert (await asker.transaction("bo-538509")).json["status"] == "VALIDATED"


@pytest.mark.parametrize(
    "document", [{}, {"status": "LOST"}, {"status": ["PENDING"]}, {"status": "PENDING", "a": 1}, []]
)
async def test_a_status_that_does_not_exist_is_refused(document: object) -> None:
    async with asking() as asker:
        reply = await asker.ask("/sandbox/orders/bo-538509/status", "PUT", json=document)
        assert reply.status == 400
        assert "error" in reply.json
        assert (await asker.ask("/sandbox/orders/bo-0/status", "PUT", json=document)).status == 404
