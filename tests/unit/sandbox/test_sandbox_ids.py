"""Ids that must be percent-encoded in paths."""

from datetime import datetime
from pathlib import Path

import pytest

from retrograph.sandbox import SandboxOptions
from tests.unit.sandbox.asking import asking, write_files

ODD = [
    "a/b",
    "a b",
    "a+b",
    "100%",
    "%2F",
    "ü ß 漢字 🙂",
    "a?b=c&d",
    "a#b",
    "..",
    ".",
    "a;b",
    "//",
    "sandbox",
    "health",
    '"<x>"',
]


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_id_is_found_under_its_percent_encoded_form(odd: str, tmp_path: Path) -> None:
    noon = datetime(2017, 5, 1, 12)  # noqa: DTZ001
    write_files(
        tmp_path,
        receipts=[(odd, odd, odd, 1, 1.0, odd, odd, noon)],
        shop_orders=[(odd, odd, noon, odd, odd, 1, 1.0, "VALIDATED")],
        products=[(odd, odd, odd, odd)],
        categories=[(odd, odd, None)],
    )
    async with asking(SandboxOptions(data=tmp_path)) as asker:
        receipt = (await asker.purchases(odd)).json["purchases"][0]
        assert (receipt["receipt_id"], receipt["items"][0]["category"]) == (odd, odd)
        assert [order["buttonOrderId"] for order in await asker.transactions(odd)] == [odd]
        assert (await asker.transaction(odd)).json["userId"] == odd
        assert (await asker.products([odd])).json["products"][0]["fido"] == odd
        assert (await asker.ask(f"/v1/categories/{_encoded(odd)}")).json["categoryId"] == odd
        status = await asker.ask(f"/sandbox/orders/{_encoded(odd)}/status", "PUT", json={"status": "CANCELLED"})
        assert status.json["status"] == "CANCELLED"


async def test_a_path_that_is_not_utf_8_is_refused() -> None:
    async with asking() as asker:
        assert (await asker.ask("/v1/users/%FF/purchases")).status == 400
        assert (await asker.ask("/v1/users/hh-0001/purchases?since=%FF")).status == 400


async def test_an_id_that_is_empty_is_no_route() -> None:
    async with asking() as asker:
        assert (await asker.ask("/v1/users//purchases")).status == 404


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
