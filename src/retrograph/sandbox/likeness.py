"""One invented user's history, made in the likeness of a user of the files.

The times are shifted by less than a day and products swapped with ones of like popularity, one to one, so that counts,
intervals and repeated purchases stay the files' own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from retrograph.sandbox.data import SourceData, line_item, receipt_item
from retrograph.sandbox.draws import draw
from retrograph.sandbox.histories import NO_ORDERS, History, Order, StoredHistory, decode, encode, receipt_json
from retrograph.sandbox.instants import to_text

_DAY_SECONDS = 86_400
_SWAPPED = 16
"""Products change places within blocks of this many, ordered by popularity."""

Swap = Callable[[str], str]


class Popularity:
    """Products ordered by how often they are bought."""

    def __init__(self, products: tuple[str, ...]) -> None:
        self._products = products
        self._places = {product: place for place, product in enumerate(products)}

    def swap(self, mask: int) -> Swap:
        """An exchange that is its own inverse; a product whose partner would lie past the end stays itself."""

        def swapped(product: str) -> str:
            place = self._places[product] ^ (mask % _SWAPPED)
            return self._products[place] if place < len(self._products) else product

        return swapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """An invented user and the user of the files that it resembles."""

    user_id: str
    original: str
    shift: int
    """Milliseconds by which everything is earlier."""
    mask: int
    """Which places products change."""


def liken(seed: int, user_id: str, originals: tuple[str, ...]) -> Likeness:
    """Draws whom an invented user resembles, and how it differs."""
    return Likeness(
        user_id=user_id,
        original=originals[draw(seed, user_id, "original") % len(originals)],
        shift=draw(seed, user_id, "shift") % _DAY_SECONDS * 1000,
        mask=draw(seed, user_id, "mask"),
    )


def receipts(data: SourceData, likeness: Likeness, swap: Swap) -> Iterator[tuple[int, bytes]]:
    """The receipts, newest first, each with its time."""
    history = data.histories.get(likeness.original)
    if history is None:
        return
    for position, receipt in enumerate(decode(b"[%s]" % history.slice(0, len(history)))):
        time = history.time(position) - likeness.shift
        items = [
            receipt_item(data.catalogue, swap(item["product_id"]), item["quantity"], item["amount"])
            for item in receipt["items"]
        ]
        receipt_id = f"r-{likeness.user_id}-{position:06d}"
        yield time, receipt_json(receipt_id, to_text(time), receipt["retailer"], items)


def orders(data: SourceData, likeness: Likeness, swap: Swap) -> Iterator[Order]:
    """The shop orders, newest first."""
    for position, order in enumerate(data.orders.get(likeness.original, NO_ORDERS)):
        lines = [
            line_item(data.catalogue, swap(line["fido"]), line["quantity"], line["amount"])
            for line in decode(order.line_items)
        ]
        yield replace(
            order,
            order_id=order_id(likeness.user_id, position),
            user_id=likeness.user_id,
            created_at=order.created_at - likeness.shift,
            line_items=encode(lines),
        )


def with_products_of(history: History, data: SourceData, made: Iterator[Order]) -> Iterator[Order]:
    """The orders with the products of the receipts in place of their own; the newest one is validated."""
    bought = decode(b"[%s]" % history.slice(0, len(history)))
    products = list(dict.fromkeys(item["product_id"] for receipt in bought for item in receipt["items"]))
    for position, order in enumerate(made):
        lines = [
            line_item(data.catalogue, product, line["quantity"], line["amount"])
            for product, line in zip(products, decode(order.line_items), strict=False)
        ]
        status = order.status if position else "VALIDATED"
        yield replace(order, status=status, line_items=encode(lines))


def order_id(user_id: str, position: int) -> str:
    """The id of an invented user's order."""
    return f"bo-{user_id}-{position:06d}"


def stored(made: Iterator[tuple[int, bytes]]) -> History:
    """The receipts as a history."""
    return StoredHistory(made)
