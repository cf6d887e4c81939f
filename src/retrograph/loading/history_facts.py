"""From what the services say about one user to facts: pure, so that order and duplicates provably change nothing.

Two steps, because the catalogues are only asked about products that accepted purchases name: `purchases_of` reads
receipts and orders, `facts_of` adds what the catalogues said. `history_facts` is both.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from retrograph.clock import day_of, to_millis
from retrograph.facts import (
    EARLIEST_INSTANT,
    RANK_EVENT,
    CategoryFact,
    Facts,
    InvalidId,
    Loaded,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
    clean_id,
    clean_text,
)
from retrograph.upstream.categories import KnownCategory
from retrograph.upstream.products import KnownProduct
from retrograph.upstream.purchase_history import Receipt, Retailer
from retrograph.upstream.shop_orders import Order, OrderSummary


class Window(NamedTuple):
    """Half-open: `since` belongs to it, `until` (the job's `as_of`) does not. Milliseconds."""

    since: int
    until: int

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, int) and self.since <= instant < self.until


@dataclass(slots=True, kw_only=True)
class Purchases:
    """What receipts and orders say, cleaned. `refused` holds (reason, which) pairs: one fact is refused once."""

    window: Window
    purchases: dict[str, dict[str, int]] = field(default_factory=dict)
    visits: dict[str, set[str]] = field(default_factory=dict)
    retracted: set[str] = field(default_factory=set)
    first_seen_at: int | None = None
    names: dict[str, TextField] = field(default_factory=dict)
    channels: dict[str, TextField] = field(default_factory=dict)
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

    def purchase(self, receipt_id: str, instant: int, retailer: Retailer) -> None:
        """One receipt or order was made there and then."""
        self.seen(instant)
        name = self.id_of(retailer.name, "invalid-retailer", receipt_id)
        if name is not None:
            self.visits.setdefault(name, set()).add(receipt_id)
            _describe(self.channels, name, retailer.channel, day_of(instant))

    def item(self, receipt_id: str, instant: int, raw_product_id: str, description: str | None) -> None:
        """One line of it. Two times for one receipt: the earlier."""
        product_id = self.id_of(raw_product_id, "invalid-product-id", receipt_id)
        if product_id is None:
            return
        times = self.purchases.get(product_id)
        if times is None:
            times = self.purchases[product_id] = {}
        known = times.get(receipt_id)
        if known is None or instant < known:
            times[receipt_id] = instant
        _describe(self.names, product_id, description, day_of(instant))


class Catalogue(NamedTuple):
    """What the catalogue services said about what the purchases name."""

    products: Mapping[str, KnownProduct]
    categories: Mapping[str, KnownCategory]


class HistoryFacts(NamedTuple):
    """The facts, and how many were left out, by reason."""

    facts: Facts
    refused: Mapping[str, int]


def orders_to_fetch(summaries: Iterable[OrderSummary], window: Window) -> list[str]:
    """The ids of the orders whose details are history: validated, in the window, with an id that is one."""
    wanted: dict[str, None] = {}
    for summary in summaries:
        if summary.status == "VALIDATED" and summary.created_at in window and _is_id(summary.order_id):
            wanted[summary.order_id] = None
    return list(wanted)


def purchases_of(
    receipts: Iterable[Receipt], summaries: Iterable[OrderSummary], orders: Iterable[Order], window: Window
) -> Purchases:
    """What a user bought in the window. The status and time of an order in full win over those of the list."""
    found = Purchases(window=window)
    for receipt in receipts:
        _read_receipt(found, receipt)
    for summary in summaries:
        _read_summary(found, summary)
    for order in orders:
        _read_order(found, order)
    return found


def facts_of(user_id: str, found: Purchases, catalogue: Catalogue, loaded: Loaded | None) -> HistoryFacts:
    """Adds the catalogues' word to the purchases. A product nobody knows keeps the name its receipts give."""
    products: dict[str, ProductFact] = {}
    categories: dict[str, CategoryFact] = {}
    refused = set(found.refused)
    for product_id in found.purchases:
        known = catalogue.products.get(product_id)
        fact = ProductFact() if known is None else known.fact
        products[product_id] = _named(fact, found.names.get(product_id))
        if known is not None and known.invalid_category_id:
            refused.add(("invalid-category-id", "product", product_id))
        if fact.category_id is not None:
            _mention(categories, fact.category_id.value, catalogue, refused)
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
    return HistoryFacts(Facts(user=user, shared=shared), Counter(reason for reason, *_ in refused))


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
        found.purchase(receipt_id, instant, receipt.retailer)
        for item in receipt.items:
            found.item(receipt_id, instant, item.product_id, item.description)


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
        found.purchase(order_id, order.created_at, order.retailer)
        for line in order.lines:
            found.item(order_id, order.created_at, line.product_id, line.description)


def _retract(found: Purchases, order_id: str, instant: int | None) -> None:
    found.retracted.add(order_id)
    if instant is not None:
        found.seen(instant)


def _describe(fields: dict[str, TextField], key: str, raw: str | None, day: int) -> None:
    text = clean_text(raw)
    if text is None:
        return
    told = TextField(RANK_EVENT, day, text)
    known = fields.get(key)
    if known is None or told > known:
        fields[key] = told


def _named(fact: ProductFact, name: TextField | None) -> ProductFact:
    """The catalogue's name outranks the receipts'; its fact is shared between users as it stands."""
    if fact.name is not None or name is None:
        return fact
    return ProductFact(name=name, brand=fact.brand, category_id=fact.category_id)


def _mention(
    categories: dict[str, CategoryFact], category_id: str, catalogue: Catalogue, refused: set[tuple[str, ...]]
) -> None:
    """Every category that a fact mentions gets an entry, known or not."""
    known = catalogue.categories.get(category_id)
    if known is not None:
        for level_id, fact in known.facts.items():
            _join_category(categories, level_id, fact)
        if known.invalid_id:
            refused.add(("invalid-category-id", "hierarchy", category_id))
    categories.setdefault(category_id, CategoryFact())


def _join_category(categories: dict[str, CategoryFact], category_id: str, told: CategoryFact) -> None:
    known = categories.setdefault(category_id, told)
    if known is not told:
        names = [name for name in (known.name, told.name) if name is not None]
        paths = [path for path in (known.hierarchy, told.hierarchy) if path is not None]
        categories[category_id] = CategoryFact(name=max(names, default=None), hierarchy=max(paths, default=None))


def _is_id(raw: str) -> bool:
    try:
        clean_id(raw)
    except InvalidId:
        return False
    return True
