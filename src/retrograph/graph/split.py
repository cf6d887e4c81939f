"""Splits a user whose facts do not fit one transaction: the only case in which a user can be half written.

Every part is a join of its own, so what a crash leaves between two parts is completed by the retry.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from retrograph.facts import Facts, UserFacts

MAX_FACTS: Final = 20_000
"""Facts about edges in one transaction, so that it ends well within its timeout and a lease's time."""


def split(facts: Facts, most: int = MAX_FACTS) -> Iterator[Facts]:
    """The facts in parts of at most `most`; the last part alone carries retractions and the end of a full load."""
    user = facts.user
    if user.size <= most:
        yield facts
        return
    receipts = ((product, receipt, at) for product, times in user.purchases.items() for receipt, at in times.items())
    for part in _parts(receipts, most):
        purchases: dict[str, dict[str, int]] = {}
        for product, receipt, at in part:
            purchases.setdefault(product, {})[receipt] = at
        yield Facts(user=UserFacts(user_id=user.user_id, purchases=purchases), shared=facts.shared)
    seen = ((retailer, receipt, 0) for retailer, receipts in user.visits.items() for receipt in receipts)
    for part in _parts(seen, most):
        visits: dict[str, set[str]] = {}
        for retailer, receipt, _ in part:
            visits.setdefault(retailer, set()).add(receipt)
        frozen = {retailer: frozenset(receipts) for retailer, receipts in visits.items()}
        yield Facts(user=UserFacts(user_id=user.user_id, visits=frozen), shared=facts.shared)
    yield Facts(user=replace(user, purchases={}, visits={}), shared=facts.shared)


def _parts(rows: Iterable[tuple[str, str, int]], most: int) -> Iterator[list[tuple[str, str, int]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, most)):
        yield part
