"""The steps of a write transaction on the embedded graph.

`BEGIN IMMEDIATE` makes every write the only one, so locking needs nothing more than making what is missing.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from retrograph.facts import CategoryFact, ProductFact
from retrograph.graph.model import (
    Mark,
    SharedChanges,
    SharedKeys,
    StoredBatch,
    StoredCategory,
    StoredProduct,
    StoredShared,
    StoredUser,
    UserChanges,
    Wanted,
)
from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import WriteTransaction, rows
from retrograph.graph.sqlite.identity import SqliteIdentitySteps
from retrograph.graph.sqlite.nodes import Nodes
from retrograph.graph.sqlite.purchasers import note
from retrograph.graph.sqlite.settled import is_settled


class SqliteTransaction(SqliteIdentitySteps):
    """One write transaction; see `graph.store.GraphTransaction`."""

    def __init__(self, connection: WriteTransaction, nodes: Nodes) -> None:
        self._connection = connection
        self._remembered = self._nodes = nodes

    async def lock_shared(self, keys: SharedKeys) -> StoredShared:
        # What it reads of these nodes from now on may never be committed: it is not remembered beyond its end.
        self._connection.later(lambda _: self._remembered.forget(keys))
        self._nodes = Nodes()
        return await self._connection.run(partial(_lock_shared, keys=keys))

    async def write_shared(self, changes: SharedChanges) -> None:
        await self._connection.run(partial(_write_shared, changes=changes))

    async def lock_users(self, user_ids: Sequence[str]) -> None:
        self._connection.later(partial(_create_users, user_ids=user_ids))

    async def read_users(self, users: Sequence[Wanted], products: Sequence[str]) -> StoredBatch:
        return await self._connection.run(partial(_read_users, nodes=self._nodes, users=users, products=products))

    async def write_users(self, changes: Sequence[UserChanges], now: int) -> int:
        return await self._connection.run(partial(_write_users, nodes=self._nodes, changes=changes, now=now))

    async def products_of(self, category_id: str, after: str, limit: int) -> list[str]:
        found = await self._connection.run(
            partial(_rows, statement=sql.PRODUCTS_OF, values=(category_id, after, limit))
        )
        return [product_id for (product_id,) in found]

    async def clear_marks(self, marks: Sequence[Mark]) -> None:
        await self._connection.run(partial(_clear_marks, marks=marks))


def _rows(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    return rows(connection, statement, *values)


def _lock_shared(connection: sqlite3.Connection, keys: SharedKeys) -> StoredShared:
    categories = {
        record.category_id: record
        for record in map(row.category_record, rows(connection, sql.READ_CATEGORIES, row.text(keys.categories)))
    }
    products = {
        record.product_id: record
        for record in map(row.product_record, rows(connection, sql.READ_PRODUCTS, row.text(keys.products)))
    }
    _create(connection, sql.CREATE_CATEGORY, keys.categories, categories)
    _create(connection, sql.CREATE_PRODUCT, keys.products, products)
    _create(connection, sql.CREATE_RETAILER, keys.retailers, ())
    named_categories = _named(connection, sql.NAMED_CATEGORIES, keys.categories, categories)
    named_products = _named(connection, sql.NAMED_PRODUCTS, keys.products, products)
    retailers = map(row.retailer_record, rows(connection, sql.READ_RETAILERS, row.text(keys.retailers)))
    return StoredShared(
        categories={
            key: StoredCategory(fact=categories[key].fact, created=False)
            if key in categories
            else StoredCategory(fact=CategoryFact(), created=key not in named_categories)
            for key in keys.categories
        },
        products={
            key: StoredProduct(
                fact=products[key].fact, category_hierarchy=products[key].category_hierarchy, created=False
            )
            if key in products
            else StoredProduct(fact=ProductFact(), category_hierarchy=None, created=key not in named_products)
            for key in keys.products
        },
        retailers={record.name: record.fact for record in retailers},
    )


def _create(connection: sqlite3.Connection, statement: str, keys: Sequence[str], present: Iterable[str]) -> None:
    connection.executemany(statement, [(key,) for key in keys if key not in present])


def _named(
    connection: sqlite3.Connection, statement: str, keys: Sequence[str], present: Container[str]
) -> frozenset[str]:
    """Those of the nodes made just now that edges or products name already."""
    made = [key for key in keys if key not in present]
    return frozenset(key for (key,) in rows(connection, statement, row.text(made))) if made else frozenset()


def _write_shared(connection: sqlite3.Connection, changes: SharedChanges) -> None:
    connection.executemany(sql.WRITE_CATEGORY, map(row.category_columns, changes.categories))
    connection.executemany(sql.WRITE_PRODUCT, map(row.product_columns, changes.products))
    connection.executemany(sql.WRITE_RETAILER, map(row.retailer_columns, changes.retailers))


def _create_users(connection: sqlite3.Connection, user_ids: Sequence[str]) -> None:
    connection.executemany(sql.CREATE_USER, [(user_id,) for user_id in user_ids])


def _read_users(
    connection: sqlite3.Connection, nodes: Nodes, users: Sequence[Wanted], products: Sequence[str]
) -> StoredBatch:
    nodes.begin(connection)
    ids = row.text([user.user_id for user in users])
    stored = {found[0]: row.user_properties(found) for found in rows(connection, sql.READ_USERS, ids)}
    touched = nodes.categories_of(connection, {*products})
    owned: set[str] = set()
    for user in users:
        held = stored[user.user_id]
        _read_edges(connection, user, held, touched)
        owned.update(held.purchases)
    categories = nodes.categories_of(connection, owned.union(products))
    # An edge whose product another writer took away still holds facts; it counts in no category.
    if gone := owned.difference(products).difference(categories):
        categories = {**categories, **dict.fromkeys(gone)}
    return StoredBatch(users=stored, product_categories=categories)


def _read_edges(
    connection: sqlite3.Connection, wanted: Wanted, held: StoredUser, categories: Mapping[str, str | None]
) -> None:
    """`categories`: at least those of the products that are wanted. Only in these can a user's counts grow."""
    purchases: Iterable[Any] = ()
    if not wanted.whole:
        grown = {category for product in wanted.products if (category := categories.get(product)) is not None}
        purchases = rows(connection, sql.READ_TOUCHED_PURCHASES, wanted.user_id, row.text(wanted.products))
        visits = rows(connection, sql.READ_TOUCHED_VISITS, wanted.user_id, row.text(wanted.retailers))
        counts = rows(connection, sql.READ_TOUCHED_COUNTS, wanted.user_id, row.text([*grown])) if grown else []
    else:
        counts = rows(connection, sql.READ_COUNTS, wanted.user_id)
        visits = rows(connection, sql.READ_VISITS, wanted.user_id)
        if wanted.expected is not None and held.loaded is not None:
            held.settled = is_settled(connection, wanted.user_id, wanted.expected)
        if not held.settled:
            purchases = rows(connection, sql.READ_PURCHASES, wanted.user_id)
    held.whole = wanted.whole
    held.purchases = {found[0]: (row.stored_purchase(found),) for found in purchases}
    held.visits = {found[0]: (row.stored_visit(found),) for found in visits}
    held.counts = {category_id: (count or 0,) for category_id, count in counts}


