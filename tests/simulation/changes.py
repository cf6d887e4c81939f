"""What a transaction's writes do to a graph's state when they are committed."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrograph.graph.model import (
    CategoryChange,
    ProductChange,
    RetailerChange,
    SharedChanges,
    SharedKeys,
    UserChanges,
    Wanted,
)
from retrograph.graph.shared import category_of, path_of
from tests.simulation.state import Category, Change, Product, Retailer, State, User, change_user


def nodes_of(state: State, label: str) -> Mapping[str, Any]:
    nodes: dict[str, Mapping[str, Any]] = {
        "User": state.users,
        "Product": state.products,
        "Category": state.categories,
        "Retailer": state.retailers,
    }
    return nodes[label]


def creation(label: str, key: str) -> Change:
    def change(state: State) -> None:
        match label:
            case "User":
                state.users.setdefault(key, User())
            case "Product":
                state.products.setdefault(key, Product())
            case "Category":
                state.categories.setdefault(key, Category())
            case _:
                state.retailers.setdefault(key, Retailer())

    return change


def product_change(wanted: ProductChange, target: str | None) -> Change:
    def change(state: State) -> None:
        node = state.products.get(wanted.product_id)
        if node is None:
            return
        node.fact, node.hierarchy = wanted.fact, wanted.category_hierarchy
        node.mark = wanted.mark or node.mark
        if wanted.category_changed:
            node.in_category = [target] if target is not None else []

    return change


def category_change(wanted: CategoryChange, parent: str | None) -> Change:
    def change(state: State) -> None:
        node = state.categories.get(wanted.category_id)
        if node is None:
            return
        node.fact = wanted.fact
        node.mark = wanted.mark or node.mark
        if wanted.hierarchy_changed:
            node.child_of = [parent] if parent is not None else []

    return change


def retailer_change(wanted: RetailerChange) -> Change:
    def change(state: State) -> None:
        if wanted.name in state.retailers:
            state.retailers[wanted.name].fact = wanted.fact

    return change


def unmarked(label: str, key: str) -> Change:
    def change(state: State) -> None:
        node = nodes_of(state, label).get(key)
        if node is not None:
            node.mark = None

    return change


def naming(state: State, made: Sequence[str]) -> list[tuple[str, str, str]]:
    """Categories and products, in order of their locks, that name a category that was made just now."""
    found = []
    for key, category in sorted(state.categories.items()):
        parents = (path_of(category.fact) or ())[-2:-1]
        found += [("Category", key, parent) for parent in parents if parent in made]
    for key, product in sorted(state.products.items()):
        target = category_of(product.fact)
        if target is not None and target in made:
            found.append(("Product", key, target))
    return found


def linked(label: str, key: str, target: str) -> Change:
    """An edge to a node that was made again, unless there is one."""

    def change(state: State) -> None:
        node = nodes_of(state, label).get(key)
        edges = [] if node is None else node.in_category if label == "Product" else node.child_of
        if node is not None and target not in edges:
            edges.append(target)

    return change


def user_change(wanted: UserChanges, now: int, nodes: Mapping[str, frozenset[str]]) -> Change:
    return lambda state: change_user(state, wanted, now, nodes)


def matched(change: UserChanges, user: User, nodes: Mapping[str, frozenset[str]]) -> int:
    """How many relationships are written: one for each new edge whose end is there, and each one that is changed."""
    return (
        _updated(change, user)
        + sum(row.product_id in nodes["Product"] for row in change.purchases_created)
        + sum(row.retailer in nodes["Retailer"] for row in change.visits_created)
        + sum(row.category_id in nodes["Category"] for row in change.counts_created)
    )


def _updated(change: UserChanges, user: User) -> int:
    purchases, visits = {edge.product_id for edge in user.purchases}, {visit.retailer for visit in user.visits}
    counts = {count.category_id for count in user.counts}
    return (
        sum(row.product_id in purchases for row in change.purchases_updated)
        + sum(row.retailer in visits for row in change.visits_updated)
        + sum(row.category_id in counts for row in change.counts_updated)
    )


def parent_of(change: CategoryChange) -> str | None:
    path = path_of(change.fact)
    return path[-2] if path is not None and len(path) > 1 else None


def names_of(keys: SharedKeys) -> str:
    return " ".join((*keys.categories, *keys.products, *keys.retailers))


def ids_of(users: Sequence[Wanted]) -> str:
    return " ".join(user.user_id for user in users)


def told(changes: SharedChanges) -> str:
    """What is written, for a person."""
    products = [
        f"{change.product_id} in {category_of(change.fact)}{' MARKED' if change.mark else ''}"
        for change in changes.products
    ]
    categories = [
        f"{change.category_id} at {'/'.join(path_of(change.fact) or ())}{' MARKED' if change.mark else ''}"
        for change in changes.categories
    ]
    return f"write {', '.join([*categories, *products, *(change.name for change in changes.retailers)])}"
