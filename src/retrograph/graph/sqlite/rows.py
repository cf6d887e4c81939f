"""Rows of the embedded graph as values, and back."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from retrograph.facts import (
    UNKNOWN_TIME,
    CategoryFact,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    TextField,
)
from retrograph.graph.derived import is_sound, likelihood, text_field
from retrograph.graph.model import (
    CategoryChange,
    ProductChange,
    PurchaseRow,
    RetailerChange,
    StoredPurchase,
    StoredUser,
    StoredVisit,
    VisitRow,
)
from retrograph.graph.records import (
    CategoryRecord,
    ProductRecord,
    PurchaseRecord,
    RetailerRecord,
    UserRecord,
    VisitRecord,
)
from retrograph.graph.shared import path_of

Row = Sequence[Any]

_encode = msgspec.json.Encoder().encode
_strings = msgspec.json.Decoder(list[str]).decode
# A named tuple's own constructor is Python, and the slowest part of reading an edge.
_stored_purchase = partial(tuple.__new__, StoredPurchase)
_integers = msgspec.json.Decoder(list[int]).decode


def text(value: Sequence[Any]) -> str:
    """A list as JSON text."""
    return _encode(value).decode()


def strings(value: str | None) -> list[str]:
    """A JSON list of strings; nothing is an empty list."""
    return _strings(value) if value else []


def integers(value: str | None) -> list[int]:
    """A JSON list of integers; nothing is an empty list."""
    return _integers(value) if value else []


def path_field(value: str | None, rank: int | None, day: int | None) -> PathField | None:
    """A stored hierarchy with its rank and day."""
    return PathField(rank or 0, day or 0, tuple(_strings(value))) if value else None


def product_record(row: Row) -> ProductRecord:
    """A product from its columns."""
    return ProductRecord(
        product_id=row[0],
        fact=ProductFact(name=text_field(*row[1:4]), brand=text_field(*row[4:7]), category_id=text_field(*row[7:10])),
        category_hierarchy=tuple(_strings(row[10])) if row[10] else None,
        in_category=[row[7]] if row[7] else [],
    )


def category_record(row: Row) -> CategoryRecord:
    """A category from its columns."""
    fact = CategoryFact(name=text_field(*row[1:4]), hierarchy=path_field(*row[4:7]))
    path = path_of(fact) or ()
    return CategoryRecord(category_id=row[0], fact=fact, child_of=path[-2:-1])


def retailer_record(row: Row) -> RetailerRecord:
    """A retailer from its columns."""
    return RetailerRecord(name=row[0], fact=RetailerFact(channel=text_field(*row[1:4])))


def _field_columns(field: TextField | PathField | None) -> tuple[Any, Any, Any]:
    if field is None:
        return None, None, None
    value = field.value if isinstance(field.value, str) else text(field.value)
    return value, field.rank, field.observed_on


def product_columns(change: ProductChange) -> tuple[Any, ...]:
    """The parameters of `WRITE_PRODUCT`."""
    fact = change.fact
    return (
        *_field_columns(fact.name),
        *_field_columns(fact.brand),
        *_field_columns(fact.category_id),
        text(change.category_hierarchy) if change.category_hierarchy is not None else None,
        change.mark,
        change.product_id,
    )


def category_columns(change: CategoryChange) -> tuple[Any, ...]:
    """The parameters of `WRITE_CATEGORY`."""
    return (
        *_field_columns(change.fact.name),
        *_field_columns(change.fact.hierarchy),
        change.mark,
        change.category_id,
    )


def retailer_columns(change: RetailerChange) -> tuple[Any, ...]:
    """The parameters of `WRITE_RETAILER`."""
    return (*_field_columns(change.fact.channel), change.name)


def purchase_columns(row: PurchaseRow) -> tuple[Any, ...]:
    """An edge's columns from its receipts to its likelihood."""
    return _new_purchase("", row)[2:]


def new_purchases(user_id: str, edges: Iterable[PurchaseRow]) -> list[tuple[Any, ...]]:
    """The parameters of `CREATE_PURCHASE`."""
    return [_new_purchase(user_id, edge) for edge in edges]


def _new_purchase(user_id: str, edge: PurchaseRow) -> tuple[Any, ...]:
    product_id, receipt_ids, timestamps, first, last, average = edge
    times = len(receipt_ids)
    ids, instants = _encode(receipt_ids).decode(), _encode(timestamps).decode()
    return user_id, product_id, ids, instants, times, first, last, average, likelihood(times)


def visit_columns(row: VisitRow) -> tuple[Any, ...]:
    """An edge's receipts and frequency."""
    return text(row.receipt_ids), len(row.receipt_ids)


def purchase_record(row: Row) -> PurchaseRecord:
    """A stored edge as it is."""
    return PurchaseRecord(row[0], strings(row[1]), integers(row[2]), *row[3:8])


def visit_record(row: Row) -> VisitRecord:
    """A stored edge as it is."""
    return VisitRecord(row[0], strings(row[1]), row[2])


def stored_purchase(row: Row) -> StoredPurchase:
    """An edge as a join reads it; its derived columns are compared with what its lists say."""
    _, ids, instants, times, first, last, average, likely = row
    receipt_ids, timestamps = strings(ids), integers(instants)
    # Nearly all edges hold one receipt, whose instant is both ends: that is seen without asking.
    plain = times == 1 == len(receipt_ids) and timestamps == [first] and first == last and average == likely == 0.0
    sound = (plain and first != UNKNOWN_TIME) or is_sound(
        receipt_ids, timestamps, (times, first, last, average, likely)
    )
    return _stored_purchase((receipt_ids, timestamps, times or 0, sound))


def user_properties(row: Row) -> StoredUser:
    """A user without edges from its columns."""
    return StoredUser(
        first_seen_at=row[1],
        retracted=frozenset(strings(row[2])),
        loaded=Loaded(at=row[3], by=row[4] or "") if row[3] is not None else None,
    )


def user_record(
    row: Row,
    purchases: Sequence[PurchaseRecord],
    visits: Sequence[VisitRecord],
    counts: Sequence[Any],
) -> UserRecord:
    """A user with all its edges."""
    return UserRecord(
        user_id=row[0],
        first_seen_at=row[1],
        retracted=strings(row[2]),
        loaded=Loaded(at=row[3], by=row[4] or "") if row[3] is not None else None,
        last_updated_at=row[5],
        purchases=purchases,
        visits=visits,
        counts=counts,
    )


def stored_visit(row: Row) -> StoredVisit:
    """An edge as a join reads it."""
    receipt_ids = strings(row[1])
    return StoredVisit(receipt_ids, row[2] == len(receipt_ids))
