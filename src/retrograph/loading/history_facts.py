"""From what the services say about one user to facts: pure, so that order and duplicates provably change nothing.

Two steps, because the catalogues are only asked about products that accepted purchases name: `purchases_of` reads
receipts and orders, `facts_of` adds what the catalogues said. `history_facts` is both.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from retrograph.clock import day_of, to_millis
from retrograph.facts import (
    EARLIEST_INSTANT,
    RANK_EVENT,
    CategoryFact,
    Facts,
    InvalidId,
    Loaded,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
    clean_id,
    clean_text,
)
from retrograph.upstream.categories import KnownCategory
from retrograph.upstream.products import UNKNOWN, KnownProduct
from retrograph.upstream.purchase_history import Receipt, ReceiptItem, Retailer
from retrograph.upstream.shop_orders import Order, OrderLine, OrderSummary


class Window(NamedTuple):
    """Half-open: `since` belongs to it, `until` (the job's `as_of`) does not. Milliseconds."""

    since: int
    until: int

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, int) and self.since <= instant < self.until


Lines = Sequence[ReceiptItem] | Sequence[OrderLine]


@dataclass(slots=True, kw_only=True)
class Purchases:
    """What receipts and orders say, cleaned.

    `said` keeps the accepted lines with their days for the names in them, which only matter where the catalogue has
    none. `known`: some service had a receipt or an order, accepted or not. `refused` begins each entry with its
    reason; the rest says which fact, so that each is refused once.
    """

    window: Window
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)
    visits: dict[str, set[str]] = field(default_factory=dict)
    retracted: set[str] = field(default_factory=set)
    first_seen_at: int | None = None
    channels: dict[str, TextField] = field(default_factory=dict)
    said: list[tuple[int, Lines]] = field(default_factory=list)
    known: bool = False
    refused: set[tuple[str, ...]] = field(default_factory=set)

    def seen(self, instant: int) -> None:
        """An accepted fact of that instant."""
        if self.first_seen_at is None or instant < self.first_seen_at:
            self.first_seen_at = instant

    def accepts(self, instant: int, which: str) -> bool:
        """Whether the instant lies in the window; an absurd one is counted as refused.

        What is merely outside is no error: a list of orders has no upper bound.
        """
        if instant < EARLIEST_INSTANT:
            self.refused.add(("instant-before-2000", which))
            return False
        return instant in self.window

    def id_of(self, raw: str, reason: str, *which: str) -> str | None:
        """The cleaned id, or `None` where it breaks the rule for ids."""
        try:
            return clean_id(raw)
        except InvalidId:
            self.refused.add((reason, *which, raw))
            return None

    def purchase(self, receipt_id: str, instant: int, retailer: Retailer, lines: Lines) -> None:
        """One receipt or order was made there and then."""
        self.seen(instant)
        self._visit(receipt_id, day_of(instant), retailer)
        self.said.append((day_of(instant), lines))
        purchases = self.purchases
        for line in lines:
            times = purchases.get(line.product_id)  # found: the id was cleaned before
            if times is None:
                product_id = self.id_of(line.product_id, "invalid-product-id", receipt_id)
                if product_id is None:
                    continue
                times = purchases.setdefault(product_id, {})
            known = times.get(receipt_id)
            if known is None or instant < known:  # two times for one receipt: the earlier
                times[receipt_id] = instant

    def names_of(self, product_ids: Set[str]) -> dict[str, TextField]:
        """What the lines call these products."""
        names: dict[str, TextField] = {}
        if product_ids:
            for day, lines in self.said:
                for line in lines:
                    product_id = _id_or_none(line.product_id)
                    if product_id is not None and product_id in product_ids:
                        _describe(names, product_id, line.description, day)
        return names

    def _visit(self, receipt_id: str, day: int, retailer: Retailer) -> None:
        known = retailer.name in self.visits  # then it was cleaned before
        name = retailer.name if known else self.id_of(retailer.name, "invalid-retailer", receipt_id)
        if name is not None:
            self.visits.setdefault(name, set()).add(receipt_id)
            _describe(self.channels, name, retailer.channel, day)


class Catalogue(NamedTuple):
    """What the catalogue services said about what the purchases name."""

    products: Mapping[str, KnownProduct]
    categories: Mapping[str, KnownCategory]


class HistoryFacts(NamedTuple):
    """The facts, how many were left out, by reason, and what was found, by name."""

    facts: Facts
    refused: Mapping[str, int]
    found: Mapping[str, int]


def orders_to_fetch(summaries: Iterable[OrderSummary], window: Window) -> list[str]:
    """The ids of the orders whose details are history: validated, in the window, with an id that is one."""
    wanted: dict[str, None] = {}
    for summary in summaries:
        if summary.status == "VALIDATED" and summary.created_at in window and _id_or_none(summary.order_id):
            wanted[summary.order_id] = None
    return list(wanted)


def purchases_of(
    receipts: Iterable[Receipt], summaries: Iterable[OrderSummary], orders: Iterable[Order], window: Window
) -> Purchases:
    """What a user bought in the window. The status and time of an order in full win over those of the list."""
    found = Purchases(window=window)
    for receipt in receipts:
        found.known = True
        _read_receipt(found, receipt)
    for summary in summaries:
        found.known = True
        _read_summary(found, summary)
    for order in orders:
        _read_order(found, order)
    return found


