"""What a graph holds, as values: the state a join reads and the changes it decides.

Instants are milliseconds since the epoch (UTC). The hot ones are tuples, because a load makes one for every edge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from retrograph.facts import CategoryFact, Loaded, ProductFact, RetailerFact

SCHEMA_VERSION: Final = 4
"""The newest schema this version of Retrograph knows; see each adapter's migrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphIdentity:
    """Which graph this is: work done into one never counts as done into another."""

    graph_id: str
    schema_version: int


class StoredPurchase(NamedTuple):
    """One `PURCHASED` edge as a join reads it. `sound`: every derived value on it agrees with its lists."""

    receipt_ids: Sequence[str]
    timestamps: Sequence[int]
    times: int
    sound: bool


class StoredVisit(NamedTuple):
    """One `SHOPS_AT` edge as a join reads it. `sound`: its frequency agrees with its list."""

    receipt_ids: Sequence[str]
    sound: bool


@dataclass(slots=True, kw_only=True)
class StoredUser:
    """What the graph holds of one user, as far as a join asked: the touched edges, or all (`whole`).

    Several edges of one pair mean that another writer made parallel ones. `settled`: its purchases are exactly those
    that were expected, each a single sound edge, and were left out of `purchases`.
    """

    first_seen_at: int | None = None
    retracted: frozenset[str] = frozenset()
    loaded: Loaded | None = None
    purchases: Mapping[str, Sequence[StoredPurchase]] = field(default_factory=dict)
    visits: Mapping[str, Sequence[StoredVisit]] = field(default_factory=dict)
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    whole: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a join has to read of one user. `whole` asks for every edge; the sets name the touched ones.

    `expected` is what the facts tell of a user read whole. Where the stored purchases are found to be the same, none
    missing and none besides, every list and every derived value as a join would write it, a graph may answer
    `StoredUser.settled` instead of the edges.
    """

    user_id: str
    whole: bool
    products: Sequence[str] = ()
    retailers: Sequence[str] = ()
    expected: Mapping[str, Mapping[str, int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """The users of one transaction, and the stored category of every product they or their facts name.

    A product that is missing from `product_categories` has no node: the knowledge about it was stale.
    """

    users: Mapping[str, StoredUser]
    product_categories: Mapping[str, str | None]


class PurchaseRow(NamedTuple):
    """A `PURCHASED` edge to write, complete with what is derived. Unknown times stand last and count for nothing."""

    product_id: str
    receipt_ids: list[str]
    timestamps: list[int]
    first: int | None
    last: int | None
    average_interval_days: float


class VisitRow(NamedTuple):
    """A `SHOPS_AT` edge to write; its frequency is the length of the list."""

    retailer: str
    receipt_ids: list[str]


class CountRow(NamedTuple):
    """A `SHOPS_IN` edge to write."""

    category_id: str
    purchase_count: int


@dataclass(slots=True, kw_only=True)
class UserChanges:
    """The difference a join makes to one user: only what is not yet so.

    Removals come first: a pair with parallel edges is removed and created again.
    """

    user_id: str
    first_seen_at: int | None = None
    retracted: list[str] | None = None
    loaded: Loaded | None = None
    purchases_removed: list[str] = field(default_factory=list)
    purchases_created: list[PurchaseRow] = field(default_factory=list)
    purchases_updated: list[PurchaseRow] = field(default_factory=list)
    visits_removed: list[str] = field(default_factory=list)
    visits_created: list[VisitRow] = field(default_factory=list)
    visits_updated: list[VisitRow] = field(default_factory=list)
    counts_removed: list[str] = field(default_factory=list)
    counts_created: list[CountRow] = field(default_factory=list)
    counts_updated: list[CountRow] = field(default_factory=list)

    @property
    def matches(self) -> int:
        """How many shared nodes, and edges to change, the writing of these changes must find."""
        created = len(self.purchases_created) + len(self.visits_created) + len(self.counts_created)
        return created + len(self.purchases_updated) + len(self.visits_updated) + len(self.counts_updated)

    @property
    def written(self) -> int:
        """How many edges are made, changed or taken away."""
        removed = len(self.purchases_removed) + len(self.visits_removed) + len(self.counts_removed)
        return removed + self.matches

    @property
    def edges(self) -> bool:
        """Whether any edge changes."""
        return bool(
            self.purchases_removed
            or self.purchases_created
            or self.purchases_updated
            or self.visits_removed
            or self.visits_created
            or self.visits_updated
            or self.counts_removed
            or self.counts_created
            or self.counts_updated
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write at all."""
        return not self.edges and self.first_seen_at is None and self.retracted is None and self.loaded is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeys:
    """The shared nodes a transaction locks, each list in order of key; the labels are locked in this order."""

    categories: Sequence[str] = ()
    products: Sequence[str] = ()
    retailers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProduct:
    """A product's node under lock. `created`: this very transaction made it, and no edge leads to it."""

    fact: ProductFact
    category_hierarchy: tuple[str, ...] | None
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCategory:
    """A category's node under lock. `created`: this very transaction made it, and no product names it."""

    fact: CategoryFact
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShared:
    """The locked nodes' state, by key."""

    products: Mapping[str, StoredProduct] = field(default_factory=dict)
    categories: Mapping[str, StoredCategory] = field(default_factory=dict)
    retailers: Mapping[str, RetailerFact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChange:
    """A product as it shall be. `mark`: purchasers' counts must be recounted, since its category changed."""

    product_id: str
    fact: ProductFact
    category_hierarchy: tuple[str, ...] | None
    category_changed: bool
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChange:
    """A category as it shall be. `mark`: its products' hierarchies must be rewritten, since its own changed."""

    category_id: str
    fact: CategoryFact
    hierarchy_changed: bool
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailerChange:
    """A retailer as it shall be."""

    name: str
    fact: RetailerFact


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedChanges:
    """The difference a join makes to shared nodes; categories are written before the products that name them."""

    categories: Sequence[CategoryChange] = ()
    products: Sequence[ProductChange] = ()
    retailers: Sequence[RetailerChange] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.categories or self.products or self.retailers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A node whose dependants await a recount pass. `token` tells one mark from the next on the same node."""

    label: str
    key: str
    token: str
