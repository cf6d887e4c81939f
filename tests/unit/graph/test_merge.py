"""The join of a user, by properties, against a model of a graph that is nothing but dictionaries."""

from collections.abc import Mapping, Sequence
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.facts import UNKNOWN_TIME, Loaded, UserFacts
from retrograph.graph.derived import derive, purchase_row
from retrograph.graph.merge import NeedsWhole, join_user, merge_user, recount, wanted
from retrograph.graph.model import StoredPurchase, StoredUser, StoredVisit, UserChanges

PRODUCTS = ("apple", "bread", "cheese")
CATEGORIES: Mapping[str, str | None] = {"apple": "fruit", "bread": "bakery", "cheese": None}
RECEIPTS = ("r1", "r2", "r3", "r4")
INSTANTS = st.sampled_from([1_500_000_000_000, 1_500_086_400_000, 1_500_200_000_000, UNKNOWN_TIME])


@st.composite
def facts(draw: st.DrawFn) -> UserFacts:
    times = st.dictionaries(st.sampled_from(RECEIPTS), INSTANTS, min_size=1, max_size=3)
    return UserFacts(
        user_id="ann",
        purchases=draw(st.dictionaries(st.sampled_from(PRODUCTS), times, max_size=3)),
        visits=draw(
            st.dictionaries(
                st.sampled_from(["Store 1", "Store 2"]),
                st.frozensets(st.sampled_from(RECEIPTS), min_size=1),
                max_size=2,
            )
        ),
        retracted=draw(st.frozensets(st.sampled_from(RECEIPTS), max_size=1)),
        first_seen_at=draw(st.none() | INSTANTS),
        loaded=draw(st.none() | st.builds(Loaded, at=st.integers(1, 3), by=st.sampled_from("ab"))),
    )


class Model:
    """A graph of one user, written by changes as an adapter writes them."""

    def __init__(self) -> None:
        self.state = StoredUser(whole=True)

    def join(self, new: UserFacts) -> UserChanges:
        touched = wanted(new)
        try:
            changes = merge_user(self._read(touched.whole, touched.products, touched.retailers), new, CATEGORIES)
        except NeedsWhole:
            changes = merge_user(self._read(True, (), ()), new, CATEGORIES)
        self._write(changes)
        return changes

    def _read(self, whole: bool, products: Sequence[str], retailers: Sequence[str]) -> StoredUser:
        state = self.state
        return StoredUser(
            first_seen_at=state.first_seen_at,
            retracted=state.retracted,
            loaded=state.loaded,
            purchases={key: edges for key, edges in state.purchases.items() if whole or key in products},
            visits={key: edges for key, edges in state.visits.items() if whole or key in retailers},
            counts=state.counts,
            whole=whole,
        )

    def _write(self, changes: UserChanges) -> None:
        purchases, visits, counts = (
            dict(self.state.purchases),
            dict(self.state.visits),
            dict(self.state.counts),
        )
        for key in changes.purchases_removed:
            del purchases[key]
        for row in (*changes.purchases_created, *changes.purchases_updated):
            assert (row.product_id in purchases) == (row in changes.purchases_updated)
            edge = StoredPurchase(row.receipt_ids, row.timestamps, len(row.receipt_ids), True)
            purchases[row.product_id] = (edge,)
        for key in changes.visits_removed:
            del visits[key]
        for visit in (*changes.visits_created, *changes.visits_updated):
            visits[visit.retailer] = (StoredVisit(visit.receipt_ids, True),)
        for key in changes.counts_removed:
            del counts[key]
        for count in (*changes.counts_created, *changes.counts_updated):
            counts[count.category_id] = (count.purchase_count,)
        self.state = StoredUser(
            first_seen_at=changes.first_seen_at or self.state.first_seen_at,
            retracted=frozenset(changes.retracted) if changes.retracted is not None else self.state.retracted,
            loaded=changes.loaded or self.state.loaded,
            purchases=purchases,
            visits=visits,
            counts=counts,
            whole=True,
        )


def joined(history: Sequence[UserFacts]) -> StoredUser:
    model = Model()
    for new in history:
        model.join(new)
    return model.state


@given(st.lists(facts(), max_size=6), st.randoms(use_true_random=False))
def test_order_and_repetition_leave_no_trace(history: list[UserFacts], dice: object) -> None:
    shuffled = history + history[:2]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert joined(shuffled) == joined(history)