def _write_users(connection: sqlite3.Connection, nodes: Nodes, changes: Sequence[UserChanges], now: int) -> int:
    missing = _missing(connection, nodes, changes)
    if missing:
        return sum(change.matches for change in changes) - missing
    batch = _Batch(now)
    for change in changes:
        batch.add(change)
    batch.execute(connection)
    note(connection, changes)
    return sum(change.matches for change in changes)


def _missing(connection: sqlite3.Connection, nodes: Nodes, changes: Sequence[UserChanges]) -> int:
    """How many new edges lead to a node that is not there. Nothing can take one away before they are written."""
    products = [new.product_id for change in changes for new in change.purchases_created]
    retailers = [new.retailer for change in changes for new in change.visits_created]
    categories = [new.category_id for change in changes for new in change.counts_created]
    return (
        nodes.absent_products(connection, products)
        + nodes.absent_retailers(connection, retailers)
        + nodes.absent_categories(connection, categories)
    )


class _Batch:
    """The parameters of a transaction's statements, gathered so that each runs once over all its rows."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def add(self, change: UserChanges) -> None:
        user = change.user_id
        self._rows[sql.DELETE_PURCHASE] += [(user, product) for product in change.purchases_removed]
        self._rows[sql.DELETE_VISIT] += [(user, retailer) for retailer in change.visits_removed]
        self._rows[sql.DELETE_COUNT] += [(user, category) for category in change.counts_removed]
        self._rows[sql.CREATE_PURCHASE] += row.new_purchases(user, change.purchases_created)
        self._rows[sql.UPDATE_PURCHASE] += [
            (*row.purchase_columns(new), user, new.product_id) for new in change.purchases_updated
        ]
        self._rows[sql.CREATE_VISIT] += [(user, new.retailer, *row.visit_columns(new)) for new in change.visits_created]
        self._rows[sql.UPDATE_VISIT] += [(*row.visit_columns(new), user, new.retailer) for new in change.visits_updated]
        self._rows[sql.CREATE_COUNT] += [(user, *new) for new in change.counts_created]
        self._rows[sql.UPDATE_COUNT] += [(new.purchase_count, user, new.category_id) for new in change.counts_updated]
        self._rows[sql.WRITE_USER].append(self._user(change))

    def _user(self, change: UserChanges) -> tuple[Any, ...]:
        return (
            change.first_seen_at,
            row.text(change.retracted) if change.retracted is not None else None,
            change.loaded.at if change.loaded is not None else None,
            change.loaded.by if change.loaded is not None else None,
            self._now,
            change.user_id,
        )

    def execute(self, connection: sqlite3.Connection) -> None:
        """Removals before creations: a pair that is removed and created is one edge again."""
        for statement, parameters in self._rows.items():
            connection.executemany(statement, parameters)


def _clear_marks(connection: sqlite3.Connection, marks: Sequence[Mark]) -> None:
    for label, statement in (("Product", sql.CLEAR_PRODUCT), ("Category", sql.CLEAR_CATEGORY)):
        connection.executemany(statement, [(mark.key, mark.token) for mark in marks if mark.label == label])
