"""Shop orders as they happen."""

from typing import Any

import pytest

from retrograph.errors import UndecodableEvent
from retrograph.events import factoids
from retrograph.events.event import Skipped, Told
from retrograph.facts import TextField
from tests.unit.events.documents import BEFORE_2000, DAY, OCCURRED_AT, RECORDED_AT, order, payload

A_DAY = 86_400_000


def told(**changes: Any) -> Told:
    event = factoids.decode(payload(order(**changes)), recorded_at=RECORDED_AT)
    assert not isinstance(event, Skipped)
    return event.told()


def test_an_order_is_a_purchase_under_its_own_id() -> None:
    facts, refused = told()
    assert facts is not None
    assert facts.user.purchases == {"p-1": {"bo-1": OCCURRED_AT}}
    assert facts.user.visits == {"Shop": frozenset({"bo-1"})}
    assert facts.shared.products["p-1"].name == TextField(0, DAY, "Apple")
    assert not refused


@pytest.mark.parametrize("details", [{}, {"lineItems": [], "retailer": {"name": "Shop"}}])
def test_a_cancelled_order_is_retracted(details: dict[str, Any]) -> None:
    document = {key: value for key, value in order().items() if key not in ("lineItems", "retailer")}
    event = factoids.decode(payload({**document, **details, "status": "CANCELLED"}), recorded_at=RECORDED_AT)
    assert not isinstance(event, Skipped)
    facts, _ = event.told()
    assert facts is not None
    assert facts.user.retracted == {"bo-1"}
    assert facts.user.first_seen_at == OCCURRED_AT
    assert not facts.user.purchases
    assert not facts.user.visits


@pytest.mark.parametrize(
    ("created_at", "reason"),
    [
        (BEFORE_2000, "instant-before-2000"),
        (RECORDED_AT + A_DAY + 1, "instant-after-event"),
        (10**30, "instant-after-event"),
    ],
)
def test_an_order_of_an_absurd_time_is_left_out_but_cancelled_all_the_same(created_at: int, reason: str) -> None:
    facts, refused = told(createdAtMs=created_at)
    assert facts is None
    assert refused == {reason: 1}
    facts, refused = told(createdAtMs=created_at, status="CANCELLED")
    assert facts is not None
    assert facts.user.retracted == {"bo-1"}
    assert facts.user.first_seen_at is None


def test_a_day_after_the_record_is_the_last_instant() -> None:
    facts, _ = told(createdAtMs=RECORDED_AT + A_DAY)
    assert facts is not None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (order(status="PENDING"), "pending"),
        ({"type": "receipt"}, "other-type"),
        ({"type": "receipt", "schema_version": 7}, "other-type"),
        (order(userId="\n"), "invalid-user-id"),
    ],
)
def test_what_says_nothing_is_skipped(document: dict[str, Any], reason: str) -> None:
    assert factoids.decode(payload(document), recorded_at=RECORDED_AT) == Skipped(reason)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "LOST"}, r"\$.status"),
        ({"createdAtMs": "now"}, r"\$.createdAtMs"),
        ({"createdAtMs": None}, r"\$.createdAtMs"),
        ({"lineItems": [{}]}, "fido"),
        ({"schema_version": 2}, "schema_version 2"),
        ({"type": 3}, r"\$.type"),
    ],
)
def test_what_is_no_order_is_undecodable(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UndecodableEvent, match=why):
        factoids.decode(payload(order(**changes)), recorded_at=RECORDED_AT)


@pytest.mark.parametrize("missing", ["summaryId", "userId", "createdAtMs", "status", "retailer", "lineItems", "type"])
def test_an_order_that_lacks_a_field_is_undecodable(missing: str) -> None:
    document = order()
    del document[missing]
    with pytest.raises(UndecodableEvent, match=f"missing required field `{missing}`"):
        factoids.decode(payload(document), recorded_at=RECORDED_AT)
