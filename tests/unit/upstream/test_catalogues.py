"""The clients of products and categories against the sandbox, and against answers that it never gives."""

import msgspec
import pytest
from aiohttp import web

from retrograph.clock import to_millis
from retrograph.errors import MalformedAnswer, ServiceFailed
from retrograph.facts import CategoryFact, PathField, ProductFact, TextField
from retrograph.sandbox import Sandbox
from retrograph.upstream.categories import UNKNOWN as UNKNOWN_CATEGORY
from retrograph.upstream.categories import Categories
from retrograph.upstream.products import UNKNOWN as UNKNOWN_PRODUCT
from retrograph.upstream.products import Products
from retrograph.upstream.purchase_history import PurchaseHistory
from retrograph.upstream.shop_orders import ShopOrders
from tests.unit.upstream.support import START, ManualClock, asking, json, rows, scripted

pytestmark = pytest.mark.asyncio(loop_scope="package")

UNTIL = to_millis(START)
TODAY = UNTIL // 86_400_000


async def test_products_are_asked_for_a_hundred_at_a_time_and_only_once(shared_sandbox: Sandbox) -> None:
    ids = [row[0] for row in rows("select product_id from '{}/products.parquet' limit 250")]
    async with asking(shared_sandbox.base_url) as asked:
        products = Products(asked.service, asked.clock)
        known = await products.get(ids)
        again = await products.get(ids)
    assert known == again
    assert sorted(known) == sorted(ids)
    assert asked.pace.turns == 1


def products_answer(*products: dict[str, str | None]) -> web.Response:
    return json(msgspec.json.encode({"products": products}).decode())


async def test_what_a_catalogue_says_is_a_fact_of_the_day_it_was_asked() -> None:
    answer = products_answer({"fido": "p", "name": " Milk\n", "brand": "B", "categoryId": "c"}, {"fido": "q"})
    async with scripted(answer, products_answer({"fido": "r", "name": "R"})) as (asked, _):
        products = Products(asked.service, asked.clock)
        known = await products.get(["p", "q", "x"])
        asked.clock.pass_time(86_399)
        known = await products.get(["p", "q", "x"])
        later = await products.get(["r"])
    assert known["p"].fact == ProductFact(
        name=TextField(1, TODAY, "Milk"), brand=TextField(1, TODAY, "B"), category_id=TextField(1, TODAY, "c")
    )
    assert known["q"].fact == ProductFact()
    assert known["x"] is UNKNOWN_PRODUCT
    assert later["r"].fact.name == TextField(1, TODAY, "R")


async def test_a_cached_answer_keeps_its_own_day_and_ends_after_a_day() -> None:
    answer = products_answer({"fido": "p", "name": "N"})
    async with scripted(answer) as (asked, script):
        products = Products(asked.service, asked.clock)
        await products.get(["p"])
        asked.clock.pass_time(40_000)
        assert (await products.get(["p"]))["p"].fact.name == TextField(1, TODAY, "N")
        asked.clock.pass_time(86_400)
        assert (await products.get(["p"]))["p"].fact.name == TextField(1, TODAY + 1, "N")
    assert len(script.requests) == 2


async def test_a_category_id_that_breaks_the_rule_is_left_out_alone() -> None:
    async with scripted(products_answer({"fido": "p", "name": "N", "categoryId": "a\u0000b"})) as (asked, _):
        known = (await Products(asked.service, asked.clock).get(["p"]))["p"]
    assert known.invalid_category_id
    assert known.fact == ProductFact(name=TextField(1, TODAY, "N"))


async def test_a_product_that_nobody_asked_for_is_malformed() -> None:
    async with scripted(products_answer({"fido": "other"})) as (asked, _):
        with pytest.raises(MalformedAnswer, match="nobody asked for the product 'other'"):
            await Products(asked.service, asked.clock).get(["p"])


async def test_a_failure_is_not_remembered() -> None:
    async with scripted(json("{}", 400), products_answer({"fido": "p", "name": "N"})) as (asked, _):
        products = Products(asked.service, asked.clock)
        with pytest.raises(ServiceFailed):
            await products.get(["p"])
        assert (await products.get(["p"]))["p"].fact.name is not None


def category_answer(asked: str, *ids: str) -> web.Response:
    hierarchy = [{"id": i, "name": f"name of {i}"} for i in ids]
    return json(msgspec.json.encode({"categoryId": asked, "hierarchy": hierarchy}).decode())


async def test_a_hierarchy_is_a_fact_about_each_of_its_categories() -> None:
    async with scripted(category_answer("c", "a", "b", "c")) as (asked, _):
        known = (await Categories(asked.service, asked.clock).get(["c"]))["c"]
    assert known.facts == {
        key: CategoryFact(name=TextField(1, TODAY, f"name of {key}"), hierarchy=PathField(1, TODAY, path))
        for key, path in {"a": ("a",), "b": ("a", "b"), "c": ("a", "b", "c")}.items()
    }


async def test_an_unknown_category_is_remembered_as_unknown() -> None:
    async with scripted(json("{}", 404)) as (asked, script):
        categories = Categories(asked.service, asked.clock)
        assert (await categories.get(["c"]))["c"] is UNKNOWN_CATEGORY
        assert (await categories.get(["c"]))["c"] is UNKNOWN_CATEGORY
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (category_answer("d", "a", "d"), "it is the category 'd'"),
        (category_answer("c", "a", "b"), "does not end with the category itself"),
        (category_answer("c"), "does not end with the category itself"),
        (category_answer("c", "c", "b", "c"), "names a category twice"),
        (category_answer("c", "a", " ", "c"), "holds an empty id"),
        (category_answer("c", *map(str, range(100)), "c"), "the hierarchy has 101 levels"),
    ],
)
async def test_a_hierarchy_that_is_none_is_malformed(answer: web.Response, why: str) -> None:
    async with scripted(answer) as (asked, _):
        with pytest.raises(MalformedAnswer, match=why):
            await Categories(asked.service, asked.clock).get(["c"])


async def test_a_hierarchy_with_an_id_against_the_rule_is_left_out() -> None:
    async with scripted(category_answer("c", "a\u0000", "c")) as (asked, _):
        known = (await Categories(asked.service, asked.clock).get(["c"]))["c"]
    assert known.invalid_id
    assert not known.facts


async def test_every_client_recognises_its_service_in_the_sandbox(shared_sandbox: Sandbox) -> None:
    async with asking(shared_sandbox.base_url) as asked:
        clock = ManualClock()
        for client in (
            PurchaseHistory(asked.service),
            ShopOrders(asked.service),
            Products(asked.service, clock),
            Categories(asked.service, clock),
        ):
            await client.check()
            assert await client.service.ping()
