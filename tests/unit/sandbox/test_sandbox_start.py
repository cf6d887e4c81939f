"""Starting a sandbox: its files, its port, and what it says where they cannot be used."""

import asyncio
import socket
from datetime import datetime
from pathlib import Path

import aiohttp
import duckdb
import pytest

from retrograph.sandbox import Sandbox, SandboxError, SandboxOptions, running, serve
from tests.unit.sandbox.asking import asking, write_files

MAY = datetime(2017, 5, 1, 12, 0, 0, 250_000)  # noqa: DTZ001


async def refused(options: SandboxOptions) -> str:
    with pytest.raises(SandboxError) as refusal:
        async with running(options):
            pass
    return str(refusal.value)


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (write_files(tmp_path) / "products.parquet").unlink()
    message = await refused(SandboxOptions(data=tmp_path))
    assert "products.parquet" in message
    assert "\n" not in message


async def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (write_files(tmp_path) / "products.parquet").write_bytes(b"no parquet at all")
    message = await refused(SandboxOptions(data=tmp_path))
    assert "products.parquet" in message
    assert "\n" not in message


async def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "categories.parquet").write_bytes((tmp_path / "products.parquet").read_bytes())
    message = await refused(SandboxOptions(data=tmp_path))
    assert "categories.parquet" in message
    assert "parent_id" in message


async def test_a_status_that_does_not_exist_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, shop_orders=[("u", "bo-1", MAY, "r", "p", 1, 1.0, "LOST")])
    assert "bo-1" in await refused(SandboxOptions(data=tmp_path))


async def test_an_order_of_two_users_is_refused(tmp_path: Path) -> None:
    orders: list[tuple[object, ...]] = [(user, "bo-1", MAY, "r", "p", 1, 1.0, "PENDING") for user in "ab"]
    write_files(tmp_path, shop_orders=orders)
    assert "bo-1" in await refused(SandboxOptions(data=tmp_path))


async def test_a_line_without_its_user_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, receipts=[(None, "r-1", "p", 1, 1.0, "s", "c", MAY)])
    message = await refused(SandboxOptions(data=tmp_path))
    assert "receipts.parquet" in message
    assert "user_id" in message


async def test_an_infinite_time_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, receipts=[("u", "r-1", "p", 1, 1.0, "s", "c", "infinity")])
    assert "purchased_at" in await refused(SandboxOptions(data=tmp_path))


async def test_ids_may_be_numbers_in_the_files(tmp_path: Path) -> None:
    write_files(tmp_path)
    with duckdb.connect() as connection:
        query = "SELECT 7 AS user_id, 8 AS receipt_id, uuid() AS product_id, 1 AS quantity, 1.5 AS amount, "
        query += "'s' AS retailer, 'c' AS retailer_channel, TIMESTAMPTZ '2017-05-01 02:00:00+02' AS purchased_at"
        connection.execute(f"COPY ({query}) TO '{tmp_path / 'receipts.parquet'}'")
    async with asking(SandboxOptions(data=tmp_path)) as asker:
        (receipt,) = await asker.history("7")
    assert (receipt["receipt_id"], receipt["purchased_at"]) == ("8", "2017-05-01T00:00:00Z")


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in await refused(SandboxOptions(port=port))


async def test_empty_files_are_an_empty_sandbox(tmp_path: Path) -> None:
    async with asking(SandboxOptions(data=write_files(tmp_path))) as asker:
        assert (await asker.ask("/sandbox/users")).body == b""
        assert (await asker.purchases("a")).status == 404


async def test_a_path_with_a_quote_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    async with asking(SandboxOptions(data=write_files(folder))) as asker:
        assert (await asker.ask("/health")).status == 200


async def test_a_receipt_whose_lines_disagree_about_the_time_is_one(tmp_path: Path) -> None:
    later = MAY.replace(hour=18)
    lines: list[tuple[object, ...]] = [("u", "r-1", p, 1, 1.0, "s", "c", at) for p, at in (("p", MAY), ("q", later))]
    async with asking(SandboxOptions(data=write_files(tmp_path, receipts=lines))) as asker:
        receipts = await asker.history("u", limit=1)
    assert [(receipt["receipt_id"], len(receipt["items"])) for receipt in receipts] == [("r-1", 2)]
    assert receipts[0]["purchased_at"] == "2017-05-01T12:00:00.250Z"


async def test_a_window_may_end_within_a_second(tmp_path: Path) -> None:
    lines: list[tuple[object, ...]] = [("u", "r-1", "p", 1, 1.0, "s", "c", MAY)]
    async with asking(SandboxOptions(data=write_files(tmp_path, receipts=lines))) as asker:
        assert await asker.history("u", until="2017-05-01T12:00:00.250Z") == []
        assert len(await asker.history("u", until="2017-05-01T12:00:00.2501Z")) == 1
        assert len(await asker.history("u", since="2017-05-01T12:00:00.250Z")) == 1
        assert await asker.history("u", since="2017-05-01T12:00:00.2501Z") == []


async def test_serve_goes_on_until_it_is_cancelled() -> None:
    ready: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(SandboxOptions(), ready.set_result))
    sandbox = await ready
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.base_url}/health") as response:
            assert response.status == 200
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{sandbox.base_url}/health")
