"""Asks a sandbox over real HTTP, and its files by SQL: what is expected never comes from the code under test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import duckdb
from yarl import URL

from retrograph.sandbox import SAMPLE, Sandbox, SandboxOptions, running

EVERYTHING = {"since": "2000-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that came whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


class Asker:
    """A client without any cleverness: no retries, paths as they are written."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    async def ask(self, path: str, method: str = "GET", **options: Any) -> Reply:
        """Sends one request; JSON is decoded where it is any."""
        url = URL(self.sandbox.base_url + path, encoded=True)
        async with self._session.request(method, url, **options) as response:
            body = await response.read()
            decoded = await response.json() if response.content_type == "application/json" and body else None
            return Reply(status=response.status, headers=response.headers, body=body, json=decoded)

    async def purchases(self, user_id: str, **query: str | int) -> Reply:
        """One page of a user's receipts."""
        return await self.ask(f"/v1/users/{quote(user_id, safe='')}/purchases?{urlencode(query)}")

    async def history(self, user_id: str, limit: int = 500, **query: Any) -> list[dict[str, Any]]:
        """All pages of a user's receipts."""
        receipts: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = (await self.purchases(user_id, limit=limit, **query, **more)).json
            receipts += page["purchases"]
            if page["next_cursor"] is None:
                return receipts
            more = {"cursor": page["next_cursor"]}

    async def transactions(self, user_id: str, start: int = 0) -> list[dict[str, Any]]:
        """A user's shop orders in summary."""
        reply = await self.ask(f"/user/{quote(user_id, safe='')}/transaction?startTimeMs={start}")
        assert reply.status == 200, reply
        return list(reply.json["transactions"])

    async def transaction(self, order_id: str) -> Reply:
        """One shop order in full."""
        return await self.ask(f"/internal/transaction/{quote(order_id, safe='')}/button")

    async def products(self, ids: object) -> Reply:
        """What the Product service knows of these."""
        return await self.ask("/v1/products:batchGet", "POST", json={"ids": ids})


@asynccontextmanager
async def asking(
    options: SandboxOptions | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Asker]:
    """A running sandbox and a client for it."""
    async with running(options or SandboxOptions()) as sandbox, aiohttp.ClientSession(headers=headers) as session:
        # The client repeats a GET by itself where its connection breaks; aiohttp's own test client turns that off too.
        session._retry_connection = False
        yield Asker(sandbox, session)


def sql(query: str, *parameters: object, folder: Path = SAMPLE) -> list[tuple[Any, ...]]:
    """Asks the files; `receipts`, `shop_orders`, `products` and `categories` are their names."""
    with duckdb.connect() as connection:
        for file in ("receipts", "shop_orders", "products", "categories"):
            connection.execute(f"CREATE VIEW {file} AS FROM '{folder / f'{file}.parquet'}'")
        return connection.execute(query, parameters).fetchall()


SCHEMAS = {
    "receipts": "user_id VARCHAR, receipt_id VARCHAR, product_id VARCHAR, quantity INTEGER, amount DOUBLE, "
    "retailer VARCHAR, retailer_channel VARCHAR, purchased_at TIMESTAMP",
    "shop_orders": "user_id VARCHAR, button_order_id VARCHAR, ordered_at TIMESTAMP, retailer VARCHAR, "
    "product_id VARCHAR, quantity INTEGER, amount DOUBLE, status VARCHAR",
    "products": "product_id VARCHAR, name VARCHAR, brand VARCHAR, category_id VARCHAR",
    "categories": "category_id VARCHAR, name VARCHAR, parent_id VARCHAR",
}


def write_files(folder: Path, **rows: list[tuple[object, ...]]) -> Path:
    """Writes the four files with these rows; a file that is not named is empty."""
    with duckdb.connect() as connection:
        for file, schema in SCHEMAS.items():
            connection.execute(f"CREATE TABLE {file} ({schema})")
            for row in rows.get(file, []):
                connection.execute(f"INSERT INTO {file} VALUES ({', '.join('?' * len(row))})", row)
            target = str(folder / f"{file}.parquet").replace("'", "''")
            connection.execute(f"COPY {file} TO '{target}'")
    return folder
