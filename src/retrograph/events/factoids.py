"""Shop orders as they happen: those of the topic `factoid-stream`, and files of the same events.

`summaryId` is what the history calls `buttonOrderId`: one purchase in both forms is one fact.
"""

from typing import Final, Literal

import msgspec

from retrograph.errors import UndecodableEvent
from retrograph.events.event import KNOWN_VERSION, UNREADABLE, Skipped, Told, Version, day_after, undecodable
from retrograph.events.receipts import Retailer
from retrograph.events.telling import Telling
from retrograph.facts import InvalidId, clean_id

SHOP_ORDER: Final = "shop_order"


class OrderLine(msgspec.Struct, frozen=True, gc=False):
    """One line of an order."""

    product_id: str = msgspec.field(name="fido")
    description: str | None = None


class Order(msgspec.Struct, frozen=True, gc=False):
    """The document. What was bought and where is only required of an order that counts."""

    type: Literal["shop_order"]
    order_id: str = msgspec.field(name="summaryId")
    user_id: str = msgspec.field(name="userId")
    created_at: int = msgspec.field(name="createdAtMs")
    status: Literal["PENDING", "VALIDATED", "CANCELLED"]
    retailer: Retailer | msgspec.UnsetType = msgspec.UNSET
    lines: list[OrderLine] | msgspec.UnsetType = msgspec.field(name="lineItems", default=msgspec.UNSET)
    schema_version: Version = KNOWN_VERSION


class _Factoid(msgspec.Struct):
    type: str


_order_of: Final = msgspec.json.Decoder(Order).decode
_FACTOID: Final = msgspec.json.Decoder(_Factoid)


class OrderEvent(msgspec.Struct, frozen=True, gc=False):
    """One order that was validated or cancelled. `recorded_at` as for receipts."""

    user_id: str
    order: Order
    recorded_at: int

    def told(self) -> Told:
        """What it says: a cancelled order is retracted whatever its time."""
        order = self.order
        telling = Telling(self.user_id, observed_at=order.created_at, latest=day_after(self.recorded_at))
        order_id = telling.id_of(order.order_id, "invalid-receipt-id")
        if order_id is None:
            return telling.told()
        accepted = telling.accepts(order.created_at)
        if order.status == "CANCELLED":
            telling.retracts(order_id)
        elif accepted and order.retailer is not msgspec.UNSET and order.lines is not msgspec.UNSET:
            telling.visited(order_id, order.retailer.name, order.retailer.channel)
            for line in order.lines:
                product_id = telling.bought(order_id, line.product_id, order.created_at)
                if product_id is not None:
                    telling.describe(product_id, line.description, None, None)
        return telling.told()


def decode(payload: bytes, *, recorded_at: int) -> OrderEvent | Skipped:
    """One event. Raises UndecodableEvent."""
    try:
        order = _order_of(payload)
    except UNREADABLE as error:
        if _is_other(payload):
            return Skipped("other-type")
        raise undecodable(payload, error) from None
    if order.status == "PENDING":
        return Skipped("pending")
    if order.status == "VALIDATED":
        _check(order)
    try:
        return OrderEvent(clean_id(order.user_id), order, recorded_at)
    except InvalidId:
        return Skipped("invalid-user-id")


def _check(order: Order) -> None:
    for name, value in (("retailer", order.retailer), ("lineItems", order.lines)):
        if value is msgspec.UNSET:
            raise UndecodableEvent(f"the event is malformed: Object missing required field `{name}`")


def _is_other(payload: bytes) -> bool:
    """Whether it is a factoid of another type, whose shape is none of our concern."""
    try:
        return _FACTOID.decode(payload).type != SHOP_ORDER
    except UNREADABLE:
        return False
