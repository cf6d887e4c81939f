"""Reads the four Parquet files once and keeps them in the form in which they are asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from retrograph.sandbox.catalogue import Catalogue, Category, Product
from retrograph.sandbox.histories import Order, StoredHistory, encode, receipt_json
from retrograph.sandbox.instants import to_text
from retrograph.sandbox.options import SAMPLE, SandboxError

Row = tuple[Any, ...]

TEXTS: Mapping[str, tuple[str, ...]] = {
    "receipts": ("user_id", "receipt_id", "product_id", "retailer", "retailer_channel"),
    "shop_orders": ("user_id", "button_order_id", "product_id", "status", "retailer"),
    "products": ("product_id", "name", "brand", "category_id"),
    "categories": ("category_id", "name", "parent_id"),
}
"""The files of a data folder (`<name>.parquet`) and the columns that are read as text, whatever their type."""

OTHERS: Mapping[str, tuple[str, ...]] = {
    "receipts": ("quantity", "amount", "purchased_at"),
    "shop_orders": ("quantity", "amount", "ordered_at"),
    "products": (),
    "categories": (),
}
"""Their other columns."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "receipts": ("user_id", "receipt_id", "product_id", "purchased_at"),
    "shop_orders": ("user_id", "button_order_id", "product_id", "status", "ordered_at"),
    "products": ("product_id",),
    "categories": ("category_id",),
}
"""The columns in which every line has a value."""

STATUSES = ("PENDING", "VALIDATED", "CANCELLED")

# Lines of one receipt that disagree about their time belong to the earliest one: a receipt is one thing.
_RECEIPT_LINES = """
SELECT user_id, receipt_id, epoch_ms(min(purchased_at) OVER receipt) AS millis,
       min(retailer) OVER receipt, min(retailer_channel) OVER receipt, product_id, quantity, amount
FROM receipts WINDOW receipt AS (PARTITION BY user_id, receipt_id)
ORDER BY user_id, millis DESC, receipt_id DESC, product_id"""

_ORDER_LINES = """
SELECT user_id, button_order_id, epoch_ms(min(ordered_at) OVER shop_order) AS millis,
       min(retailer) OVER shop_order, min(status) OVER shop_order, product_id, quantity, amount
FROM shop_orders WINDOW shop_order AS (PARTITION BY user_id, button_order_id)
ORDER BY user_id, millis DESC, button_order_id DESC, product_id"""

_BY_POPULARITY = "SELECT product_id FROM {file} GROUP BY product_id ORDER BY count(*) DESC, product_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceData:
    """Everything the files say."""

    catalogue: Catalogue
    histories: Mapping[str, StoredHistory]
    """The receipts of each user who has any."""
    orders: Mapping[str, tuple[Order, ...]]
    """The shop orders of each user who has any, newest first."""
    users: tuple[str, ...]
    """Every user with receipts or orders, in order of id."""
    receipt_products: tuple[str, ...]
    """The products of receipts, the most bought first."""
    order_products: tuple[str, ...]
    """The products of shop orders, the most bought first."""


def load(folder: Path) -> SourceData:
    """Reads a data folder; the packaged sample is read once in a process.

    Raises `SandboxError` where a file is missing, unreadable or lacks a column.
    """
    return _packaged_sample() if folder == SAMPLE else _read(folder)


@lru_cache(maxsize=1)
def _packaged_sample() -> SourceData:
    return _read(SAMPLE)


def _read(folder: Path) -> SourceData:
    with duckdb.connect() as connection:
        for name in TEXTS:
            _open(connection, folder / f"{name}.parquet", name)
        try:
            return _collect(connection)
        except (duckdb.Error, OverflowError) as error:
            raise SandboxError(f"The data in {folder} cannot be used: {_first_line(error)}") from error


