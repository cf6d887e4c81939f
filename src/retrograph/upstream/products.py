"""The Product service (FPS): what the catalogue says about products, as facts of the day it was asked."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from retrograph.clock import Clock, day_of, to_millis
from retrograph.errors import MalformedAnswer
from retrograph.facts import RANK_CATALOGUE, InvalidId, ProductFact, TextField, clean_id, clean_text
from retrograph.upstream.lookups import Lookups
from retrograph.upstream.remembered import CacheLimits
from retrograph.upstream.service import Service

BATCH: Final = 100
CACHE: Final = CacheLimits(entries=50_000)
"""About 40 MB at most."""


class _Product(msgspec.Struct, frozen=True, gc=False):
    product_id: str = msgspec.field(name="fido")
    name: str | None = None
    brand: str | None = None
    category_id: str | None = msgspec.field(name="categoryId", default=None)


class _Answer(msgspec.Struct):
    products: list[_Product]


class _Question(msgspec.Struct):
    ids: Sequence[str]


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_PATH: Final = "/v1/products:batchGet"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProduct:
    """What the catalogue says. `invalid_category_id`: it names a category whose id breaks the rule for ids."""

    fact: ProductFact
    invalid_category_id: bool = False


UNKNOWN: Final = KnownProduct(fact=ProductFact())


class Products:
    """The catalogue of products, remembered for a day."""

    def __init__(self, service: Service, clock: Clock, *, cache: CacheLimits = CACHE) -> None:
        self.service = service
        self._clock = clock
        self._lookups = Lookups(self._ask, batch=BATCH, limits=cache, clock=clock)

    async def get(
        self, product_ids: Iterable[str], turn: Callable[[], Awaitable[None]] | None = None
    ) -> dict[str, KnownProduct]:
        """What is known of each of these products; `UNKNOWN` for those the service leaves out."""
        return await self._lookups.get(product_ids, turn or self.service.turn)

    def remembered(self, product_ids: Iterable[str]) -> dict[str, KnownProduct]:
        """What is known of those of these products that were asked for within the last day."""
        return self._lookups.remembered(product_ids)

    async def check(self) -> None:
        """Raises ConfigurationError where the URL is not this service, DependencyDown where nothing answers."""
        await self.service.probe(_PATH, body=msgspec.json.encode(_Question([])))

    async def close(self) -> None:
        """Ends the calls under way."""
        await self._lookups.close()

    async def _ask(self, product_ids: Sequence[str]) -> dict[str, KnownProduct]:
        today = day_of(to_millis(self._clock.now()))
        answer = await self.service.fetch(_PATH, _ANSWER, body=msgspec.json.encode(_Question(product_ids)))
        if answer is None:
            raise self.service.failed(_PATH, "was answered with 404, which its contract does not know")
        known = dict.fromkeys(product_ids, UNKNOWN)
        for product in answer.products:
            if product.product_id not in known:
                raise self._unasked(product.product_id)
            known[product.product_id] = _known(product, today)
        return known

    def _unasked(self, product_id: str) -> MalformedAnswer:
        return self.service.malformed(_PATH, f"nobody asked for the product {product_id[:80]!r} - at `$.products`")


def _known(product: _Product, day: int) -> KnownProduct:
    category, invalid = _category(product.category_id, day)
    fact = ProductFact(name=_text(product.name, day), brand=_text(product.brand, day), category_id=category)
    return KnownProduct(fact=fact, invalid_category_id=invalid)


def _text(raw: str | None, day: int) -> TextField | None:
    text = clean_text(raw)
    return None if text is None else TextField(RANK_CATALOGUE, day, text)


def _category(raw: str | None, day: int) -> tuple[TextField | None, bool]:
    if raw is None or not raw.strip():
        return None, False
    try:
        return TextField(RANK_CATALOGUE, day, clean_id(raw)), False
    except InvalidId:
        return None, True
