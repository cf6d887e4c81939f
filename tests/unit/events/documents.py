"""Wire events as the contract shows them, to be changed by a test."""

import json
from datetime import UTC, datetime
from typing import Any

from retrograph.clock import MILLIS_PER_DAY, to_millis
from retrograph.facts import EARLIEST_INSTANT

OCCURRED = "2018-01-01T10:00:00Z"
OCCURRED_AT = to_millis(datetime(2018, 1, 1, 10, tzinfo=UTC))
RECORDED_AT = OCCURRED_AT + 5_000
DAY = OCCURRED_AT // MILLIS_PER_DAY
BEFORE_2000 = EARLIEST_INSTANT - 1


def receipt(**changes: Any) -> dict[str, Any]:
    """A receipt of one product."""
    return {
        "event_type": "receipt_processed",
        "event_id": "e-1",
        "occurred_at": OCCURRED,
        "user_id": "hh-0012",
        "receipt_id": "r-1",
        "purchased_at": "2018-01-01T09:30:00.123Z",
        "retailer": {"name": "Market", "channel": "STORE"},
        "items": [item()],
    } | changes


def item(**changes: Any) -> dict[str, Any]:
    """One line of a receipt."""
    return {"product_id": "p-1", "quantity": 1, "amount": 1.5, "description": "Apple"} | changes


def order(**changes: Any) -> dict[str, Any]:
    """A validated shop order."""
    return {
        "type": "shop_order",
        "summaryId": "bo-1",
        "userId": "hh-0012",
        "createdAtMs": OCCURRED_AT,
        "status": "VALIDATED",
        "retailer": {"name": "Shop", "channel": "SHOP"},
        "lineItems": [{"fido": "p-1", "quantity": 2, "amount": 5.1, "description": "Apple"}],
    } | changes


def login(**changes: Any) -> dict[str, Any]:
    """A login with an e-mail address."""
    return {
        "event_type": "login",
        "event_id": "e-2",
        "occurred_at": OCCURRED,
        "user_id": "hh-0012",
        "identifiers": [{"type": "email", "value": "A@Example.com"}],
    } | changes


def payload(document: Any) -> bytes:
    """The document as it travels."""
    return json.dumps(document).encode()
