"""What a graph holds, as a scan yields it: for digests, copies and people, derived values as they are stored.

Instants are milliseconds since the epoch (UTC). The hot ones are tuples, because a scan makes one for every edge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retrograph.facts import CategoryFact, Loaded, ProductFact, RetailerFact


class PurchaseRecord(NamedTuple):
    """A `PURCHASED` edge as stored, derived values included, for digests, copies and people."""

    product_id: str
    receipt_ids: Sequence[str]
    timestamps: Sequence[int]
    times: int | None
    first: int | None
    last: int | None
    average_interval_days: float | None
    repurchase_likelihood: float | None


class VisitRecord(NamedTuple):
    """A `SHOPS_AT` edge as stored."""

    retailer: str
    receipt_ids: Sequence[str]
    frequency: int | None


class CountRecord(NamedTuple):
    """A `SHOPS_IN` edge as stored."""

    category_id: str
    purchase_count: int | None


class IdentifierRecord(NamedTuple):
    """A `HAS_IDENTIFIER` edge as stored, with its identifier. `blocked` is the class that the block list gave."""

    type: str
    value: str
    blocked: str | None
    first_seen_at: int | None
    last_seen_at: int | None
    sources: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """One user as stored, with every edge; the lists come in no particular order.

    `identifiers` are read apart: see `identified`.
    """

    user_id: str
    first_seen_at: int | None
    retracted: Sequence[str]
    loaded: Loaded | None
    last_updated_at: int | None
    purchases: Sequence[PurchaseRecord]
    visits: Sequence[VisitRecord]
    counts: Sequence[CountRecord]
    identifiers: Sequence[IdentifierRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """One product as stored. `in_category` are the targets of its `IN_CATEGORY` edges."""

    product_id: str
    fact: ProductFact
    category_hierarchy: tuple[str, ...] | None
    in_category: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRecord:
    """One category as stored. `child_of` are the targets of its `CHILD_OF` edges."""

    category_id: str
    fact: CategoryFact
    child_of: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailerRecord:
    """One retailer as stored."""

    name: str
    fact: RetailerFact


SharedRecord = ProductRecord | CategoryRecord | RetailerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphStats:
    """Counts of the whole graph, in the shape that `graph stats --json` prints."""

    nodes: Mapping[str, int]
    relationships: Mapping[str, int]
    totals: Mapping[str, int]
    products_with_category: int
    products_with_hierarchy: int
    recount_pending: int