def _open(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    if not file.is_file():
        raise SandboxError(f"The data folder has no file {file}.")
    columns = ", ".join([f"CAST({column} AS VARCHAR) AS {column}" for column in TEXTS[name]] + [*OTHERS[name]])
    try:
        connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM read_parquet({_quoted(file)})")
        gaps = [column for column in REQUIRED[name] if _has_gap(connection, name, column)]
    except duckdb.Error as error:
        raise SandboxError(f"The file {file} cannot be read: {_first_line(error)}") from error
    if gaps:
        raise SandboxError(f"The file {file} has lines without a usable {gaps[0]}.")


def _has_gap(connection: duckdb.DuckDBPyConnection, name: str, column: str) -> bool:
    value = f"epoch_ms({column})" if column.endswith("_at") else column  # of an infinite time this is NULL too
    return next(_rows(connection, f"SELECT 1 FROM {name} WHERE {value} IS NULL LIMIT 1"), None) is not None


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _collect(connection: duckdb.DuckDBPyConnection) -> SourceData:
    catalogue = _catalogue(connection)
    histories = _histories(connection, catalogue)
    orders = _orders(connection, catalogue)
    return SourceData(
        catalogue=catalogue,
        histories=histories,
        orders=orders,
        users=tuple(sorted(histories.keys() | orders.keys())),
        receipt_products=_by_popularity(connection, "receipts"),
        order_products=_by_popularity(connection, "shop_orders"),
    )


def _catalogue(connection: duckdb.DuckDBPyConnection) -> Catalogue:
    products = _rows(connection, "SELECT product_id, name, brand, category_id FROM products")
    categories = _rows(connection, "SELECT category_id, name, parent_id FROM categories")
    return Catalogue(
        categories=[Category(category_id=row[0], name=row[1], parent_id=row[2]) for row in categories],
        products=(Product(product_id=row[0], name=row[1], brand=row[2], category_id=row[3]) for row in products),
    )


def _histories(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[str, StoredHistory]:
    lines = _rows(connection, _RECEIPT_LINES)
    return {user: StoredHistory(_receipts(rows, catalogue)) for user, rows in groupby(lines, itemgetter(0))}


def _receipts(lines: Iterator[Row], catalogue: Catalogue) -> Iterator[tuple[int, bytes]]:
    for receipt_id, rows in groupby(lines, itemgetter(1)):
        receipt = list(rows)
        _, _, millis, retailer, channel, *_ = receipt[0]
        items = [receipt_item(catalogue, row[5], row[6], row[7]) for row in receipt]
        yield millis, receipt_json(receipt_id, to_text(millis), {"name": retailer, "channel": channel}, items)


def receipt_item(catalogue: Catalogue, product_id: str, quantity: object, amount: object) -> dict[str, object]:
    """One line of a receipt as the Purchase History service writes it."""
    name, category = catalogue.labels(product_id)
    return {
        "product_id": product_id,
        "quantity": quantity,
        "amount": amount,
        "description": name,
        "category": category,
    }


def _orders(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[str, tuple[Order, ...]]:
    lines = _rows(connection, _ORDER_LINES)
    orders = {user: tuple(_orders_of(user, rows, catalogue)) for user, rows in groupby(lines, itemgetter(0))}
    _refuse_shared_ids(orders)
    return orders


def _orders_of(user: str, lines: Iterator[Row], catalogue: Catalogue) -> Iterator[Order]:
    for order_id, rows in groupby(lines, itemgetter(1)):
        order = list(rows)
        _, _, millis, retailer, status, *_ = order[0]
        if status not in STATUSES:
            raise SandboxError(f"The shop order {order_id} has the unknown status {status!r}.")
        yield Order(
            order_id=order_id,
            user_id=user,
            status=status,
            created_at=millis,
            retailer=retailer,
            line_items=encode([line_item(catalogue, row[5], row[6], row[7]) for row in order]),
        )


def line_item(catalogue: Catalogue, product_id: str, quantity: object, amount: object) -> dict[str, object]:
    """One line of a shop order as the Button Transaction Service writes it."""
    return {
        "fido": product_id,
        "quantity": quantity,
        "amount": amount,
        "description": catalogue.labels(product_id)[0],
    }


def _refuse_shared_ids(orders: Mapping[str, tuple[Order, ...]]) -> None:
    owners: dict[str, str] = {}
    for user, theirs in orders.items():
        for order in theirs:
            if owners.setdefault(order.order_id, user) != user:
                raise SandboxError(f"The shop order {order.order_id} belongs to more than one user.")


def _by_popularity(connection: duckdb.DuckDBPyConnection, file: str) -> tuple[str, ...]:
    return tuple(row[0] for row in _rows(connection, _BY_POPULARITY.format(file=file)))


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[Row]:
    cursor = connection.execute(query)
    while batch := cursor.fetchmany(10_000):
        yield from batch
