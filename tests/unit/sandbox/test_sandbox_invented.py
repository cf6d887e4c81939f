"""Invented users: what no file holds, the same for the same seed."""

import json
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.sandbox import SandboxError, SandboxOptions, running
from retrograph.sandbox.likeness import Popularity
from tests.unit.sandbox.asking import Asker, asking, sql, write_files

MANY = SandboxOptions(users=600)


async def everything(asker: Asker, user_id: str) -> Any:
    """All that the services say of a user."""
    orders = await asker.transactions(user_id)
    details = [(await asker.transaction(order["buttonOrderId"])).json for order in orders]
    return await asker.history(user_id), orders, details


async def test_a_user_follows_from_seed_and_id_alone() -> None:
    async with asking(SandboxOptions(users=9, paged_users=1, seed=4)) as asker:
        first = [await everything(asker, user) for user in ("inv-0000001", "inv-0000002", "paged-0000001")]
    async with asking(SandboxOptions(users=500, paged_users=2, both_users=3, seed=4)) as asker:
        again = [await everything(asker, user) for user in ("paged-0000001", "inv-0000002", "inv-0000001")]
    async with asking(SandboxOptions(users=9, paged_users=1, seed=5)) as asker:
        other = [await everything(asker, user) for user in ("inv-0000001", "inv-0000002", "paged-0000001")]
    assert first == list(reversed(again))
    assert all(one != another for one, another in zip(first, other, strict=True))
    assert first[0] != first[1]


async def test_there_are_as_many_users_as_asked_for() -> None:
    async with asking(SandboxOptions(users=2)) as asker:
        assert [(await asker.purchases(f"inv-000000{number}")).status for number in range(4)] == [404, 200, 200, 404]
        for user_id in ("inv-1", "inv-00000001", "inv-", "inv-000000²", "both-0000001", "inv"):
            assert (await asker.purchases(user_id)).status == 404
            assert await asker.transactions(user_id) == []
        for order_id in (
            "bo-inv-0000001-999999",
            "bo-inv-0000003-000000",
            "bo-inv-0000001-0",
            "bo-x",
            "inv-0000001-000000",
        ):
            assert (await asker.transaction(order_id)).status == 404


async def test_the_distributions_are_the_samples() -> None:
    per_user = "SELECT count(DISTINCT receipt_id), count(*) FROM receipts GROUP BY user_id"
    receipts, lines = zip(*sql(per_user), strict=True)
    shoppers = sql("SELECT count(DISTINCT user_id) FROM shop_orders")[0][0] / len(receipts)
    bought_again = sql("SELECT avg(n) FROM (SELECT count(*) n FROM receipts GROUP BY user_id, product_id)")[0][0]
    found: list[tuple[int, int, int, int]] = []
    async with asking(MANY) as asker:
        for number in range(1, MANY.users + 1):
            history = await asker.history(f"inv-{number:07d}")
            products = [item["product_id"] for receipt in history for item in receipt["items"]]
            orders = await asker.transactions(f"inv-{number:07d}")
            found.append((len(history), len(products), len(set(products)), len(orders) > 0))
    made = [sum(column) for column in zip(*found, strict=True)]
    assert made[0] / MANY.users == pytest.approx(statistics.mean(receipts), rel=0.2)
    assert made[1] / MANY.users == pytest.approx(statistics.mean(lines), rel=0.2)
    assert made[1] / made[2] == pytest.approx(bought_again, rel=0.1)
    assert made[3] / MANY.users == pytest.approx(shoppers, abs=0.06)
    assert len({row[0] for row in found}) > 40


async def test_an_invented_user_is_whole() -> None:
    """Receipts in order and within the sample's time, ids of its own, products and names of the catalogue."""
    known = dict(sql("SELECT product_id, name FROM products"))
    unknown = {row[0] for row in sql("SELECT product_id FROM receipts ANTI JOIN products USING (product_id)")}
    receipt_ids: list[str] = []
    async with asking(SandboxOptions(users=30)) as asker:
        for number in range(1, 31):
            history, orders, details = await everything(asker, f"inv-{number:07d}")
            times = [receipt["purchased_at"] for receipt in history]
            assert times == sorted(times, reverse=True)
            assert all("2016-12-31" <= time < "2018-01-02" for time in times)
            receipt_ids += [receipt["receipt_id"] for receipt in history]
            items = [(item["product_id"], item["description"]) for receipt in history for item in receipt["items"]]
            lines = [(line["fido"], line["description"]) for detail in details for line in detail["lineItems"]]
            assert all(known.get(product) == name or product in unknown for product, name in items + lines)
            for receipt in history:
                assert len({item["product_id"] for item in receipt["items"]}) == len(receipt["items"])
            for order, detail in zip(orders, details, strict=True):
                assert order.items() <= detail.items()
                assert detail["userId"] == f"inv-{number:07d}"
    assert len(set(receipt_ids)) == len(receipt_ids)