@given(st.lists(facts(), min_size=1, max_size=6), st.integers(0, 6))
def test_facts_may_be_joined_before_they_are_written(history: list[UserFacts], cut: int) -> None:
    parts = [part for part in (history[:cut], history[cut:]) if part]
    assert joined([reduce(join_user, part) for part in parts]) == joined(history)


@given(st.lists(facts(), max_size=6))
def test_the_second_time_changes_nothing(history: list[UserFacts]) -> None:
    model = Model()
    for new in history:
        model.join(new)
    for new in history:
        assert model.join(new).empty


@given(st.lists(facts(), max_size=6))
def test_every_number_follows_from_the_facts(history: list[UserFacts]) -> None:
    state = joined(history)
    retracted = frozenset[str]().union(*(new.retracted for new in history))
    held: dict[str, dict[str, int]] = {}
    for new in history:
        for product, times in new.purchases.items():
            for receipt, at in times.items():
                if receipt not in retracted:
                    held.setdefault(product, {})[receipt] = min(at, held.get(product, {}).get(receipt, at))
    assert {
        product: dict(zip(e.receipt_ids, e.timestamps, strict=True)) for product, (e,) in state.purchases.items()
    } == held
    expected: dict[str, int] = {}
    for product, times in held.items():
        category = CATEGORIES[product]
        if category is not None:
            expected[category] = expected.get(category, 0) + len(times)
    assert {category: count for category, (count,) in state.counts.items()} == expected
    assert retracted == state.retracted


@given(st.dictionaries(st.text(min_size=1, max_size=3), INSTANTS, min_size=1, max_size=6))
def test_lists_are_ordered_by_time_then_id(times: dict[str, int]) -> None:
    row = purchase_row("apple", times)
    assert list(zip(row.timestamps, row.receipt_ids, strict=True)) == sorted((at, key) for key, at in times.items())


def test_an_interval_divides_by_the_known_times_less_one() -> None:
    day = 86_400_000
    assert derive([0, day, 4 * day, UNKNOWN_TIME]) == (0, 4 * day, 2.0)
    assert derive([day, UNKNOWN_TIME]) == (day, day, 0.0)
    assert derive([UNKNOWN_TIME]) == (None, None, 0.0)


def test_a_retraction_asks_for_the_whole_user() -> None:
    assert wanted(UserFacts(user_id="ann", retracted=frozenset(["r1"]))).whole
    with pytest.raises(NeedsWhole):
        merge_user(StoredUser(), UserFacts(user_id="ann", retracted=frozenset(["r1"])), {})


@pytest.mark.parametrize(
    "edges",
    [
        (StoredPurchase(["r1"], [1], 1, False),),
        (StoredPurchase(["r1"], [1, 2], 1, True),),
        (StoredPurchase(["r1"], [1], 1, True), StoredPurchase(["r2"], [2], 1, True)),
        (StoredPurchase([], [], 0, True),),
    ],
)
def test_an_edge_that_is_not_sound_asks_for_the_whole_user(edges: tuple[StoredPurchase, ...]) -> None:
    new = UserFacts(user_id="ann", purchases={"apple": {"r3": 3}})
    with pytest.raises(NeedsWhole):
        merge_user(StoredUser(purchases={"apple": edges}), new, CATEGORIES)


def test_an_edge_that_holds_what_was_retracted_asks_for_the_whole_user() -> None:
    """Only all edges together tell how far the count is off."""
    edge = StoredPurchase(["r1", "r2"], [1, 2], 2, True)
    stored = StoredUser(purchases={"apple": (edge,)}, retracted=frozenset(["r1", "r2"]), counts={"fruit": (2,)})
    with pytest.raises(NeedsWhole):
        merge_user(stored, UserFacts(user_id="ann", purchases={"apple": {"r3": 3}}), CATEGORIES)


def test_a_recount_rewrites_all_counts() -> None:
    stored = StoredUser(
        purchases={"apple": (StoredPurchase(["r1", "r2"], [1, 2], 2, True),)},
        counts={"bakery": (2,), "fruit": (1,)},
        whole=True,
    )
    changes = recount(stored, "ann", CATEGORIES)
    assert changes.counts_removed == ["bakery"]
    assert [tuple(row) for row in changes.counts_updated] == [("fruit", 2)]
