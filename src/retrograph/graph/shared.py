"""The join of what users share: products, categories, retailers. Pure.

Each descriptive field is a fact of its own, and the greatest wins; what follows from a winner (a product's
hierarchy, the marks that ask for a recount) is decided here too, under the locks that the caller holds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from retrograph.facts import CategoryFact, PathField, ProductFact, RetailerFact, SharedFacts, TextField
from retrograph.graph.model import (
    CategoryChange,
    ProductChange,
    RetailerChange,
    SharedChanges,
    SharedKeys,
    StoredProduct,
    StoredShared,
)

FieldType = TypeVar("FieldType", TextField, PathField)
FactType = TypeVar("FactType", ProductFact, CategoryFact, RetailerFact)


def greater(left: FieldType | None, right: FieldType | None) -> FieldType | None:
    """The join of one descriptive field: (rank, observed_on, value), the greatest wins; nothing always loses."""
    if left is None or right is None:
        return right if left is None else left
    return left if left >= right else right


def join_product(left: ProductFact, right: ProductFact) -> ProductFact:
    """All that both say about a product."""
    return ProductFact(
        name=greater(left.name, right.name),
        brand=greater(left.brand, right.brand),
        category_id=greater(left.category_id, right.category_id),
    )


def join_category(left: CategoryFact, right: CategoryFact) -> CategoryFact:
    """All that both say about a category."""
    return CategoryFact(name=greater(left.name, right.name), hierarchy=greater(left.hierarchy, right.hierarchy))


def join_retailer(left: RetailerFact, right: RetailerFact) -> RetailerFact:
    """All that both say about a retailer."""
    return RetailerFact(channel=greater(left.channel, right.channel))


def _union(
    join: Callable[[FactType, FactType], FactType], sides: Iterable[Mapping[str, FactType]]
) -> dict[str, FactType]:
    joined: dict[str, FactType] = {}
    for side in sides:
        for key, fact in side.items():
            held = joined.setdefault(key, fact)
            if held is not fact:
                joined[key] = join(held, fact)
    return joined


def join_shared(facts: Iterable[SharedFacts]) -> SharedFacts:
    """All that several documents say about shared nodes."""
    sides = list(facts)
    if len(sides) == 1:
        return sides[0]
    return SharedFacts(
        products=_union(join_product, (side.products for side in sides)),
        categories=_union(join_category, (side.categories for side in sides)),
        retailers=_union(join_retailer, (side.retailers for side in sides)),
    )


def mentioned(facts: SharedFacts) -> SharedFacts:
    """The same facts, with an entry for every category that any of them names: each becomes a node."""
    named = {fact.category_id.value for fact in facts.products.values() if fact.category_id is not None}
    for fact in facts.categories.values():
        if fact.hierarchy is not None:
            named.update(fact.hierarchy.value)
    missing = named - facts.categories.keys()
    if not missing:
        return facts
    categories = dict(facts.categories) | {category_id: CategoryFact() for category_id in missing}
    return SharedFacts(products=facts.products, categories=categories, retailers=facts.retailers)


def keys_of(facts: SharedFacts) -> SharedKeys:
    """The nodes to lock, in order of (label, key)."""
    return SharedKeys(
        categories=sorted(facts.categories), products=sorted(facts.products), retailers=sorted(facts.retailers)
    )


@dataclass(slots=True)
class Knowledge:
    """What committed transactions have shown of shared nodes, so that facts that change nothing are left out.

    Stored state only ever grows, so a fact that knowledge implies is implied by the graph, unless somebody removed
    nodes: then the users' write matches fewer nodes than it sent, and the knowledge is forgotten. It holds at most
    `limit` entries of each label; the oldest go first.
    """

    limit: int = 200_000
    products: dict[str, ProductFact] = field(default_factory=dict)
    categories: dict[str, CategoryFact] = field(default_factory=dict)
    retailers: dict[str, RetailerFact] = field(default_factory=dict)

    def news(self, facts: SharedFacts) -> SharedFacts:
        """The part of the facts that knowledge does not imply."""
        return SharedFacts(
            products=_news(join_product, self.products, facts.products),
            categories=_news(join_category, self.categories, facts.categories),
            retailers=_news(join_retailer, self.retailers, facts.retailers),
        )

    def learn(self, stored: StoredShared, facts: SharedFacts) -> None:
        """Takes in what a transaction has read and written; to be called only after its commit."""
        for product_id, product in facts.products.items():
            _learn(self.products, product_id, join_product(stored.products[product_id].fact, product), product)
        for category_id, category in facts.categories.items():
            _learn(self.categories, category_id, join_category(stored.categories[category_id].fact, category), category)
        for name, retailer in facts.retailers.items():
            _learn(self.retailers, name, join_retailer(stored.retailers[name], retailer), retailer)
        for known in (self.products, self.categories, self.retailers):
            _trim(known, self.limit)

    def forget(self) -> None:
        """Drops everything: somebody has taken nodes away."""
        self.products.clear()
        self.categories.clear()
        self.retailers.clear()


def _news(
    join: Callable[[FactType, FactType], FactType], known: Mapping[str, FactType], facts: Mapping[str, FactType]
) -> dict[str, FactType]:
    if facts.items() <= known.items():  # most of what a load tells, and quick to see
        return {}
    fresh = {}
    for key, fact in facts.items():
        held = known.get(key)
        if held is None or (held is not fact and held != fact and join(held, fact) != held):
            fresh[key] = fact
    return fresh


def _learn(known: dict[str, FactType], key: str, joined: FactType, told: FactType) -> None:
    """Where they are equal, what was told is kept: a catalogue tells it again as the same object, which is quick to
    compare."""
    known[key] = told if joined == told else joined


def _trim(known: dict[str, Any], limit: int) -> None:
    excess = len(known) - limit
    if excess > 0:
        for key in list(islice(known, excess)):
            del known[key]


def merge_shared(stored: StoredShared, facts: SharedFacts, token: str) -> SharedChanges:
    """Decides what becomes of locked shared nodes. `token` marks whatever has dependants to be recounted.

    The caller has locked every category that `facts` names (see `mentioned`), so a product that moves into a
    category takes over that category's hierarchy as it really is, in the same transaction.
    """
    categories = {
        category_id: join_category(stored.categories[category_id].fact, fact)
        for category_id, fact in facts.categories.items()
    }
    products = (
        _product_change(product_id, stored.products[product_id], fact, categories, token)
        for product_id, fact in facts.products.items()
    )
    return SharedChanges(
        categories=_category_changes(stored, categories, token),
        products=[change for change in products if change is not None],
        retailers=_retailer_changes(stored, facts),
    )


def _category_changes(stored: StoredShared, joined: Mapping[str, CategoryFact], token: str) -> list[CategoryChange]:
    changes = []
    for category_id, fact in joined.items():
        before = stored.categories[category_id]
        if fact == before.fact:
            continue
        moved = path_of(fact) != path_of(before.fact)
        # Whoever writes a product locks its category as well: a category made just now has no products yet.
        mark = token if moved and not before.created else None
        changes.append(CategoryChange(category_id=category_id, fact=fact, hierarchy_changed=moved, mark=mark))
    return changes


def _product_change(
    product_id: str,
    before: StoredProduct,
    fact: ProductFact,
    categories: Mapping[str, CategoryFact],
    token: str,
) -> ProductChange | None:
    joined = join_product(before.fact, fact)
    category_id = category_of(joined)
    moved = category_id != category_of(before.fact)
    held = categories.get(category_id) if category_id is not None else None
    hierarchy = path_of(held) if held is not None else before.category_hierarchy
    if joined == before.fact and hierarchy == before.category_hierarchy:
        return None
    return ProductChange(
        product_id=product_id,
        fact=joined,
        category_hierarchy=hierarchy,
        category_changed=moved,
        mark=token if moved and not before.created else None,
    )


def _retailer_changes(stored: StoredShared, facts: SharedFacts) -> list[RetailerChange]:
    joined = ((name, join_retailer(stored.retailers[name], fact)) for name, fact in facts.retailers.items())
    return [RetailerChange(name=name, fact=fact) for name, fact in joined if fact != stored.retailers[name]]


def category_of(product: ProductFact) -> str | None:
    """The product's category id, if any fact has told it."""
    return product.category_id.value if product.category_id is not None else None


def path_of(category: CategoryFact) -> tuple[str, ...] | None:
    """The category's hierarchy, root to itself, if any fact has told it."""
    return category.hierarchy.value if category.hierarchy is not None else None
