"""The Button Transaction Service (BTS): the shop orders of one user, and each order in full."""

from functools import partial
from typing import Final, Literal

import msgspec

from retrograph.facts import InvalidId, clean_id
from retrograph.upstream.bounded import bounded
from retrograph.upstream.purchase_history import Retailer
from retrograph.upstream.service import Service, segment

ONE_BY_ONE_UP_TO: Final = 50
SIDE_BY_SIDE: Final = 5
"""More than fifty orders of one user are fetched five at a time; so the owners of the service ask."""

Status = Literal["PENDING", "VALIDATED", "CANCELLED"]


class OrderSummary(msgspec.Struct, frozen=True, gc=False):
    """One line of a user's list of orders."""

    order_id: str = msgspec.field(name="buttonOrderId")
    status: Status
    created_at: int = msgspec.field(name="createdAtMs")


class OrderLine(msgspec.Struct, frozen=True, gc=False):
    """One line of an order."""

    product_id: str = msgspec.field(name="fido")
    description: str | None = None


class Order(msgspec.Struct, frozen=True, gc=False):
    """One order in full."""

    order_id: str = msgspec.field(name="buttonOrderId")
    user_id: str = msgspec.field(name="userId")
    status: Status
    created_at: int = msgspec.field(name="createdAtMs")
    retailer: Retailer
    lines: list[OrderLine] = msgspec.field(name="lineItems")


class _List(msgspec.Struct):
    transactions: list[OrderSummary]


_LIST: Final = msgspec.json.Decoder(_List)
_ORDER: Final = msgspec.json.Decoder(Order)


class ShopOrders:
    """What BTS knows of a user."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def summaries(self, user_id: str, since: int) -> list[OrderSummary]:
        """Every order of the user since then (milliseconds), whatever its status; none for an unknown user."""
        path = f"/user/{segment(user_id)}/transaction"
        found = await self.service.fetch(f"{path}?startTimeMs={since}", _LIST)
        if found is None:
            raise self.service.failed(path, "was answered with 404, which its contract does not know")
        return found.transactions

    async def orders(self, user_id: str, order_ids: list[str]) -> list[Order]:
        """These orders of the user in full. One that the service does not know is an error: its own list named it."""
        limit = SIDE_BY_SIDE if len(order_ids) > ONE_BY_ONE_UP_TO else 1
        return await bounded([partial(self._order, user_id, order_id) for order_id in order_ids], limit)

    async def check(self) -> None:
        """Raises ConfigurationError where the URL is not this service, DependencyDown where nothing answers."""
        await self.service.probe("/user/retrograph-check/transaction?startTimeMs=0")

    async def _order(self, user_id: str, order_id: str) -> Order:
        path = f"/internal/transaction/{segment(order_id)}/button"
        order = await self.service.fetch(path, _ORDER)
        if order is None:
            raise self.service.failed(path, f"was answered with 404, although the list of {user_id} names the order")
        if not _same(order.order_id, order_id):
            raise self.service.malformed(path, f"it is the order {order.order_id[:80]!r} - at `$.buttonOrderId`")
        if not _same(order.user_id, user_id):
            raise self.service.malformed(path, f"it belongs to the user {order.user_id[:80]!r} - at `$.userId`")
        return order


def _same(told: str, asked: str) -> bool:
    try:
        return told == asked or clean_id(told) == clean_id(asked)
    except InvalidId:
        return False
