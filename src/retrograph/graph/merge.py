"""The join of a user: stored state + facts → changes. Pure, and the only place that decides what edges become.

A join is idempotent, commutative and associative, so the order of facts, their repetition and the way they were
split over transactions leave no trace. Everything derived is recomputed from the facts that an edge holds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

from retrograph.facts import UNKNOWN_TIME, Loaded, UserFacts
from retrograph.graph.derived import purchase_row
from retrograph.graph.model import (
    CountRow,
    StoredPurchase,
    StoredUser,
    StoredVisit,
    UserChanges,
    VisitRow,
    Wanted,
)

_NO_RECEIPTS: Final[Mapping[str, int]] = {}
_NO_VISITS: Final[frozenset[str]] = frozenset()


class NeedsWhole(Exception):
    """The touched edges alone do not tell: the whole user must be read, in the same transaction."""


def earlier(left: int | None, right: int | None) -> int | None:
    """The minimum of two instants, either of which may be missing."""
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)


def latest_load(left: Loaded | None, right: Loaded | None) -> Loaded | None:
    """The later pair (at, by)."""
    if left is None or right is None:
        return right if left is None else left
    return left if (left.at, left.by) >= (right.at, right.by) else right


def join_user(left: UserFacts, right: UserFacts) -> UserFacts:
    """All that two documents say about one user."""
    purchases = {product_id: dict(times) for product_id, times in left.purchases.items()}
    for product_id, times in right.purchases.items():
        _join_times(purchases.setdefault(product_id, {}), times.items())
    visits = dict(left.visits)
    for retailer, receipts in right.visits.items():
        visits[retailer] = visits.get(retailer, _NO_VISITS) | receipts
    return UserFacts(
        user_id=left.user_id,
        purchases=purchases,
        visits=visits,
        retracted=left.retracted | right.retracted,
        first_seen_at=earlier(left.first_seen_at, right.first_seen_at),
        loaded=latest_load(left.loaded, right.loaded),
    )


def reads_whole(facts: UserFacts) -> bool:
    """Whether a join of these facts has to read all of the user.

    A full load recomputes the whole user. A retraction may name a receipt on any edge; and an edge that it takes
    away no longer leads a recount pass to this user, so the user's counts are then derived from all edges at once.
    """
    return facts.loaded is not None or bool(facts.retracted)


def wanted(facts: UserFacts, *, whole: bool = False) -> Wanted:
    """What a join of these facts has to read."""
    if whole:
        return Wanted(user_id=facts.user_id, whole=True)
    if reads_whole(facts):
        return Wanted(user_id=facts.user_id, whole=True, expected=facts.purchases)
    return Wanted(user_id=facts.user_id, whole=False, products=list(facts.purchases), retailers=list(facts.visits))


def merge_user(stored: StoredUser, facts: UserFacts, categories: Mapping[str, str | None]) -> UserChanges:
    """Decides what becomes of one user under lock.

    `categories` is the stored category of every product involved. Raises `NeedsWhole` where not every edge was read,
    and what was read shows something that no sound graph holds, or a fact that reaches further.
    """
    if not stored.whole and not facts.retracted <= stored.retracted:
        raise NeedsWhole
    retracted = stored.retracted | facts.retracted if facts.retracted else stored.retracted
    changes = UserChanges(user_id=facts.user_id)
    _merge_properties(stored, facts, retracted, changes)
    if stored.whole:
        times = _merge_all_purchases(stored, facts, retracted, changes)
        _merge_visits(stored, facts, retracted, {**stored.visits, **facts.visits}, changes)
        _merge_counts(stored.counts, counts_of(times, categories), changes)
    else:
        grown = _merge_touched_purchases(stored, facts, retracted, changes)
        _merge_visits(stored, facts, retracted, facts.visits, changes)
        _grow_counts(stored.counts, counts_of(grown, categories), changes)
    return changes


def _merge_properties(stored: StoredUser, facts: UserFacts, retracted: frozenset[str], changes: UserChanges) -> None:
    first_seen_at = earlier(stored.first_seen_at, facts.first_seen_at)
    if first_seen_at != stored.first_seen_at:
        changes.first_seen_at = first_seen_at
    if len(retracted) != len(stored.retracted):
        changes.retracted = sorted(retracted)
    loaded = latest_load(stored.loaded, facts.loaded)
    if loaded != stored.loaded:
        changes.loaded = loaded


def _merge_all_purchases(
    stored: StoredUser, facts: UserFacts, retracted: frozenset[str], changes: UserChanges
) -> dict[str, int]:
    """Heals and joins every edge; returns the times of each product that is left."""
    if stored.settled:
        if retracted and not all(map(retracted.isdisjoint, facts.purchases.values())):
            raise NeedsWhole
        return _numbers(facts.purchases)
    if not stored.purchases and not retracted:
        changes.purchases_created += [purchase_row(*told) for told in facts.purchases.items() if told[1]]
        return _numbers(facts.purchases)
    result: dict[str, int] = {}
    for product_id, edges in stored.purchases.items():
        told = facts.purchases.get(product_id, _NO_RECEIPTS)
        if _settled(edges, told, retracted):
            result[product_id] = 1
        elif kept := _merge_purchase(product_id, edges, told, retracted, changes):
            result[product_id] = kept
    for product_id, times in facts.purchases.items():
        if product_id not in stored.purchases and (joined := _without(times, retracted) if retracted else times):
            changes.purchases_created.append(purchase_row(product_id, joined))
            result[product_id] = len(joined)
    return result


def _numbers(purchases: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return dict(zip(purchases, map(len, purchases.values()), strict=True))


def _merge_touched_purchases(
    stored: StoredUser, facts: UserFacts, retracted: frozenset[str], changes: UserChanges
) -> dict[str, int]:
    """Joins the touched edges; returns by how much the times of each product have grown."""
    grown: dict[str, int] = {}
    for product_id, times in facts.purchases.items():
        edges = stored.purchases.get(product_id, ())
        if len(edges) > 1 or (edges and not _plain(edges[0])):
            raise NeedsWhole
        if edges and _settled(edges, times, retracted):
            continue
        before = edges[0].times if edges else 0
        after = _merge_purchase(product_id, edges, times, retracted, changes)
        if after < before:
            raise NeedsWhole
        if after > before:
            grown[product_id] = after - before
    return grown


def _plain(edge: StoredPurchase) -> bool:
    return edge.sound and edge.times == len(edge.receipt_ids) == len(edge.timestamps) > 0


def _merge_purchase(
    product_id: str,
    edges: Sequence[StoredPurchase],
    times: Mapping[str, int],
    retracted: frozenset[str],
    changes: UserChanges,
) -> int:
    """Joins one pair and notes what changes; returns how many receipts it then has."""
    if not edges:
        joined = _without(times, retracted)
        if joined:
            changes.purchases_created.append(purchase_row(product_id, joined))
        return len(joined)
    held = held_receipts(edges)
    _join_times(held, times.items())
    joined = _without(held, retracted)
    if not joined:
        changes.purchases_removed.append(product_id)
        return 0
    edge = edges[0]
    row = purchase_row(product_id, joined)
    if len(edges) > 1:
        changes.purchases_removed.append(product_id)
        changes.purchases_created.append(row)
    elif not edge.sound or row.receipt_ids != edge.receipt_ids or row.timestamps != edge.timestamps:
        changes.purchases_updated.append(row)
    return len(joined)


def _settled(edges: Sequence[StoredPurchase], times: Mapping[str, int], retracted: frozenset[str]) -> bool:
    """Whether a pair is one sound edge of one receipt and the facts say nothing new of it: nearly all of a load that
    is repeated, and quick to see."""
    if len(edges) != 1:
        return False
    receipt_ids, timestamps, _, sound = edges[0]
    if not sound or len(receipt_ids) != 1 or len(timestamps) != 1 or receipt_ids[0] in retracted:
        return False
    return not times or (len(times) == 1 and times.get(receipt_ids[0], -1) >= timestamps[0])


def held_receipts(edges: Iterable[StoredPurchase]) -> dict[str, int]:
    """The facts on the edges of one pair. Where the lists differ in length their pairing is lost, so the times are
    unknown. An edge without lists holds none."""
    held: dict[str, int] = {}
    for edge in edges:
        paired = len(edge.receipt_ids) == len(edge.timestamps)
        times = edge.timestamps if paired else repeat(UNKNOWN_TIME)
        _join_times(held, zip(edge.receipt_ids, times, strict=False))
    return held


def _join_times(held: dict[str, int], times: Iterable[tuple[str, int]]) -> None:
    """Two times for one receipt: the earlier."""
    for receipt_id, at in times:
        before = held.get(receipt_id)
        if before is None or at < before:
            held[receipt_id] = at


def _without(times: Mapping[str, int], retracted: frozenset[str]) -> Mapping[str, int]:
    if not retracted or retracted.isdisjoint(times):
        return times
    return {receipt_id: at for receipt_id, at in times.items() if receipt_id not in retracted}


def _merge_visits(
    stored: StoredUser,
    facts: UserFacts,
    retracted: frozenset[str],
    retailers: Iterable[str],
    changes: UserChanges,
) -> None:
    for retailer in retailers:
        _merge_visit(
            retailer, stored.visits.get(retailer, ()), facts.visits.get(retailer, _NO_VISITS), retracted, changes
        )


def _merge_visit(
    retailer: str,
    edges: Sequence[StoredVisit],
    receipts: frozenset[str],
    retracted: frozenset[str],
    changes: UserChanges,
) -> None:
    held = receipts.union(*[edge.receipt_ids for edge in edges])
    joined = sorted(held - retracted if retracted else held)
    if not edges:
        if joined:
            changes.visits_created.append(VisitRow(retailer, joined))
    elif not joined:
        changes.visits_removed.append(retailer)
    elif len(edges) > 1:
        changes.visits_removed.append(retailer)
        changes.visits_created.append(VisitRow(retailer, joined))
    elif not edges[0].sound or joined != edges[0].receipt_ids:
        changes.visits_updated.append(VisitRow(retailer, joined))


def counts_of(times: Mapping[str, int], categories: Mapping[str, str | None]) -> dict[str, int]:
    """The sum of `times` by the products' stored categories; products without one count nowhere."""
    counts = Counter(map(categories.__getitem__, times))
    for product_id, number in times.items():
        if number != 1:  # most are bought once
            counts[categories[product_id]] += number - 1
    return {category_id: count for category_id, count in counts.items() if category_id is not None and count}


