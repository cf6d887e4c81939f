"""The sample that comes with the package, whole: 136,452 purchases of 2,377 users, in order of user, and its catalogue.

Receipts, and shop orders that are validated, without a window. Nothing is asked over HTTP here: what is measured is
writing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import duckdb

from retrograph.facts import (
    CategoryFact,
    Facts,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
)
from retrograph.sandbox.options import SAMPLE

LOADED_AT: Final = 1_514_851_200_000
"""2018-01-02T00:00:00Z, after the last receipt."""
_DAY: Final = LOADED_AT // 86_400_000
_CHANNEL: Final = RetailerFact(channel=TextField(0, 0, "GROCERY"))
_LINES: Final = """
SELECT user_id, receipt_id, epoch_ms(min(bought) OVER (PARTITION BY user_id, receipt_id)) AS millis, product_id,
       min(retailer) OVER (PARTITION BY user_id, receipt_id) AS retailer
FROM (SELECT user_id, receipt_id, purchased_at AS bought, product_id, retailer FROM '{folder}/receipts.parquet'
      UNION ALL SELECT user_id, button_order_id, ordered_at, product_id, retailer FROM '{folder}/shop_orders.parquet'
      WHERE status = 'VALIDATED')
ORDER BY user_id, millis, receipt_id, product_id"""


class Line(NamedTuple):
    """One product on one receipt."""

    user_id: str
    receipt_id: str
    millis: int
    product_id: str
    retailer: str


@dataclass(slots=True, kw_only=True)
class History:
    """What one user bought, grouped the way a graph holds it."""

    user_id: str
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)
    visits: dict[str, set[str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Purchases: pairs of a receipt and a product."""
        return sum(len(times) for times in self.purchases.values())


class Sample:
    """Lines of some users and the whole catalogue. `users` bounds how many; all unless told otherwise.

    A product that only receipts name is one of which the catalogue says nothing.
    """

    def __init__(self, users: int | None = None) -> None:
        lines = [Line(*row) for row in duckdb.execute(_LINES.format(folder=SAMPLE)).fetchall()]
        wanted = sorted({line.user_id for line in lines})[:users]
        kept = set(wanted)
        self.lines = [line for line in lines if line.user_id in kept]
        catalogue = {row[0]: row for row in _table("product_id, name, brand, category_id", "products")}
        bought = {line.product_id for line in self.lines}
        sold = catalogue.keys() if users is None else catalogue.keys() & bought
        self.products = [catalogue[product_id] for product_id in sorted(sold)]
        self.products += [(product_id, None, None, None) for product_id in sorted(bought - catalogue.keys())]
        self.categories = _table("category_id, name, parent_id", "categories")

    @cached_property
    def category_of(self) -> dict[str, str | None]:
        return {row[0]: row[3] for row in self.products}

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Each category's hierarchy, root to itself."""
        parents = {category_id: parent_id for category_id, _, parent_id in self.categories}
        paths: dict[str, tuple[str, ...]] = {}
        for category_id in parents:
            path = [category_id]
            while (parent := parents.get(path[0])) is not None:
                path.insert(0, parent)
            paths[category_id] = tuple(path)
        return paths

    def counts(self, history: History) -> Counter[str]:
        """What a user's `SHOPS_IN` edges hold."""
        counts: Counter[str] = Counter()
        for product_id, times in history.purchases.items():
            category_id = self.category_of.get(product_id)
            if category_id is not None:
                counts[category_id] += len(times)
        return counts

    @cached_property
    def product_facts(self) -> dict[str, ProductFact]:
        return {
            product_id: ProductFact(name=_told(name), brand=_told(brand), category_id=_told(category_id))
            for product_id, name, brand, category_id in self.products
        }

    @cached_property
    def category_facts(self) -> dict[str, CategoryFact]:
        return {
            category_id: CategoryFact(name=_told(name), hierarchy=PathField(1, _DAY, self.paths[category_id]))
            for category_id, name, _ in self.categories
        }

    def catalogue(self) -> Facts:
        """All that users share, as facts of a user who bought nothing."""
        retailers = {line.retailer: _CHANNEL for line in self.lines}
        shared = SharedFacts(products=self.product_facts, categories=self.category_facts, retailers=retailers)
        return Facts(user=UserFacts(user_id="nobody"), shared=shared)

    def facts(self, history: History, *, loaded_at: int | None = LOADED_AT) -> Facts:
        """What a load brings of one user: purchases, and what the catalogue says of all that they name."""
        loaded = Loaded(at=loaded_at, by="bench") if loaded_at is not None else None
        return Facts(user=user_facts(history, loaded), shared=self._shared(history))

    def _shared(self, history: History) -> SharedFacts:
        products = {product_id: self.product_facts[product_id] for product_id in history.purchases}
        leaves = {fact.category_id.value for fact in products.values() if fact.category_id is not None}
        named = {category_id for leaf in leaves for category_id in self.paths[leaf]}
        return SharedFacts(
            products=products,
            categories={category_id: self.category_facts[category_id] for category_id in named},
            retailers=dict.fromkeys(history.visits, _CHANNEL),
        )


def histories(lines: Sequence[Line]) -> list[History]:
    """The users of these lines, in order of id."""
    found: dict[str, History] = {}
    for line in lines:
        history = found.setdefault(line.user_id, History(user_id=line.user_id))
        history.purchases.setdefault(line.product_id, {})[line.receipt_id] = line.millis
        history.visits.setdefault(line.retailer, set()).add(line.receipt_id)
    return [found[user_id] for user_id in sorted(found)]


def user_facts(history: History, loaded: Loaded | None) -> UserFacts:
    """A user's part of the facts."""
    return UserFacts(
        user_id=history.user_id,
        purchases=history.purchases,
        visits={retailer: frozenset(receipts) for retailer, receipts in history.visits.items()},
        first_seen_at=min(min(times.values()) for times in history.purchases.values()),
        loaded=loaded,
    )


def _told(value: str | None) -> TextField | None:
    return TextField(1, _DAY, value) if value else None


def _table(columns: str, name: str) -> list[Any]:
    return duckdb.execute(f"SELECT {columns} FROM '{SAMPLE}/{name}.parquet' ORDER BY 1").fetchall()