async def test_an_invented_user_does_not_buy_when_its_original_does() -> None:
    times = {row[0] for row in sql("SELECT epoch_ms(ordered_at) FROM shop_orders")}
    async with asking(SandboxOptions(both_users=20)) as asker:
        orders = [order for number in range(1, 21) for order in await asker.transactions(f"both-{number:07d}")]
    moved = [order for order in orders if order["createdAtMs"] not in times]
    assert len(moved) > 0.9 * len(orders) > 0


@given(count=st.integers(1, 60), mask=st.integers(0, 2**64 - 1))
def test_a_swap_of_products_is_one_to_one_among_neighbours(count: int, mask: int) -> None:
    products = tuple(f"p-{number}" for number in range(count))
    swapped = [Popularity(products).swap(mask)(product) for product in products]
    assert sorted(swapped) == sorted(products)
    assert all(place // 16 == products.index(product) // 16 for place, product in enumerate(swapped))


def test_users_swap_products_each_in_their_own_way() -> None:
    popularity = Popularity(tuple("abcdefghijklmnop"))
    assert len({popularity.swap(mask)("a") for mask in range(64)}) == 16


async def test_an_empty_user_is_known_and_has_nothing() -> None:
    async with asking(SandboxOptions(empty_users=1, unknown_users=1)) as asker:
        reply = await asker.purchases("empty-0000001")
        assert (reply.status, reply.json) == (200, {"purchases": [], "next_cursor": None})
        assert await asker.transactions("empty-0000001") == []
        assert (await asker.purchases("unknown-0000001")).status == 404
        assert await asker.transactions("unknown-0000001") == []


async def test_a_paged_user_has_several_pages_and_more_than_50_orders() -> None:
    async with asking(SandboxOptions(paged_users=1)) as asker:
        whole = await asker.history("paged-0000001")
        by_200 = await asker.history("paged-0000001", limit=200)
        orders = await asker.transactions("paged-0000001")
    assert len(whole) == len({receipt["receipt_id"] for receipt in whole}) == 1_200
    assert by_200 == whole
    assert [receipt["purchased_at"] for receipt in whole] == sorted(
        (receipt["purchased_at"] for receipt in whole), reverse=True
    )
    assert len(orders) > 50


async def test_a_heavy_user_has_100_000_receipts_in_a_year() -> None:
    async with asking(SandboxOptions(heavy_users=1)) as asker:
        seen: set[str] = set()
        last, pages = "9", 0
        more: dict[str, str] | None = {}
        while more is not None:
            page = (await asker.purchases("heavy-0000001", limit=500, **more)).json
            times = [receipt["purchased_at"] for receipt in page["purchases"]]
            assert [last, *times] == sorted([last, *times], key=_sortable, reverse=True)
            seen.update(receipt["receipt_id"] for receipt in page["purchases"])
            last, pages = times[-1], pages + 1
            more = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert len(await asker.transactions("heavy-0000001")) == 288
    assert (len(seen), pages) == (100_000, 200)


def _sortable(instant: str) -> str:
    return instant.removesuffix("Z") if "." in instant else instant.replace("Z", ".000")


async def test_a_both_user_bought_a_product_by_receipt_and_by_order() -> None:
    async with asking(SandboxOptions(both_users=20)) as asker:
        for number in range(1, 21):
            history, _, details = await everything(asker, f"both-{number:07d}")
            bought = {item["product_id"] for receipt in history for item in receipt["items"]}
            validated = [detail for detail in details if detail["status"] == "VALIDATED"]
            ordered = {line["fido"] for detail in validated for line in detail["lineItems"]}
            assert bought & ordered
            for detail in details:
                assert len({line["fido"] for line in detail["lineItems"]}) == len(detail["lineItems"]) > 0


async def test_an_odd_user_has_an_id_that_must_be_encoded() -> None:
    async with asking(SandboxOptions(odd_users=30, list_file_users=False)) as asker:
        ids = (await asker.ask("/sandbox/users")).body.decode().splitlines()
        found = [await everything(asker, user_id) for user_id in ids]
    assert all(character in ids[0] for character in "/ %ü")
    assert sum(len(history) for history, _, _ in found) > 0
    assert sum(len(details) for _, _, details in found) > 0


async def test_the_products_of_a_page_do_not_depend_on_how_it_is_asked_for() -> None:
    async with asking(SandboxOptions(heavy_users=1)) as asker:
        window: dict[str, Any] = {"since": "2017-03-01T00:00:00Z", "until": "2017-03-02T00:00:00Z"}
        whole = await asker.history("heavy-0000001", **window)
        by_seven = await asker.history("heavy-0000001", limit=7, **window)
    assert 200 < len(whole) < 350
    assert json.dumps(whole) == json.dumps(by_seven)


@pytest.mark.parametrize("options", [{"users": 1}, {"paged_users": 1}, {"both_users": 1}])
async def test_users_cannot_be_invented_from_nothing(options: dict[str, int], tmp_path: Any) -> None:
    write_files(tmp_path)
    with pytest.raises(SandboxError, match="cannot be invented"):
        async with running(SandboxOptions(data=tmp_path, **options)):  # type: ignore[arg-type]
            pass
