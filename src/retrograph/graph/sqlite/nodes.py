"""What a write transaction needs to know of nodes that users share, remembered while nobody else can have changed it.

Every edge asks for its product's category. SQLite counts the commits of other connections, so what this process has
read under the write lock stays true until that count changes or it writes shared nodes itself.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from retrograph.graph.model import SharedKeys
from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import rows

_MOST: Final = 200_000
"""Products that are remembered; beyond, it begins anew."""


class Nodes:
    """Lives in the thread of the connection that writes; only what is there is remembered, never what is missing."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._products: dict[str, str | None] = {}
        self._retailers: set[str] = set()
        self._categories: set[str] = set()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Forgets everything if another connection has committed since. To be called under the write lock."""
        version = rows(connection, "PRAGMA data_version")[0][0]
        if version != self._version or len(self._products) > _MOST:
            self._products.clear()
            self._retailers.clear()
            self._categories.clear()
            self._version = version

    def forget(self, keys: SharedKeys) -> None:
        """This transaction may change these, and nobody knows yet whether it commits."""
        for product_id in keys.products:
            self._products.pop(product_id, None)
        self._retailers.difference_update(keys.retailers)
        self._categories.difference_update(keys.categories)

    def categories_of(self, connection: sqlite3.Connection, product_ids: set[str]) -> Mapping[str, str | None]:
        """The stored categories of products, of these among them: those that are there. It is what is remembered, and
        true until the transaction ends."""
        products = self._products
        unknown = product_ids.difference(products)
        if unknown:
            products.update(rows(connection, sql.READ_PRODUCT_CATEGORIES, row.text([*unknown])))
        return products

    def absent_products(self, connection: sqlite3.Connection, keys: list[str]) -> int:
        """How many of these are not there; a key that comes twice counts twice."""
        if all(map(self._products.__contains__, keys)):
            return 0
        wanted = {*keys}
        absent = wanted.difference(self.categories_of(connection, wanted))
        return sum(key in absent for key in keys) if absent else 0

    def absent_retailers(self, connection: sqlite3.Connection, keys: list[str]) -> int:
        """The same of retailers."""
        return _absent(connection, sql.PRESENT_RETAILERS, keys, self._retailers)

    def absent_categories(self, connection: sqlite3.Connection, keys: list[str]) -> int:
        """The same of categories."""
        return _absent(connection, sql.PRESENT_CATEGORIES, keys, self._categories)


def _absent(connection: sqlite3.Connection, statement: str, keys: list[str], known: set[str]) -> int:
    unknown = [key for key in keys if key not in known]
    if unknown:
        known.update(key for (key,) in rows(connection, statement, row.text(sorted({*unknown}))))
    return sum(key not in known for key in unknown)
