"""Small histories with everything in them that could depend on order: drawn from a seed, as facts."""

from dataclasses import dataclass
from random import Random
from typing import Final

from retrograph.clock import MILLIS_PER_DAY
from retrograph.facts import (
    RANK_CATALOGUE,
    RANK_EVENT,
    CategoryFact,
    Facts,
    Loaded,
    PathField,
    ProductFact,
    RetailerFact,
    SharedFacts,
    TextField,
    UserFacts,
)
from retrograph.graph.merge import join_user
from retrograph.graph.shared import join_shared

FIRST_DAY: Final = 17_000
"""Everything was bought in the days after this one."""

LOADED: Final = Loaded(at=FIRST_DAY * MILLIS_PER_DAY, by="simulation")
DAYS: Final = 4
PRODUCTS: Final = ("apple", "bread", "cider", "donut")
CATEGORIES: Final = ("bakery", "drinks", "food", "fruit")
RETAILERS: Final = ("corner", "market")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One purchase as a document tells it."""

    user_id: str
    receipt_id: str
    at: int
    products: tuple[str, ...]
    retailer: str


class Histories:
    """What there is to know in one world, and the documents that tell parts of it."""

    def __init__(self, random: Random, users: int) -> None:
        self._random = random
        self.users = [f"user-{number}" for number in range(1, users + 1)]
        self.receipts = [receipt for user in self.users for receipt in self._receipts(user)]
        self._categories = {
            (product, day): random.choice((*CATEGORIES, None)) if random.random() < 0.5 else CATEGORIES[number]
            for number, product in enumerate(PRODUCTS)
            for day in range(DAYS)
        }
        self._paths = {(category, day): self._path(category) for category in CATEGORIES for day in range(DAYS)}

    def _receipts(self, user_id: str) -> list[Receipt]:
        return [
            Receipt(
                user_id,
                f"{user_id}/r{number}",
                (FIRST_DAY + self._random.randrange(DAYS)) * MILLIS_PER_DAY + self._random.randrange(1000),
                tuple(self._random.sample(PRODUCTS, self._random.choice((1, 1, 2)))),
                self._random.choice(RETAILERS),
            )
            for number in range(1, 1 + self._random.choice((1, 1, 2, 3)))
        ]

    def _path(self, category: str) -> tuple[str, ...] | None:
        others = [other for other in CATEGORIES if other != category]
        kind = self._random.random()
        if kind < 0.3:
            return None
        return (*self._random.sample(others, self._random.choice((0, 1, 1, 2))), category)

    def event(self, receipt: Receipt) -> Facts:
        """A live event: a receipt, told by its shop, which sometimes knows a category or another time."""
        day = receipt.at // MILLIS_PER_DAY
        at = receipt.at - (3_600_000 if self._random.random() < 0.2 else 0)
        told = self._random.random() < 0.3
        products = {
            product: ProductFact(
                name=TextField(RANK_EVENT, day, f"{product} of {receipt.retailer}"),
                category_id=TextField(RANK_EVENT, day, self._random.choice(CATEGORIES)) if told else None,
            )
            for product in receipt.products
        }
        return Facts(user=_bought(receipt, at), shared=_named(products, {}, receipt.retailer, day))

    def purchase(self, receipt: Receipt) -> Facts:
        """What everybody tells of a purchase alike, and the catalogue on the first day."""
        products, categories = self._catalogue(receipt.products, 0)
        return Facts(
            user=_bought(receipt, receipt.at), shared=_named(products, categories, receipt.retailer, FIRST_DAY)
        )

    def retraction(self, receipt: Receipt) -> Facts:
        """An order that was cancelled."""
        return Facts(
            user=UserFacts(user_id=receipt.user_id, retracted=frozenset([receipt.receipt_id]), first_seen_at=receipt.at)
        )

    def history(self, user_id: str, retracted: frozenset[str] = frozenset()) -> Facts:
        """A full load: all that services know of a user on some day, and what the catalogue said on that day."""
        day = self._random.randrange(DAYS)
        mine = [receipt for receipt in self.receipts if receipt.user_id == user_id]
        user = UserFacts(user_id=user_id, retracted=retracted, loaded=LOADED)
        shared = []
        for receipt in mine:
            user = join_user(user, _bought(receipt, receipt.at))
            shared.append(_named(*self._catalogue(receipt.products, day), receipt.retailer, day + FIRST_DAY))
        return Facts(user=user, shared=join_shared(shared))

    def word(self, product: str, day: int) -> Facts:
        """What the catalogue says of one product on a day, brought by somebody who bought nothing."""
        products, categories = self._catalogue((product,), day)
        return Facts(user=UserFacts(user_id="nobody"), shared=_named(products, categories, None, day + FIRST_DAY))

    def _catalogue(self, products: tuple[str, ...], day: int) -> tuple[dict[str, ProductFact], dict[str, CategoryFact]]:
        told, categories = {}, {}
        on = day + FIRST_DAY
        for product in products:
            category = self._categories[product, day]
            told[product] = ProductFact(
                name=TextField(RANK_CATALOGUE, on, f"The {product}"),
                category_id=TextField(RANK_CATALOGUE, on, category) if category is not None else None,
            )
            path = self._paths[category, day] if category is not None else None
            for depth, key in enumerate(path or ()):
                categories[key] = CategoryFact(
                    name=TextField(RANK_CATALOGUE, on, f"All {key}"),
                    hierarchy=PathField(RANK_CATALOGUE, on, (path or ())[: depth + 1]),
                )
        return told, categories


def _bought(receipt: Receipt, at: int) -> UserFacts:
    return UserFacts(
        user_id=receipt.user_id,
        purchases={product: {receipt.receipt_id: at} for product in receipt.products},
        visits={receipt.retailer: frozenset([receipt.receipt_id])},
        first_seen_at=at,
    )


def _named(
    products: dict[str, ProductFact], categories: dict[str, CategoryFact], retailer: str | None, day: int
) -> SharedFacts:
    """With an entry for every category that is named, as all who make facts do."""
    named = {fact.category_id.value for fact in products.values() if fact.category_id is not None}
    for fact in categories.values():
        named.update(fact.hierarchy.value if fact.hierarchy is not None else ())
    return SharedFacts(
        products=products,
        categories={key: categories.get(key, CategoryFact()) for key in sorted(named)},
        retailers={retailer: RetailerFact(channel=TextField(RANK_EVENT, day, "SHOP"))} if retailer else {},
    )
