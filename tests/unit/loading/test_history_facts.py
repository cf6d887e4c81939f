"""From documents to facts: by example for each rule, and by properties for order and duplicates."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.clock import from_millis, to_millis
from retrograph.facts import (
    CategoryFact,
    Facts,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    TextField,
)
from retrograph.loading.history_facts import Catalogue, HistoryFacts, Window, history_facts, orders_to_fetch
from retrograph.upstream.categories import KnownCategory
from retrograph.upstream.products import KnownProduct
from retrograph.upstream.purchase_history import Receipt, ReceiptItem, Retailer
from retrograph.upstream.shop_orders import Order, OrderLine, OrderSummary, Status

DAY = 86_400_000
UNTIL = to_millis(datetime(2018, 1, 2, tzinfo=UTC))
SINCE = UNTIL - 365 * DAY
WINDOW = Window(SINCE, UNTIL)
NOTHING = Catalogue({}, {})


def receipt(receipt_id: str, at: int, *items: str, shop: str = "Shop", channel: str | None = "GROCERY") -> Receipt:
    """Items are `product` or `product=description`."""
    lines = [ReceiptItem(product_id=i.partition("=")[0], description=i.partition("=")[2] or None) for i in items]
    return Receipt(
        receipt_id=receipt_id, purchased_at=from_millis(at), retailer=Retailer(name=shop, channel=channel), items=lines
    )


def order(order_id: str, at: int, *items: str, status: Status = "VALIDATED") -> Order:
    lines = [OrderLine(product_id=i.partition("=")[0], description=i.partition("=")[2] or None) for i in items]
    retailer = Retailer(name="Online", channel="SHOP")
    return Order(order_id=order_id, user_id="u", status=status, created_at=at, retailer=retailer, lines=lines)


def listed(order_id: str, status: Status, at: int) -> OrderSummary:
    return OrderSummary(order_id=order_id, status=status, created_at=at)


def read(
    receipts: Sequence[Receipt] = (),
    summaries: Sequence[OrderSummary] = (),
    orders: Sequence[Order] = (),
    catalogue: Catalogue = NOTHING,
) -> HistoryFacts:
    return history_facts("u", receipts, summaries, orders, catalogue, WINDOW)


def test_a_receipt_is_purchases_a_visit_and_what_it_says_about_its_nodes() -> None:
    facts, refused, found = read([receipt("r", SINCE, "p=Milk", "q", "p=Milk")])
    day = SINCE // DAY
    assert facts.user.purchases == {"p": {"r": SINCE}, "q": {"r": SINCE}}
    assert facts.user.visits == {"Shop": frozenset({"r"})}
    assert facts.user.first_seen_at == SINCE
    assert facts.shared.products == {"p": ProductFact(name=TextField(0, day, "Milk")), "q": ProductFact()}
    assert facts.shared.retailers == {"Shop": RetailerFact(channel=TextField(0, day, "GROCERY"))}
    assert (refused, found) == ({}, {"purchases": 2})


def test_a_user_without_history_is_a_user() -> None:
    facts, refused, found = history_facts("u", [], [], [], NOTHING, WINDOW, Loaded(at=1, by="job"))
    assert (facts.user.user_id, facts.user.loaded) == ("u", Loaded(at=1, by="job"))
    assert (facts.user.size, facts.user.first_seen_at, refused) == (0, None, {})
    assert found == {"purchases": 0, "users-without-history": 1}


def test_a_user_whose_orders_are_all_pending_or_cancelled_is_known_though_nothing_was_bought() -> None:
    assert read(summaries=[listed("o", "PENDING", SINCE)]).found == {"purchases": 0}
    assert read(summaries=[listed("o", "CANCELLED", SINCE)]).found == {"purchases": 0, "retractions": 1}


@pytest.mark.parametrize(
    ("at", "counts", "refused"),
    [
        (SINCE - 1, False, {}),
        (SINCE, True, {}),
        (UNTIL - 1, True, {}),
        (UNTIL, False, {}),
        (UNTIL + 1, False, {"instant-after-as-of": 1}),
        (946_684_799_999, False, {"instant-before-2000": 1}),
    ],
)
def test_the_window_of_receipts_is_half_open(at: int, counts: bool, refused: dict[str, int]) -> None:
    found = read([receipt("r", at, "p")])
    assert (bool(found.facts.user.purchases), found.refused) == (counts, refused)
    assert bool(found.facts.shared.products) is bool(found.facts.shared.retailers) is counts


@pytest.mark.parametrize(
    ("at", "counts", "refused"),
    [
        (SINCE - 1, False, {}),
        (SINCE, True, {}),
        (UNTIL, False, {}),
        (UNTIL + DAY, False, {}),
        (-1, False, {"instant-before-2000": 1}),
    ],
)
def test_the_window_of_orders_is_half_open_and_a_later_order_is_no_error(
    at: int, counts: bool, refused: dict[str, int]
) -> None:
    assert orders_to_fetch([listed("o", "VALIDATED", at)], WINDOW) == (["o"] if counts else [])
    found = read(orders=[order("o", at, "p")])
    assert (bool(found.facts.user.purchases), found.refused) == (counts, refused)


def test_only_validated_orders_with_an_id_are_fetched_each_once() -> None:
    summaries = [
        listed("a", "VALIDATED", SINCE), listed("b", "PENDING", SINCE), listed("c", "CANCELLED", SINCE),
        listed("a", "VALIDATED", SINCE + 1), listed("x" * 257, "VALIDATED", SINCE),
    ]  # fmt: skip
    assert orders_to_fetch(summaries, WINDOW) == ["a"]
    assert read(summaries=summaries).refused == {"invalid-receipt-id": 1}


@pytest.mark.parametrize(
    ("at", "first_seen_at"), [(SINCE, SINCE), (SINCE - 1, None), (UNTIL, None), (UNTIL + DAY, None), (5, None)]
)
def test_a_cancelled_order_retracts_whatever_its_time(at: int, first_seen_at: int | None) -> None:
    facts = read(summaries=[listed("o", "CANCELLED", at)]).facts
    assert facts.user.retracted == {"o"}
    assert facts.user.first_seen_at == first_seen_at
    assert not facts.user.purchases


def test_a_pending_order_is_no_fact() -> None:
    facts = read(summaries=[listed("o", "PENDING", SINCE)], orders=[order("o", SINCE, "p", status="PENDING")]).facts
    assert facts == read().facts
    assert read(summaries=[listed("", "PENDING", -1)]).refused == {}


def test_the_order_in_full_wins_over_the_list() -> None:
    listing = [listed("o", "VALIDATED", SINCE + DAY)]
    cancelled = read(summaries=listing, orders=[order("o", SINCE + DAY, "p", status="CANCELLED")]).facts.user
    assert cancelled.retracted == {"o"}
    assert not cancelled.purchases
    earlier = read(summaries=listing, orders=[order("o", SINCE + 7, "p")]).facts.user
    assert (earlier.purchases, earlier.first_seen_at) == ({"p": {"o": SINCE + 7}}, SINCE + 7)
    outside = read(summaries=listing, orders=[order("o", UNTIL, "p")]).facts
    assert outside == read().facts


def test_two_times_for_one_receipt_are_the_earlier() -> None:
    found = read([receipt("r", SINCE + 5, "p"), receipt("r", SINCE + 3, "p")], orders=[order("r", SINCE + 4, "p")])
    assert found.facts.user.purchases == {"p": {"r": SINCE + 3}}


def test_ids_are_cleaned_before_they_meet() -> None:
    found = read([receipt(" r", SINCE, "p ", " p", shop=" Shop "), receipt("r", SINCE, "p", shop="Shop")])
    assert found.facts.user.purchases == {"p": {"r": SINCE}}
    assert found.facts.user.visits == {"Shop": {"r"}}


def test_what_breaks_the_rules_is_left_out_alone_and_counted_by_reason() -> None:
    found = read(
        [receipt("r", SINCE, "p", "\x00", "\x00", "", shop="\x01"), receipt("", SINCE, "q"), receipt("s", SINCE, "p")]
    )
    assert found.facts.user.purchases == {"p": {"r": SINCE, "s": SINCE}}
    assert found.facts.user.visits == {"Shop": {"s"}}
    assert found.refused == {"invalid-product-id": 2, "invalid-retailer": 1, "invalid-receipt-id": 1}


def test_the_greatest_description_wins_and_an_empty_one_is_none() -> None:
    found = read(
        [
            receipt("r", SINCE, "p=Old", channel="A"),
            receipt("s", SINCE + DAY, "p=Banana", channel="B"),
            receipt("t", SINCE + DAY, "p=Apple", channel=" "),
            receipt("v", SINCE + 2 * DAY, "p= \n", channel=None),
        ]
    )
    day = (SINCE + DAY) // DAY
    assert found.facts.shared.products["p"].name == TextField(0, day, "Banana")
    assert found.facts.shared.retailers["Shop"].channel == TextField(0, day, "B")


def known(name: str | None = None, category: str | None = None, **more: Any) -> KnownProduct:
    fact = ProductFact(
        name=None if name is None else TextField(1, 5, name),
        category_id=None if category is None else TextField(1, 5, category),
    )
    return KnownProduct(fact=fact, **more)


def test_the_catalogue_outranks_the_receipts_field_by_field() -> None:
    catalogue = Catalogue({"p": known(name="Catalogue"), "q": known(category="c")}, {})
    products = read([receipt("r", SINCE, "p=Receipt", "q=Receipt", "x=Receipt")], catalogue=catalogue)
    name = TextField(0, SINCE // DAY, "Receipt")
    assert products.facts.shared.products == {
        "p": ProductFact(name=TextField(1, 5, "Catalogue")),
        "q": ProductFact(name=name, category_id=TextField(1, 5, "c")),
        "x": ProductFact(name=name),
    }
    assert products.facts.shared.categories == {"c": CategoryFact()}


def test_the_catalogue_is_no_source_of_products_that_nobody_bought() -> None:
    catalogue = Catalogue({"p": known(name="P", category="c")}, {})
    assert read([receipt("r", SINCE - 1, "p")], catalogue=catalogue).facts == read().facts


def level(*path: str, name: str = "N", day: int = 5) -> CategoryFact:
    return CategoryFact(name=TextField(1, day, name), hierarchy=PathField(1, day, path))


def test_every_category_that_is_mentioned_gets_an_entry() -> None:
    hierarchy = KnownCategory(facts={"a": level("a"), "b": level("a", "b")})
    catalogue = Catalogue({"p": known(category="b"), "q": known(category="z")}, {"b": hierarchy})
    categories = read([receipt("r", SINCE, "p", "q")], catalogue=catalogue).facts.shared.categories
    assert categories == {"a": level("a"), "b": level("a", "b"), "z": CategoryFact()}


def test_two_hierarchies_that_disagree_are_joined_field_by_field() -> None:
    catalogue = Catalogue(
        {"p": known(category="b"), "q": known(category="c")},
        {
            "b": KnownCategory(facts={"a": level("a", name="Z", day=5), "b": level("a", "b")}),
            "c": KnownCategory(facts={"a": level("x", "a", name="A", day=6), "c": level("x", "a", "c")}),
        },
    )
    categories = read([receipt("r", SINCE, "p", "q")], catalogue=catalogue).facts.shared.categories
    assert categories["a"] == level("x", "a", name="A", day=6)


def test_category_ids_that_break_the_rule_are_counted() -> None:
    catalogue = Catalogue(
        {"p": known(invalid_category_id=True), "q": known(category="c")}, {"c": KnownCategory(invalid_id=True)}
    )
    found = read([receipt("r", SINCE, "p", "q")], catalogue=catalogue)
    assert found.refused == {"invalid-category-id": 2}
    assert found.facts.shared.categories == {"c": CategoryFact()}


IDS = st.sampled_from(["a", "b", " b", "c\x00", ""])
INSTANTS = st.sampled_from([5, SINCE - 1, SINCE, SINCE + 1, SINCE + DAY, UNTIL - 1, UNTIL, UNTIL + 1])
LINES = st.lists(st.sampled_from(["p", "p=x", "p=y", " q=z", "q", "\x00", "k=n"]), max_size=4)
RECEIPTS = st.builds(lambda i, t, lines, s: receipt(i, t, *lines, shop=s, channel=s), IDS, INSTANTS, LINES, IDS)
STATUSES = st.sampled_from(["PENDING", "VALIDATED", "CANCELLED"])
ORDERS = st.builds(lambda i, t, lines, s: order(i, t, *lines, status=s), IDS, INSTANTS, LINES, STATUSES)
SUMMARIES = st.builds(listed, IDS, STATUSES, INSTANTS)
SHELF = Catalogue(
    {"k": known(name="K", category="b"), "q": known(category="c")},
    {"b": KnownCategory(facts={"a": level("a"), "b": level("a", "b")})},
)
HISTORIES = st.tuples(st.lists(RECEIPTS, max_size=6), st.lists(SUMMARIES, max_size=4), st.lists(ORDERS, max_size=4))


@given(HISTORIES, st.data())
def test_neither_order_nor_duplicates_change_a_fact_or_a_count(history: Any, data: st.DataObject) -> None:
    again = [data.draw(st.permutations(documents + documents[: len(documents) // 2])) for documents in history]
    receipts, summaries, orders = again
    assert read(receipts, summaries, orders, SHELF) == read(history[0], history[1], history[2], SHELF)


@given(HISTORIES)
def test_what_is_refused_would_have_changed_nothing_else(history: Any) -> None:
    receipts, summaries, orders = history
    facts = read(receipts, summaries, orders, SHELF).facts
    sound = [r for r in receipts if r.receipt_id.strip() and SINCE <= to_millis(r.purchased_at) < UNTIL]
    assert facts == read([r for r in sound if "\x00" not in r.receipt_id], summaries, orders, SHELF).facts


@given(HISTORIES)
def test_every_node_that_an_edge_needs_has_an_entry(history: Any) -> None:
    receipts, summaries, orders = history
    facts: Facts = read(receipts, summaries, orders, SHELF).facts
    assert set(facts.shared.products) == set(facts.user.purchases)
    assert set(facts.shared.retailers) == set(facts.user.visits)
    named = {fact.category_id.value for fact in facts.shared.products.values() if fact.category_id}
    assert named <= set(facts.shared.categories)
    for fact in facts.shared.categories.values():
        assert fact.hierarchy is None or set(fact.hierarchy.value) <= set(facts.shared.categories)
