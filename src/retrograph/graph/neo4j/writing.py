"""What a join changes, as the rows of the one statement that writes it: everything is found again by its own id.

The ids are those that the same transaction has read, of users and edges under the users' locks. What another writer has
taken away since is not found, and so not counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retrograph.graph.model import UserChanges
from retrograph.graph.neo4j import rows as row
from retrograph.graph.neo4j.rows import Row

_PURCHASES: Final = 5
_VISITS: Final = 6
_COUNTS: Final = 7
_OWN_ID: Final = -1
"""Columns of a user as it was read, and of each of its edges."""


def rows(changes: Sequence[UserChanges], users: Mapping[str, Row], products: Mapping[str, int]) -> dict[str, list[Any]]:
    """The parameters of `WRITE_USERS`. `users`: each as it was read; `products`: the own ids of those that exist."""
    found: dict[str, list[Any]] = {
        "users": [],
        "changed_purchases": [],
        "changed_visits": [],
        "changed_counts": [],
        "purchases": [],
        "visits": [],
        "counts": [],
    }
    for change in changes:
        user = users[change.user_id]
        found["users"].append(row.user_columns(user[_OWN_ID], change))
        _add_changed(found, change, user)
        _add_new(found, change, user[_OWN_ID], products)
    return found


def _add_changed(found: Mapping[str, list[Any]], change: UserChanges, user: Row) -> None:
    if change.purchases_updated:
        ids = _own_ids(user[_PURCHASES])
        found["changed_purchases"] += [
            row.purchase_columns(ids[new.product_id], new) for new in change.purchases_updated
        ]
    if change.visits_updated:
        ids = _own_ids(user[_VISITS])
        found["changed_visits"] += [[ids[new.retailer], new.receipt_ids] for new in change.visits_updated]
    if change.counts_updated:
        ids = _own_ids(user[_COUNTS])
        found["changed_counts"] += [[ids[new.category_id], new.purchase_count] for new in change.counts_updated]


def _add_new(found: Mapping[str, list[Any]], change: UserChanges, node: int, products: Mapping[str, int]) -> None:
    if change.purchases_created:
        known = [new for new in change.purchases_created if new.product_id in products]
        found["purchases"].append([node, [row.purchase_columns(products[new.product_id], new) for new in known]])
    if change.visits_created:
        found["visits"].append([node, [*map(list, change.visits_created)]])
    if change.counts_created:
        found["counts"].append([node, [*map(list, change.counts_created)]])


def _own_ids(edges: Iterable[Row]) -> dict[str, int]:
    """Edges by the key of the node that they lead to; what changes is never one of several of a pair."""
    return {edge[0]: edge[_OWN_ID] for edge in edges}