def facts_of(user_id: str, found: Purchases, catalogue: Catalogue, loaded: Loaded | None) -> HistoryFacts:
    """Adds the catalogues' word to the purchases. A product nobody knows keeps the name its receipts give."""
    known = catalogue.products
    products = {product_id: known.get(product_id, UNKNOWN).fact for product_id in found.purchases}
    nameless = {product_id for product_id, fact in products.items() if fact.name is None}
    for product_id, name in found.names_of(nameless).items():
        products[product_id] = replace(products[product_id], name=name)
    mentioned = {fact.category_id.value for fact in products.values() if fact.category_id is not None}
    categories, refused = _categories(mentioned, catalogue)
    refused |= found.refused
    refused.update(
        ("invalid-category-id", "product", key) for key in products if known.get(key, UNKNOWN).invalid_category_id
    )
    user = UserFacts(
        user_id=user_id,
        purchases=found.purchases,
        visits={name: frozenset(receipts) for name, receipts in found.visits.items()},
        retracted=frozenset(found.retracted),
        first_seen_at=found.first_seen_at,
        loaded=loaded,
    )
    retailers = {name: RetailerFact(channel=found.channels.get(name)) for name in found.visits}
    shared = SharedFacts(products=products, categories=categories, retailers=retailers)
    counted = Counter(reason for reason, *_ in refused)
    return HistoryFacts(Facts(user=user, shared=shared), counted, _figures(found))


def _figures(found: Purchases) -> dict[str, int]:
    figures = {"purchases": sum(map(len, found.purchases.values()))}
    if found.retracted:
        figures["retractions"] = len(found.retracted)
    if not found.known:
        figures["users-without-history"] = 1
    return figures


def history_facts(
    user_id: str,
    receipts: Iterable[Receipt],
    summaries: Iterable[OrderSummary],
    orders: Iterable[Order],
    catalogue: Catalogue,
    window: Window,
    loaded: Loaded | None = None,
) -> HistoryFacts:
    """All of one user's history as facts: both steps, for whoever has everything at hand."""
    return facts_of(user_id, purchases_of(receipts, summaries, orders, window), catalogue, loaded)


def _read_receipt(found: Purchases, receipt: Receipt) -> None:
    receipt_id = found.id_of(receipt.receipt_id, "invalid-receipt-id")
    if receipt_id is None:
        return
    instant = to_millis(receipt.purchased_at)
    if instant > found.window.until:
        # The service was asked for nothing this late, so it is an error and not just outside.
        found.refused.add(("instant-after-as-of", receipt_id))
    elif found.accepts(instant, receipt_id):
        found.purchase(receipt_id, instant, receipt.retailer, receipt.items)


def _read_summary(found: Purchases, summary: OrderSummary) -> None:
    """A cancelled order retracts whatever its time; anything else here only shows what cannot be fetched."""
    if summary.status == "PENDING":
        return
    order_id = found.id_of(summary.order_id, "invalid-receipt-id")
    if order_id is None:
        return
    inside = found.accepts(summary.created_at, order_id)
    if summary.status == "CANCELLED":
        _retract(found, order_id, summary.created_at if inside else None)


def _read_order(found: Purchases, order: Order) -> None:
    order_id = found.id_of(order.order_id, "invalid-receipt-id")
    if order_id is None or order.status == "PENDING":
        return
    inside = found.accepts(order.created_at, order_id)
    if order.status == "CANCELLED":
        _retract(found, order_id, order.created_at if inside else None)
    elif inside:
        found.purchase(order_id, order.created_at, order.retailer, order.lines)


def _retract(found: Purchases, order_id: str, instant: int | None) -> None:
    found.retracted.add(order_id)
    if instant is not None:
        found.seen(instant)


def _describe(fields: dict[str, TextField], key: str, raw: str | None, day: int) -> None:
    known = fields.get(key)
    if known is not None and day < known.observed_on:
        return
    text = clean_text(raw)
    if text is not None:
        told = TextField(RANK_EVENT, day, text)
        if known is None or told > known:
            fields[key] = told


def _categories(mentioned: Set[str], catalogue: Catalogue) -> tuple[dict[str, CategoryFact], set[tuple[str, ...]]]:
    """Every category that a fact mentions gets an entry, known or not."""
    facts: dict[str, CategoryFact] = {}
    refused: set[tuple[str, ...]] = set()
    for category_id in mentioned:
        known = catalogue.categories.get(category_id)
        if known is not None:
            for level_id, fact in known.facts.items():
                _join_category(facts, level_id, fact)
            if known.invalid_id:
                refused.add(("invalid-category-id", "hierarchy", category_id))
        facts.setdefault(category_id, CategoryFact())
    return facts, refused


def _join_category(categories: dict[str, CategoryFact], category_id: str, told: CategoryFact) -> None:
    known = categories.setdefault(category_id, told)
    if known is not told:
        names = [name for name in (known.name, told.name) if name is not None]
        paths = [path for path in (known.hierarchy, told.hierarchy) if path is not None]
        categories[category_id] = CategoryFact(name=max(names, default=None), hierarchy=max(paths, default=None))


def _id_or_none(raw: str) -> str | None:
    try:
        return clean_id(raw)
    except InvalidId:
        return None
