"""The steps of a write transaction on Neo4j.

Neo4j reads what is committed at the moment of reading, so what a join relies on is read only after the locks are
held, in a statement of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from neo4j import AsyncTransaction

from retrograph.facts import UNKNOWN_TIME
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
from retrograph.graph.neo4j import rows as row
from retrograph.graph.neo4j import statements as cypher
from retrograph.graph.neo4j import writing
from retrograph.graph.neo4j.connection import listed
from retrograph.graph.neo4j.identity import Neo4jIdentitySteps


class Neo4jTransaction(Neo4jIdentitySteps):
    """One write transaction; see `graph.store.GraphTransaction`."""

    def __init__(self, transaction: AsyncTransaction) -> None:
        self._transaction = transaction
        self._products: dict[str, int] = {}
        self._users: dict[str, row.Row] = {}

    async def _rows(self, statement: str, **parameters: Any) -> list[Any]:
        return await listed(await self._transaction.run(cast("Any", statement), _terse(parameters)))

    async def _write(self, statement: str, rows: Sequence[Any], **parameters: Any) -> int:
        """Runs a statement over rows, if there are any; returns how many relationships it created."""
        if not rows:
            return 0
        result = await self._transaction.run(cast("Any", statement), _terse({"rows": rows, **parameters}))
        return (await result.consume()).counters.relationships_created

    async def _number(self, statement: str, **parameters: Any) -> int:
        """Runs a statement that answers with one number."""
        result = await self._transaction.run(cast("Any", statement), _terse(parameters))
        return sum([record[0] async for record in result])

    async def lock_shared(self, keys: SharedKeys) -> StoredShared:
        await self._write(cypher.LOCK_CATEGORIES, keys.categories)
        await self._write(cypher.LOCK_PRODUCTS, keys.products)
        await self._write(cypher.LOCK_RETAILERS, keys.retailers)
        categories = await self._rows(cypher.READ_CATEGORIES, keys=keys.categories) if keys.categories else []
        products = await self._rows(cypher.READ_PRODUCTS, keys=keys.products) if keys.products else []
        retailers = await self._rows(cypher.READ_RETAILERS, keys=keys.retailers) if keys.retailers else []
        made = [found[0] for found in categories if found[7]]
        await self._write(cypher.CLEAR_CREATED_CATEGORIES, made)
        await self._write(cypher.CLEAR_CREATED_PRODUCTS, [found[0] for found in products if found[11]])
        new = set(made) - await self._made_again(made)
        return StoredShared(
            categories={
                found[0]: StoredCategory(fact=row.category_fact(found), created=found[0] in new) for found in categories
            },
            products={
                found[0]: StoredProduct(
                    fact=row.product_fact(found), category_hierarchy=row.hierarchy(found), created=bool(found[11])
                )
                for found in products
            },
            retailers={found[0]: row.retailer_fact(found) for found in retailers},
        )

    async def _made_again(self, made: list[str]) -> set[str]:
        """Those of the categories made just now that products or categories name: they get their edges back."""
        if not made:
            return set()
        named = sorted(set(await self._rows(cypher.NAMED_CATEGORIES, keys=made)))
        for statement in (
            cypher.LOCK_NAMING_CATEGORIES,
            cypher.LOCK_NAMING_PRODUCTS,
            cypher.RELINK_CATEGORIES,
            cypher.RELINK_PRODUCTS,
        ):
            await self._write(statement, named)
        return set(named)

    async def write_shared(self, changes: SharedChanges) -> None:
        await self._write(cypher.WRITE_CATEGORIES, [row.category_columns(change) for change in changes.categories])
        await self._write(cypher.WRITE_PRODUCTS, [row.product_columns(change) for change in changes.products])
        await self._write(cypher.WRITE_RETAILERS, [row.retailer_columns(change) for change in changes.retailers])
        moved = [change for change in changes.products if change.category_changed]
        await self._relink(
            cypher.DELETE_IN_CATEGORY,
            cypher.CREATE_IN_CATEGORY,
            {change.product_id: change.fact.category_id.value if change.fact.category_id else None for change in moved},
        )
        await self._relink(
            cypher.DELETE_CHILD_OF,
            cypher.CREATE_CHILD_OF,
            {change.category_id: row.parent_of(change) for change in changes.categories if change.hierarchy_changed},
        )

    async def _relink(self, delete: str, create: str, targets: dict[str, str | None]) -> None:
        await self._write(delete, list(targets))
        await self._write(create, [[key, target] for key, target in targets.items() if target is not None])

    async def lock_users(self, user_ids: Sequence[str]) -> None:
        await self._write(cypher.LOCK_USERS, list(user_ids))

    async def read_users(self, users: Sequence[Wanted], products: Sequence[str]) -> StoredBatch:
        stored: dict[str, StoredUser] = {}
        categories: dict[str, str | None] = {}
        whole = [user.user_id for user in users if user.whole]
        if whole:
            await self._read_whole(whole, stored, categories)
        # A product that a user read whole has bought is known by its category, but not yet by its node's own id.
        sought = {product_id for user in users if not user.whole for product_id in user.products}
        unknown = [key for key in products if key in sought or key not in categories]
        await self._read_products(unknown, categories)
        # Only the counts that these products can change: a user may have a hundred others.
        nodes = self._products
        touched = [
            [
                user.user_id,
                [nodes[key] for key in user.products if key in nodes],
                user.retailers,
                _counted(user.products, categories),
            ]
            for user in users
            if not user.whole
        ]
        for found in await self._rows(cypher.READ_TOUCHED_USERS, rows=touched) if touched else ():
            stored[found[0]] = row.with_edges(found)
            self._users[found[0]] = found
        return StoredBatch(users=stored, product_categories=categories)

    async def _read_products(self, keys: Sequence[str], categories: dict[str, str | None]) -> None:
        for key, category_id, node in await self._rows(cypher.READ_PRODUCT_CATEGORIES, keys=keys) if keys else ():
            categories[key] = category_id
            self._products[key] = node

    async def _read_whole(
        self, user_ids: list[str], stored: dict[str, StoredUser], categories: dict[str, str | None]
    ) -> None:
        for found in await self._rows(cypher.READ_WHOLE_USERS, keys=user_ids):
            categories.update([(edge[0], edge[8]) for edge in found[5]])
            user = stored[found[0]] = row.with_edges(found)
            self._users[found[0]] = found
            user.whole = True

    async def write_users(self, changes: Sequence[UserChanges], now: int) -> int:
        for statement, removed in (
            (cypher.DELETE_PURCHASES, _of_users(changes, lambda change: change.purchases_removed)),
            (cypher.DELETE_VISITS, _of_users(changes, lambda change: change.visits_removed)),
            (cypher.DELETE_COUNTS, _of_users(changes, lambda change: change.counts_removed)),
        ):
            await self._write(statement, removed)
        await self._look_up_products(changes)
        matched = await self._number(cypher.WRITE_USERS, now=now, **writing.rows(changes, self._users, self._products))
        await self._write(cypher.SET_ENDS, _of_users(changes, _unknown_ends))
        return matched

    async def _look_up_products(self, changes: Sequence[UserChanges]) -> None:
        """An edge that heals parallel ones leads to a product that was not looked up before."""
        await self._read_products(
            [
                new.product_id
                for change in changes
                for new in change.purchases_created
                if new.product_id not in self._products
            ],
            {},
        )

    async def products_of(self, category_id: str, after: str, limit: int) -> list[str]:
        return await self._rows(cypher.PRODUCTS_OF, category=category_id, after=after, limit=limit)

    async def clear_marks(self, marks: Sequence[Mark]) -> None:
        for label, statement in (("Category", cypher.CLEAR_CATEGORIES), ("Product", cypher.CLEAR_PRODUCTS)):
            rows = sorted([mark.key, mark.token] for mark in marks if mark.label == label)
            await self._write(statement, rows)


class _Rows(list[Any]):
    """Parameters that say little of themselves: the driver makes text of all parameters for its log, kept or not, which
    takes as long as packing them, and ids of people are nothing for a log."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def _terse(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: _Rows(value) if isinstance(value, list) else value for name, value in parameters.items()}


def _counted(products: Sequence[str], categories: Mapping[str, str | None]) -> list[str]:
    """The categories that these products count in."""
    return sorted({category_id for key in products if (category_id := categories.get(key)) is not None})


def _of_users(changes: Sequence[UserChanges], edges: Callable[[UserChanges], list[Any]]) -> list[Any]:
    """Edges grouped by user, of those who have any: [user, [edge, …]]."""
    return [[change.user_id, found] for change in changes if (found := edges(change))]


def _unknown_ends(change: UserChanges) -> list[Any]:
    written = (change.purchases_created, change.purchases_updated)
    return [row.ends(new) for rows in written for new in rows if new.timestamps[-1] == UNKNOWN_TIME]
