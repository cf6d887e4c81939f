"""Receipts as they were processed: the topic `pipeline-v1-processed-receipt-events`, and files of the same events."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from retrograph.clock import to_millis
from retrograph.events.event import KNOWN_VERSION, UNREADABLE, Skipped, Told, Version, undecodable
from retrograph.events.telling import Telling, latest_of
from retrograph.facts import InvalidId, clean_id


class Retailer(msgspec.Struct, frozen=True, gc=False):
    """Where something was bought."""

    name: str
    channel: str | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One line of a receipt. `description` is the product's name; the hierarchy holds ids, root to leaf."""

    product_id: str
    description: str | None = None
    brand: str | None = None
    category_id: str | None = None
    category_hierarchy: list[str] | None = None


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The document."""

    event_type: Literal["receipt_processed"]
    event_id: str
    occurred_at: datetime
    user_id: str
    receipt_id: str
    purchased_at: datetime
    retailer: Retailer
    items: list[Item]
    schema_version: Version = KNOWN_VERSION


_document_of: Final = msgspec.json.Decoder(Receipt).decode


class ReceiptEvent(msgspec.Struct, frozen=True, gc=False):
    """One receipt of one user. `recorded_at`: when its Kafka record was made, or its file last changed."""

    user_id: str
    receipt: Receipt
    recorded_at: int

    def told(self) -> Told:
        """What it says of the user's purchases, and of products, categories and the retailer."""
        receipt = self.receipt
        occurred_at, purchased_at = to_millis(receipt.occurred_at), to_millis(receipt.purchased_at)
        latest = latest_of(occurred_at, self.recorded_at)
        telling = Telling(self.user_id, observed_at=occurred_at, latest=latest)
        receipt_id = telling.id_of(receipt.receipt_id, "invalid-receipt-id")
        if receipt_id is not None and telling.accepts(purchased_at):
            telling.visited(receipt_id, receipt.retailer.name, receipt.retailer.channel)
            for item in receipt.items:
                _read_item(telling, receipt_id, purchased_at, item)
        return telling.told()


def decode(payload: bytes, *, recorded_at: int) -> ReceiptEvent | Skipped:
    """One event. Raises UndecodableEvent. In one go, because a call costs a tenth of what the document does."""
    try:
        receipt = _document_of(payload)
    except UNREADABLE as error:
        raise undecodable(payload, error) from None
    try:
        return ReceiptEvent(clean_id(receipt.user_id), receipt, recorded_at)
    except InvalidId:
        return Skipped("invalid-user-id")


def _read_item(telling: Telling, receipt_id: str, purchased_at: int, item: Item) -> None:
    product_id = telling.bought(receipt_id, item.product_id, purchased_at)
    if product_id is None:
        return
    leaf = telling.describe(product_id, item.description, item.brand, item.category_id)
    if item.category_hierarchy and (leaf is not None or item.category_id is None):
        telling.path(item.category_hierarchy, leaf)
