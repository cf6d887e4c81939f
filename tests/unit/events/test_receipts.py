"""Receipts: what they say, and what is left out of them."""

from typing import Any

import pytest

from retrograph.errors import UndecodableEvent
from retrograph.events import receipts
from retrograph.events.event import Skipped, Told
from retrograph.facts import CategoryFact, PathField, TextField
from tests.unit.events.documents import BEFORE_2000, DAY, OCCURRED_AT, RECORDED_AT, item, payload, receipt

BOUGHT_AT = OCCURRED_AT - 1_800_000 + 123


def told(**changes: Any) -> Told:
    event = receipts.decode(payload(receipt(**changes)), recorded_at=RECORDED_AT)
    assert not isinstance(event, Skipped)
    return event.told()


def test_a_receipt_is_purchases_a_visit_and_words_about_shared_nodes_as_of_the_event() -> None:
    facts, refused = told(items=[item(brand="Orchard", category_id="c-2", category_hierarchy=["c-1", "c-2"])])
    assert facts is not None
    assert facts.user.user_id == "hh-0012"
    assert facts.user.purchases == {"p-1": {"r-1": BOUGHT_AT}}
    assert facts.user.visits == {"Market": frozenset({"r-1"})}
    assert facts.user.first_seen_at == BOUGHT_AT
    assert facts.user.loaded is None
    assert facts.shared.products["p-1"].name == TextField(0, DAY, "Apple")
    assert facts.shared.products["p-1"].brand == TextField(0, DAY, "Orchard")
    assert facts.shared.products["p-1"].category_id == TextField(0, DAY, "c-2")
    assert facts.shared.categories == {
        "c-1": CategoryFact(hierarchy=PathField(0, DAY, ("c-1",))),
        "c-2": CategoryFact(hierarchy=PathField(0, DAY, ("c-1", "c-2"))),
    }
    assert facts.shared.retailers["Market"].channel == TextField(0, DAY, "STORE")
    assert not refused


def test_a_category_is_mentioned_although_another_line_outdoes_it() -> None:
    facts, _ = told(items=[item(category_id="c-1"), item(category_id="c-2")])
    assert facts is not None
    assert facts.shared.products["p-1"].category_id == TextField(0, DAY, "c-2")
    assert set(facts.shared.categories) == {"c-1", "c-2"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"receipt_id": " "}, "invalid-receipt-id"),
        ({"purchased_at": "1999-12-31T23:59:59.999Z"}, "instant-before-2000"),
        ({"purchased_at": "2018-01-02T10:00:00.001Z"}, "instant-after-event"),
    ],
)
def test_a_receipt_that_breaks_a_rule_says_nothing(changes: dict[str, Any], reason: str) -> None:
    facts, refused = told(**changes)
    assert facts is None
    assert refused == {reason: 1}


def test_an_instant_a_day_after_the_event_is_the_last_one() -> None:
    facts, _ = told(purchased_at="2018-01-02T10:00:00Z")
    assert facts is not None
    assert facts.user.first_seen_at == OCCURRED_AT + 86_400_000


def test_a_fact_that_breaks_a_rule_is_left_out_alone() -> None:
    items = [item(product_id="a\u0007b"), item(category_id=""), item(product_id="p-2", category_id="c-1")]
    facts, refused = told(items=items, retailer={"name": ""})
    assert facts is not None
    assert set(facts.user.purchases) == {"p-1", "p-2"}
    assert not facts.user.visits
    assert refused == {"invalid-product-id": 1, "invalid-category-id": 1, "invalid-retailer": 1}


@pytest.mark.parametrize(
    ("hierarchy", "reason"),
    [
        (["c-1", "c-3"], "invalid-hierarchy"),
        (["c-2", "c-2"], "invalid-hierarchy"),
        (["", "c-2"], "invalid-category-id"),
        ([str(number) for number in range(100)] + ["c-2"], "invalid-hierarchy"),
    ],
)
def test_a_hierarchy_that_cannot_be_says_nothing(hierarchy: list[str], reason: str) -> None:
    facts, refused = told(items=[item(category_id="c-2", category_hierarchy=hierarchy)])
    assert facts is not None
    assert facts.shared.categories == {"c-2": CategoryFact()}
    assert refused == {reason: 1}


def test_an_event_from_the_future_says_nothing_of_shared_nodes() -> None:
    facts, refused = told(occurred_at="9018-01-01T00:00:00Z", items=[item(category_id="c-1")])
    assert facts is not None
    assert facts.user.purchases == {"p-1": {"r-1": BOUGHT_AT}}
    assert facts.shared.products["p-1"].name is None
    assert not facts.shared.categories
    assert refused == {"absurd-event-time": 1}
    assert told(occurred_at="9018-01-01T00:00:00Z", purchased_at="9018-01-01T00:00:00Z").facts is None


def test_a_user_whose_id_is_none_is_skipped() -> None:
    document = payload(receipt(user_id="\u0000"))
    assert receipts.decode(document, recorded_at=RECORDED_AT) == Skipped("invalid-user-id")


@pytest.mark.parametrize("missing", ["event_type", "event_id", "occurred_at", "user_id", "receipt_id", "items"])
def test_a_receipt_that_lacks_a_field_is_undecodable(missing: str) -> None:
    document = receipt()
    del document[missing]
    with pytest.raises(UndecodableEvent, match=f"missing required field `{missing}`"):
        receipts.decode(payload(document), recorded_at=RECORDED_AT)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "the event is empty"),
        (b"{", "malformed"),
        (b"\xff\xfe", "malformed|UTF-8"),
        (b"[" * 100_000, "nested too deeply|malformed"),
        (payload(receipt(user_id=12)), r"Expected `str`, got `int` - at `\$.user_id`"),
        (payload(receipt(items=None)), r"\$.items"),
        (payload(receipt(items=[{}])), "product_id"),
        (payload(receipt(event_type="refund")), r"\$.event_type"),
        (payload(receipt(occurred_at="yesterday")), r"\$.occurred_at"),
        (payload(receipt(schema_version=2)), "schema_version 2, and this version knows 1"),
        (payload(receipt(schema_version=0)), r"\$.schema_version"),
        (payload({"schema_version": 2, "of": "another shape"}), "schema_version 2, and this version knows 1"),
    ],
)
def test_what_is_no_receipt_is_undecodable(document: bytes, why: str) -> None:
    with pytest.raises(UndecodableEvent, match=why):
        receipts.decode(document, recorded_at=RECORDED_AT)


def test_what_nobody_knows_of_is_ignored() -> None:
    document = payload(receipt(schema_version=1, colour="red", items=[item(quantity="two", deep=[[{}]])]))
    assert not isinstance(receipts.decode(document, recorded_at=RECORDED_AT), Skipped)


def test_an_instant_before_2000_is_no_day_to_know_something_on() -> None:
    assert BEFORE_2000 < OCCURRED_AT
    facts, refused = told(occurred_at="1999-12-31T23:00:00Z", purchased_at="2000-01-01T01:00:00Z")
    assert facts is not None
    assert facts.shared.products["p-1"].name is None
    assert refused == {"absurd-event-time": 1}
