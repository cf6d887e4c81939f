"""Splits a user whose facts do not fit one transaction: the only case in which a user can be half written.

Every part is a join of its own, so what a crash leaves between two parts is completed by the retry.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from retrograph.facts import CategoryFact, Facts, SharedFacts, UserFacts

T = TypeVar("T")

MAX_FACTS: Final = 20_000
"""Facts about edges in one transaction, so that it ends well within its timeout and a lease's time."""


def split(facts: Facts, most: int = MAX_FACTS) -> Iterator[Facts]:
    """The facts in parts of at most `most`; the last part alone carries retractions and the end of a full load.

    Each part says of shared nodes what its own edges lead to, and the last one all the rest.
    """
    user = facts.user
    if user.size <= most:
        yield facts
        return
    receipts = ((product, receipt, at) for product, times in user.purchases.items() for receipt, at in times.items())
    for part in _parts(receipts, most):
        purchases: dict[str, dict[str, int]] = {}
        for product, receipt, at in part:
            purchases.setdefault(product, {})[receipt] = at
        yield Facts(user=UserFacts(user_id=user.user_id, purchases=purchases), shared=_about(facts.shared, purchases))
    seen = ((retailer, receipt, 0) for retailer, receipts in user.visits.items() for receipt in receipts)
    for part in _parts(seen, most):
        visits: dict[str, set[str]] = {}
        for retailer, receipt, _ in part:
            visits.setdefault(retailer, set()).add(receipt)
        frozen = {retailer: frozenset(receipts) for retailer, receipts in visits.items()}
        retailers = {name: facts.shared.retailers[name] for name in frozen if name in facts.shared.retailers}
        yield Facts(user=UserFacts(user_id=user.user_id, visits=frozen), shared=SharedFacts(retailers=retailers))
    told = _about(facts.shared, user.purchases)
    yield Facts(
        user=replace(user, purchases={}, visits={}),
        shared=SharedFacts(
            products=_without(facts.shared.products, told.products),
            categories=_without(facts.shared.categories, told.categories),
            retailers=_without(facts.shared.retailers, user.visits),
        ),
    )


def _about(shared: SharedFacts, products: Iterable[str]) -> SharedFacts:
    """What is said of these products, of their categories, and of the categories on the way to those."""
    mine = {product_id: shared.products[product_id] for product_id in products if product_id in shared.products}
    categories: dict[str, CategoryFact] = {}
    wanted = {fact.category_id.value for fact in mine.values() if fact.category_id is not None}
    while wanted:
        found = {
            category_id: shared.categories[category_id] for category_id in wanted if category_id in shared.categories
        }
        categories |= found
        paths = (fact.hierarchy.value for fact in found.values() if fact.hierarchy is not None)
        wanted = {category_id for path in paths for category_id in path} - categories.keys()
        wanted &= shared.categories.keys()
    return SharedFacts(products=mine, categories=categories)


def _without(all_of: Mapping[str, T], told: Iterable[str]) -> dict[str, T]:
    return {key: all_of[key] for key in all_of.keys() - set(told)}


def _parts(rows: Iterable[tuple[str, str, int]], most: int) -> Iterator[list[tuple[str, str, int]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, most)):
        yield part
