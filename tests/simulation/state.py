"""What a simulated graph holds once committed, and how a transaction's writes become part of it."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from retrograph.facts import CategoryFact, Loaded, ProductFact, RetailerFact
from retrograph.graph.derived import is_sound, likelihood
from retrograph.graph.model import (
    PurchaseRow,
    SharedKeys,
    StoredCategory,
    StoredProduct,
    StoredPurchase,
    StoredShared,
    StoredUser,
    StoredVisit,
    UserChanges,
    VisitRow,
)
from retrograph.graph.records import CountRecord, PurchaseRecord, UserRecord, VisitRecord


@dataclass(slots=True)
class User:
    """A user's node with its edges; parallel ones stand side by side."""

    first_seen_at: int | None = None
    retracted: Sequence[str] = ()
    loaded: Loaded | None = None
    last_updated_at: int | None = None
    purchases: list[PurchaseRecord] = field(default_factory=list)
    visits: list[VisitRecord] = field(default_factory=list)
    counts: list[CountRecord] = field(default_factory=list)


@dataclass(slots=True)
class Product:
    """A product's node."""

    fact: ProductFact = field(default_factory=ProductFact)
    hierarchy: tuple[str, ...] | None = None
    in_category: list[str] = field(default_factory=list)
    mark: str | None = None


@dataclass(slots=True)
class Category:
    """A category's node."""

    fact: CategoryFact = field(default_factory=CategoryFact)
    child_of: list[str] = field(default_factory=list)
    mark: str | None = None


@dataclass(slots=True)
class Retailer:
    """A retailer's node."""

    fact: RetailerFact = field(default_factory=RetailerFact)


Change: TypeAlias = "Callable[[State], None]"


@dataclass(slots=True)
class State:
    """All that is committed."""

    users: dict[str, User] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    retailers: dict[str, Retailer] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def purchase_record(row: PurchaseRow) -> PurchaseRecord:
    """An edge as it is stored."""
    times = len(row.receipt_ids)
    return PurchaseRecord(
        row.product_id,
        list(row.receipt_ids),
        list(row.timestamps),
        times,
        row.first,
        row.last,
        row.average_interval_days,
        likelihood(times),
    )


def visit_record(row: VisitRow) -> VisitRecord:
    """An edge as it is stored."""
    return VisitRecord(row.retailer, list(row.receipt_ids), len(row.receipt_ids))


def stored_user(user: User, products: Sequence[str] | None, retailers: Sequence[str] | None) -> StoredUser:
    """A user as a join reads it: whole, or the edges to these nodes."""
    purchases: dict[str, tuple[StoredPurchase, ...]] = {}
    for edge in user.purchases:
        if products is None or edge.product_id in products:
            sound = is_sound(edge.receipt_ids, edge.timestamps, edge[3:8])
            stored = StoredPurchase(edge.receipt_ids, edge.timestamps, edge.times or 0, sound)
            purchases[edge.product_id] = (*purchases.get(edge.product_id, ()), stored)
    visits: dict[str, tuple[StoredVisit, ...]] = {}
    for visit in user.visits:
        if retailers is None or visit.retailer in retailers:
            seen = StoredVisit(visit.receipt_ids, visit.frequency == len(visit.receipt_ids))
            visits[visit.retailer] = (*visits.get(visit.retailer, ()), seen)
    counts: dict[str, tuple[int, ...]] = {}
    for count in user.counts:
        counts[count.category_id] = (*counts.get(count.category_id, ()), count.purchase_count or 0)
    return StoredUser(
        first_seen_at=user.first_seen_at,
        retracted=frozenset(user.retracted),
        loaded=user.loaded,
        purchases=purchases,
        visits=visits,
        counts=counts,
        whole=products is None,
    )


def settled(user: StoredUser, expected: Mapping[str, Mapping[str, int]] | None) -> StoredUser:
    """The same user without the purchases, where these are exactly what was expected, as a graph may answer."""
    if expected is None or user.purchases.keys() != expected.keys():
        return user
    for product_id, edges in user.purchases.items():
        told = sorted((at, receipt_id) for receipt_id, at in expected[product_id].items())
        held = list(zip(edges[0].timestamps, edges[0].receipt_ids, strict=False))
        if len(edges) > 1 or not edges[0].sound or held != told:
            return user
    return replace(user, purchases={}, settled=True)


def stored_shared(state: State, keys: SharedKeys, created: Set[tuple[str, str]]) -> StoredShared:
    """Shared nodes as a join reads them under lock; `created` are those that the transaction has made."""
    products, categories = {}, {}
    for key in keys.products:
        product = state.products.get(key, Product())
        new = ("Product", key) in created
        products[key] = StoredProduct(fact=product.fact, category_hierarchy=product.hierarchy, created=new)
    for key in keys.categories:
        category = state.categories.get(key, Category())
        categories[key] = StoredCategory(fact=category.fact, created=("Category", key) in created)
    retailers = {key: state.retailers.get(key, Retailer()).fact for key in keys.retailers}
    return StoredShared(products=products, categories=categories, retailers=retailers)


def user_record(user_id: str, user: User) -> UserRecord:
    """A user as a scan yields it."""
    return UserRecord(
        user_id=user_id,
        first_seen_at=user.first_seen_at,
        retracted=list(user.retracted),
        loaded=user.loaded,
        last_updated_at=user.last_updated_at,
        purchases=list(user.purchases),
        visits=list(user.visits),
        counts=list(user.counts),
    )


def change_user(state: State, change: UserChanges, now: int, nodes: Mapping[str, frozenset[str]]) -> None:
    """Writes one user's difference. New edges lead to `nodes`, by label: those that were found when it was sent."""
    user = state.users.setdefault(change.user_id, User())
    if change.first_seen_at is not None:
        user.first_seen_at = change.first_seen_at
    if change.retracted is not None:
        user.retracted = list(change.retracted)
    if change.loaded is not None:
        user.loaded = change.loaded
    user.last_updated_at = max(user.last_updated_at or 0, now)
    _change_edges(user, change, nodes)


def _change_edges(user: User, change: UserChanges, nodes: Mapping[str, frozenset[str]]) -> None:
    updated = {row.product_id: purchase_record(row) for row in change.purchases_updated}
    kept = [edge for edge in user.purchases if edge.product_id not in change.purchases_removed]
    user.purchases = [updated.get(edge.product_id, edge) for edge in kept]
    user.purchases += [purchase_record(row) for row in change.purchases_created if row.product_id in nodes["Product"]]
    seen = {row.retailer: visit_record(row) for row in change.visits_updated}
    visits = [visit for visit in user.visits if visit.retailer not in change.visits_removed]
    user.visits = [seen.get(visit.retailer, visit) for visit in visits]
    user.visits += [visit_record(row) for row in change.visits_created if row.retailer in nodes["Retailer"]]
    counted = {row.category_id: CountRecord(*row) for row in change.counts_updated}
    counts = [count for count in user.counts if count.category_id not in change.counts_removed]
    user.counts = [counted.get(count.category_id, count) for count in counts]
    user.counts += [CountRecord(*row) for row in change.counts_created if row.category_id in nodes["Category"]]