def _merge_counts(stored: Mapping[str, Sequence[int]], counts: Mapping[str, int], changes: UserChanges) -> None:
    for category_id, held in stored.items():
        if category_id not in counts:
            changes.counts_removed.append(category_id)
        elif len(held) > 1:
            changes.counts_removed.append(category_id)
            changes.counts_created.append(CountRow(category_id, counts[category_id]))
        elif held[0] != counts[category_id]:
            changes.counts_updated.append(CountRow(category_id, counts[category_id]))
    changes.counts_created.extend(
        CountRow(category_id, count) for category_id, count in counts.items() if category_id not in stored
    )


def _grow_counts(stored: Mapping[str, Sequence[int]], grown: Mapping[str, int], changes: UserChanges) -> None:
    for category_id, growth in grown.items():
        held = stored.get(category_id, ())
        if len(held) > 1:
            raise NeedsWhole
        if held:
            changes.counts_updated.append(CountRow(category_id, held[0] + growth))
        else:
            changes.counts_created.append(CountRow(category_id, growth))


def recount(stored: StoredUser, user_id: str, categories: Mapping[str, str | None]) -> UserChanges:
    """Rewrites a whole user's counts from the edges as they stand: what a recount pass does to each purchaser."""
    if not stored.whole:
        raise NeedsWhole
    times = {product_id: sum(edge.times for edge in edges) for product_id, edges in stored.purchases.items()}
    changes = UserChanges(user_id=user_id)
    _merge_counts(stored.counts, counts_of(times, categories), changes)
    return changes
