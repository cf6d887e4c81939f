"""Histories longer than any in the files, drawn receipt by receipt from all of them when a page is asked for.

So a user with 100,000 receipts costs no more than the page that is on its way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from retrograph.sandbox.data import SourceData
from retrograph.sandbox.draws import draw
from retrograph.sandbox.histories import Order, decode, receipt_json
from retrograph.sandbox.instants import to_text
from retrograph.sandbox.likeness import order_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The stretch of time a drawn history fills, cut into as many equal parts as it has receipts."""

    newest: int
    step: int

    def time(self, position: int, chance: int) -> int:
        """An instant within the part at `position`, so that each is earlier than the one before."""
        return self.newest - position * self.step - chance % self.step


def span_of(data: SourceData, count: int) -> Span:
    """From the earliest to the latest receipt of the files, in `count` parts of at least a millisecond."""
    newest = max(history.time(0) for history in data.histories.values())
    oldest = min(history.time(len(history) - 1) for history in data.histories.values())
    return Span(newest=newest, step=max((newest - oldest) // count, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnHistory:
    """The receipts of one user, each a receipt of the files under another id and time."""

    data: SourceData
    originals: tuple[str, ...]
    """Users of the files who have receipts."""
    seed: int
    user_id: str
    count: int
    span: Span

    def __len__(self) -> int:
        return self.count

    def time(self, position: int) -> int:
        """When the receipt at `position` was."""
        return self.span.time(position, draw(self.seed, self.user_id, position, "time"))

    def slice(self, start: int, end: int) -> bytes:
        """Makes the receipts from `start` up to before `end`."""
        return b",".join(map(self._receipt, range(start, end)))

    def _receipt(self, position: int) -> bytes:
        chance = draw(self.seed, self.user_id, position, "receipt")
        history = self.data.histories[self.originals[chance % len(self.originals)]]
        place = (chance >> 32) % len(history)
        receipt = decode(history.slice(place, place + 1))
        receipt_id = f"r-{self.user_id}-{position:06d}"
        return receipt_json(receipt_id, to_text(self.time(position)), receipt["retailer"], receipt["items"])


def drawn_orders(data: SourceData, seed: int, user_id: str, span: Span, count: int) -> Iterator[Order]:
    """Shop orders, newest first, each an order of the files under another id and time."""
    originals = [order for theirs in data.orders.values() for order in theirs]
    for position in range(count if originals else 0):
        chance = draw(seed, user_id, position, "order")
        yield replace(
            originals[chance % len(originals)],
            order_id=order_id(user_id, position),
            user_id=user_id,
            created_at=span.time(position, chance >> 32),
        )
