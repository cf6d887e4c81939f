"""The Product and Category services against their files."""

from pathlib import Path

import pytest

from retrograph.sandbox import SandboxOptions
from tests.unit.sandbox.asking import asking, sql, write_files

HIERARCHIES = """
WITH RECURSIVE up AS (
    SELECT category_id AS leaf, category_id, name, parent_id, 0 AS height FROM categories
    UNION ALL
    SELECT leaf, c.category_id, c.name, c.parent_id, height + 1
    FROM up JOIN categories c ON c.category_id = up.parent_id
)
SELECT leaf, list({'id': category_id, 'name': name} ORDER BY height DESC) FROM up GROUP BY leaf ORDER BY leaf"""


async def test_every_product_is_what_the_file_holds() -> None:
    rows = sql("SELECT product_id, name, brand, category_id FROM products ORDER BY hash(product_id) LIMIT 5000")
    async with asking() as asker:
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            reply = await asker.products([row[0] for row in some])
            assert reply.status == 200
            assert reply.json["products"] == [
                {"fido": fido, "name": name, "brand": brand, "categoryId": category_id}
                for fido, name, brand, category_id in some
            ]
    assert any(row[3] for row in rows) and not all(row[3] for row in rows)


async def test_products_nobody_knows_are_left_out() -> None:
    unknown = [row[0] for row in sql("SELECT DISTINCT product_id FROM receipts ANTI JOIN products USING (product_id)")]
    known = sql("SELECT product_id FROM products LIMIT 1")[0][0]
    assert len(unknown) == 5
    async with asking() as asker:
        assert [product["fido"] for product in (await asker.products([*unknown, known, known])).json["products"]] == [
            known
        ]
        assert (await asker.products([])).json == {"products": []}


async def test_a_batch_holds_100_products_at_most() -> None:
    ids = [row[0] for row in sql("SELECT product_id FROM products LIMIT 101")]
    async with asking() as asker:
        assert len((await asker.products(ids[:100])).json["products"]) == 100
        reply = await asker.products(ids)
    assert reply.status == 400
    assert "100" in reply.json["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ids":"a"}', b'{"ids":[1]}', b"{}", b'{"ids":["\xff"]}'])
async def test_a_batch_of_the_wrong_shape_is_refused(body: bytes) -> None:
    async with asking() as asker:
        reply = await asker.ask("/v1/products:batchGet", "POST", data=body)
    assert reply.status == 400


async def test_the_colon_may_be_percent_encoded() -> None:
    async with asking() as asker:
        assert (await asker.ask("/v1/products%3AbatchGet", "POST", json={"ids": []})).status == 200


async def test_every_category_has_its_way_from_the_root() -> None:
    async with asking() as asker:
        for category_id, hierarchy in sql(HIERARCHIES):
            reply = await asker.ask(f"/v1/categories/{category_id}")
            assert reply.status == 200
            assert reply.json == {"categoryId": category_id, "hierarchy": hierarchy}


async def test_a_category_nobody_knows_is_not_found() -> None:
    async with asking() as asker:
        assert (await asker.ask("/v1/categories/none")).status == 404


async def test_a_circle_of_parents_ends(tmp_path: Path) -> None:
    folder = write_files(tmp_path, categories=[("a", "A", "b"), ("b", "B", "a"), ("c", None, "missing")])
    async with asking(SandboxOptions(data=folder)) as asker:
        circle = (await asker.ask("/v1/categories/a")).json["hierarchy"]
        orphan = (await asker.ask("/v1/categories/c")).json["hierarchy"]
    assert [category["id"] for category in circle] == ["b", "a"]
    assert orphan == [{"id": "c", "name": None}]
