"""The facts of one event, gathered: ids are cleaned, absurd instants left out, and both counted by reason."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from retrograph.clock import day_of
from retrograph.events.event import Told, day_after
from retrograph.facts import (
    EARLIEST_INSTANT,
    RANK_EVENT,
    CategoryFact,
    Facts,
    InvalidId,
    PathField,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
    clean_id,
    clean_text,
)

DEEPEST: Final = 100
"""Levels of a hierarchy that are credible."""

_MENTIONED: Final = CategoryFact()
_UNDESCRIBED: Final = ProductFact()


class Telling:
    """What one event says of one receipt.

    `latest` is the last instant that its document allows; `observed_at` is the event's own, whose day stands beside
    what it says of shared nodes. An absurd one would outrank every other word for good, so then it says nothing.
    """

    def __init__(self, user_id: str, *, observed_at: int, latest: int) -> None:
        self._user_id = user_id
        self._latest = latest
        self._refused: Counter[str] = Counter()
        self._day: int | None = None
        if EARLIEST_INSTANT <= observed_at <= latest:
            self._day = day_of(observed_at)
        self._purchases: dict[str, dict[str, int]] = {}
        self._visits: dict[str, frozenset[str]] = {}
        self._retracted: frozenset[str] = frozenset()
        self._first_seen_at: int | None = None
        self._products: dict[str, ProductFact] = {}
        self._categories: dict[str, CategoryFact] = {}
        self._retailers: dict[str, RetailerFact] = {}

    def id_of(self, raw: str, reason: str) -> str | None:
        """The cleaned id, or `None` where it breaks the rule for ids."""
        try:
            return clean_id(raw)
        except InvalidId:
            self._refused[reason] += 1
            return None

    def refuse(self, reason: str) -> None:
        """One fact was left out."""
        self._refused[reason] += 1

    def accepts(self, instant: int) -> bool:
        """Whether the document may tell of that instant; the user was seen then."""
        if instant < EARLIEST_INSTANT:
            self._refused["instant-before-2000"] += 1
            return False
        if instant > self._latest:
            self._refused["instant-after-event"] += 1
            return False
        self._first_seen_at = instant
        return True

    def retracts(self, receipt_id: str) -> None:
        """That order was cancelled."""
        self._retracted = frozenset((receipt_id,))

    def visited(self, receipt_id: str, name: str, channel: str | None) -> None:
        """The receipt is of that retailer."""
        retailer = self.id_of(name, "invalid-retailer")
        if retailer is not None:
            self._visits[retailer] = frozenset((receipt_id,))
            self._retailers[retailer] = RetailerFact(channel=self._text(channel))

    def bought(self, receipt_id: str, raw: str, instant: int) -> str | None:
        """The receipt names that product; its id, if it is one."""
        product_id = self.id_of(raw, "invalid-product-id")
        if product_id is not None:
            self._purchases.setdefault(product_id, {receipt_id: instant})
            self._products.setdefault(product_id, _UNDESCRIBED)
        return product_id

    def describe(self, product_id: str, name: str | None, brand: str | None, category: str | None) -> str | None:
        """What the event calls a product, and where it belongs; the category's id, if it is one. Of two lines about
        one product the greater word stays, as it does for two events."""
        if self._day is None:
            return None
        known = self._products[product_id]
        category_id = self.id_of(category, "invalid-category-id") if category is not None else None
        if category_id is not None:
            self._categories.setdefault(category_id, _MENTIONED)
        self._products[product_id] = ProductFact(
            name=_greater(known.name, self._text(name)),
            brand=_greater(known.brand, self._text(brand)),
            category_id=_greater(known.category_id, self._field(category_id)),
        )
        return category_id

    def path(self, raw: Sequence[str], leaf: str | None) -> None:
        """A hierarchy A, B, C is a fact about each of them: A is (A), B is (A, B), C is all of it. One that does not
        end with the product's category contradicts itself, and says nothing."""
        if self._day is None:
            return
        try:
            ids = [clean_id(one) for one in raw]
        except InvalidId:
            self._refused["invalid-category-id"] += 1
            return
        if len(ids) > DEEPEST or len(set(ids)) < len(ids) or (leaf is not None and ids[-1] != leaf):
            self._refused["invalid-hierarchy"] += 1
            return
        for depth, category_id in enumerate(ids, start=1):
            path = PathField(RANK_EVENT, self._day, tuple(ids[:depth]))
            known = self._categories.get(category_id, _MENTIONED).hierarchy
            self._categories[category_id] = CategoryFact(hierarchy=path if known is None else max(known, path))

    def told(self) -> Told:
        """All of it."""
        if self._first_seen_at is None and not self._retracted:
            return Told(None, self._refused)
        if self._day is None:
            self._refused["absurd-event-time"] += 1
        user = UserFacts(
            user_id=self._user_id,
            purchases=self._purchases,
            visits=self._visits,
            retracted=self._retracted,
            first_seen_at=self._first_seen_at,
        )
        shared = SharedFacts(products=self._products, categories=self._categories, retailers=self._retailers)
        return Told(Facts(user=user, shared=shared), self._refused)

    def _text(self, raw: str | None) -> TextField | None:
        return self._field(clean_text(raw))

    def _field(self, text: str | None) -> TextField | None:
        return None if text is None or self._day is None else TextField(RANK_EVENT, self._day, text)


def latest_of(occurred_at: int, recorded_at: int) -> int:
    """The last instant that an event may tell of: a day after it occurred, which was before it was recorded."""
    return day_after(min(occurred_at, recorded_at))


def _greater(known: TextField | None, told: TextField | None) -> TextField | None:
    if known is None or told is None:
        return told if known is None else known
    return max(known, told)
