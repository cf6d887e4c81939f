"""Rows of the Neo4j graph as values, and back."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from retrograph.facts import (
    UNKNOWN_TIME,
    CategoryFact,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    TextField,
)
from retrograph.graph.derived import is_sound, text_field
from retrograph.graph.model import (
    CategoryChange,
    ProductChange,
    PurchaseRow,
    RetailerChange,
    StoredPurchase,
    StoredUser,
    StoredVisit,
    UserChanges,
)
from retrograph.graph.records import (
    CategoryRecord,
    CountRecord,
    ProductRecord,
    PurchaseRecord,
    RetailerRecord,
    UserRecord,
    VisitRecord,
)
from retrograph.graph.shared import path_of

Row = Sequence[Any]
Edge = TypeVar("Edge")

# A named tuple's own constructor is Python, and the slowest part of reading an edge.
_stored_purchase = partial(tuple.__new__, StoredPurchase)


def path_field(value: Sequence[str] | None, rank: int | None, day: int | None) -> PathField | None:
    """A stored hierarchy with its rank and day."""
    return PathField(rank or 0, day or 0, tuple(value)) if value else None


def product_fact(row: Row) -> ProductFact:
    """A product's fields, from its second column on."""
    return ProductFact(name=text_field(*row[1:4]), brand=text_field(*row[4:7]), category_id=text_field(*row[7:10]))


def hierarchy(row: Row) -> tuple[str, ...] | None:
    """A product's category hierarchy."""
    return tuple(row[10]) if row[10] else None


def category_fact(row: Row) -> CategoryFact:
    """A category's fields, from its second column on."""
    return CategoryFact(name=text_field(*row[1:4]), hierarchy=path_field(*row[4:7]))


def retailer_fact(row: Row) -> RetailerFact:
    """A retailer's fields, from its second column on."""
    return RetailerFact(channel=text_field(*row[1:4]))


def product_record(row: Row) -> ProductRecord:
    """A product with the targets of its edges."""
    return ProductRecord(
        product_id=row[0], fact=product_fact(row), category_hierarchy=hierarchy(row), in_category=row[11]
    )


def category_record(row: Row) -> CategoryRecord:
    """A category with the targets of its edges."""
    return CategoryRecord(category_id=row[0], fact=category_fact(row), child_of=row[7])


def retailer_record(row: Row) -> RetailerRecord:
    """A retailer."""
    return RetailerRecord(name=row[0], fact=retailer_fact(row))


def _field_columns(field: TextField | PathField | None) -> tuple[Any, Any, Any]:
    if field is None:
        return None, None, None
    value = field.value if isinstance(field.value, str) else list(field.value)
    return value, field.rank, field.observed_on


def product_columns(change: ProductChange) -> list[Any]:
    """A row of `WRITE_PRODUCTS`."""
    fact = change.fact
    path = list(change.category_hierarchy) if change.category_hierarchy is not None else None
    fields = (*_field_columns(fact.name), *_field_columns(fact.brand), *_field_columns(fact.category_id))
    return [change.product_id, *fields, path, change.mark]


def category_columns(change: CategoryChange) -> list[Any]:
    """A row of `WRITE_CATEGORIES`."""
    fact = change.fact
    return [change.category_id, *_field_columns(fact.name), *_field_columns(fact.hierarchy), change.mark]


def retailer_columns(change: RetailerChange) -> list[Any]:
    """A row of `WRITE_RETAILERS`."""
    return [change.name, *_field_columns(change.fact.channel)]


def parent_of(change: CategoryChange) -> str | None:
    """The last but one of the hierarchy."""
    path = path_of(change.fact)
    return path[-2] if path is not None and len(path) > 1 else None


def stored_purchase(row: Row) -> StoredPurchase:
    """An edge as a join reads it: [product, receipts, millis, times, first, last, average, likelihood]."""
    _, receipt_ids, timestamps, times, first, last, average, likely, *_ = row
    # Nearly all edges hold one receipt, whose instant is both ends: that is seen without asking.
    if times == 1 and timestamps == [first] and first == last and average == likely == 0.0 and len(receipt_ids) == 1:
        return _stored_purchase((receipt_ids, timestamps, 1, first != UNKNOWN_TIME))
    sound = is_sound(receipt_ids or (), timestamps or (), (times, first, last, average, likely))
    return _stored_purchase((receipt_ids or [], timestamps or [], times or 0, sound))


def stored_visit(row: Row) -> StoredVisit:
    """An edge as a join reads it: [retailer, receipts, frequency]."""
    receipt_ids = row[1] or []
    return StoredVisit(receipt_ids, row[2] == len(receipt_ids))


def loaded(at: int | None, by: str | None) -> Loaded | None:
    """The pair that a full load leaves."""
    return Loaded(at=at, by=by or "") if at is not None else None


def stored_user(row: Row) -> StoredUser:
    """A user's properties as a join reads them."""
    return StoredUser(first_seen_at=row[1], retracted=frozenset(row[2] or ()), loaded=loaded(row[3], row[4]))


def with_edges(row: Row) -> StoredUser:
    """A user as a join reads it, with edges; several of one pair are parallel ones."""
    user = stored_user(row)
    user.purchases = _grouped((edge[0], stored_purchase(edge)) for edge in row[5])
    user.visits = _grouped((edge[0], stored_visit(edge)) for edge in row[6])
    user.counts = _grouped((edge[0], edge[1] or 0) for edge in row[7])
    return user


def _grouped(edges: Iterable[tuple[str, Edge]]) -> dict[str, tuple[Edge, ...]]:
    grouped: dict[str, tuple[Edge, ...]] = {}
    for key, edge in edges:
        grouped[key] = (*grouped[key], edge) if key in grouped else (edge,)
    return grouped


def user_record(row: Row) -> UserRecord:
    """A user with all its edges."""
    return UserRecord(
        user_id=row[0],
        first_seen_at=row[1],
        retracted=row[2] or [],
        loaded=loaded(row[3], row[4]),
        last_updated_at=row[5],
        purchases=[PurchaseRecord(edge[0], edge[1] or [], edge[2] or [], *edge[3:8]) for edge in row[6]],
        visits=[VisitRecord(edge[0], edge[1] or [], edge[2]) for edge in row[7]],
        counts=[CountRecord(*edge) for edge in row[8]],
    )


def first_users(found: Iterable[Row], most_edges: int) -> list[str]:
    """Of users with the number of their edges, the first ones whose edges reach so many."""
    keys: list[str] = []
    edges = 0
    for user_id, its_edges in found:
        keys.append(user_id)
        edges += its_edges
        if edges >= most_edges:
            break
    return keys


def user_columns(node: int, change: UserChanges) -> list[Any]:
    """A user of `WRITE_USERS`, by the node's own id."""
    at, by = (change.loaded.at, change.loaded.by) if change.loaded is not None else (None, None)
    return [node, change.first_seen_at, change.retracted, at, by]


def purchase_columns(own_id: int, row: PurchaseRow) -> list[Any]:
    """A purchase of `WRITE_USERS`: the own id of the edge to change, or of the product that a new one leads to."""
    return [own_id, row[1], row[2], row[5]]


def ends(row: PurchaseRow) -> list[Any]:
    """An edge's row of `SET_ENDS`: an unknown time stands at its list's end."""
    return [row.product_id, row.first, row.last]
