"""What the catalogue services say of the products of live events, where consumers are told to ask them.

An event waits for that only a little while: what cannot be had is left out of it, so that neither a service that is
down nor a slow one stops the stream, and is asked for again with later events. Nothing depends on when it comes, since
what a catalogue says is a fact like any other.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

import structlog

from retrograph.clock import Clock
from retrograph.errors import RetrographError
from retrograph.facts import Facts, SharedFacts
from retrograph.graph.shared import join_shared
from retrograph.upstream.categories import Categories, KnownCategory
from retrograph.upstream.products import KnownProduct, Products

PATIENCE_SECONDS: Final = 10.0
"""How long a batch may wait for one service: half of what it may take where its partition goes to another member."""
REST_SECONDS: Final = 30.0
"""How long a service that has failed is not asked again."""
OWED_AT_ONCE: Final = 500
MOST_OWED: Final = 100_000
"""What was asked for in vain is remembered up to this many; a later event of the same product asks again anyway."""

V = TypeVar("V")
ValueT = TypeVar("ValueT", covariant=True)

_log = structlog.get_logger()


class _Client(Protocol[ValueT]):
    async def get(self, keys: Iterable[str], /) -> Mapping[str, ValueT]: ...

    def remembered(self, keys: Iterable[str]) -> Mapping[str, ValueT]: ...


class _Asked(Generic[V]):
    """One service, asked with little patience, and left alone for a while after it has failed."""

    def __init__(self, name: str, client: _Client[V], clock: Clock, patience: float) -> None:
        self._name = name
        self._client = client
        self._patience = patience
        self._clock = clock
        self._owed: dict[str, None] = {}
        self._rests_until: float | None = None

    async def said(self, keys: Iterable[str]) -> Mapping[str, V]:
        """What can be had now of these, and of some that were asked for in vain before."""
        wanted = dict.fromkeys([*keys, *islice(self._owed, OWED_AT_ONCE)])
        found = self._client.remembered(wanted)
        if len(found) < len(wanted) and (self._rests_until is None or self._clock.monotonic() >= self._rests_until):
            found = await self._ask(wanted)
        for key in wanted:
            if key in found:
                self._owed.pop(key, None)
            elif len(self._owed) < MOST_OWED:
                self._owed[key] = None
        return found

    async def _ask(self, wanted: Collection[str]) -> Mapping[str, V]:
        try:
            async with asyncio.timeout(self._patience):
                found = await self._client.get(wanted)
        except (RetrographError, TimeoutError) as error:
            if self._rests_until is None:
                why = str(error) or f"it takes longer than {self._patience:g} s"
                _log.warning("live-not-enriched", service=self._name, error=why)
            self._rests_until = self._clock.monotonic() + REST_SECONDS
            return self._client.remembered(wanted)
        if self._rests_until is not None:
            _log.info("live-enriched-again", service=self._name)
            self._rests_until = None
        return found


class Enrichment:
    """Adds to events what they lack: the category of a product, the hierarchy of a category. `patience` in seconds."""

    def __init__(
        self, products: Products, categories: Categories | None, clock: Clock, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._products = _Asked[KnownProduct](products.service.name, products, clock, patience)
        self._categories = None
        if categories is not None:
            self._categories = _Asked[KnownCategory](categories.service.name, categories, clock, patience)

    async def enriched(self, facts: Sequence[Facts]) -> list[Facts]:
        """The same facts, and what the catalogues say beside them. Never raises what a service does."""
        products = await self._products.said(key for each in facts for key in _uncategorised(each.shared))
        paths = [_pathless(each.shared, products) for each in facts]
        categories: Mapping[str, KnownCategory] = {}
        if self._categories is not None:
            categories = await self._categories.said(key for keys in paths for key in keys)
        late = _late(facts, paths, products, categories)
        together = [_joined(each, products, keys, categories) for each, keys in zip(facts, paths, strict=True)]
        return [_beside(together[0], late), *together[1:]] if together else []


def _uncategorised(shared: SharedFacts) -> list[str]:
    return [key for key, fact in shared.products.items() if fact.category_id is None]


def _pathless(shared: SharedFacts, products: Mapping[str, KnownProduct]) -> set[str]:
    """The categories that an event names, or the catalogue gives its products, without saying where they stand."""
    named = {key for key, fact in shared.categories.items() if fact.hierarchy is None}
    said = (products[key].fact.category_id for key in _uncategorised(shared) if key in products)
    return named | {category.value for category in said if category is not None}


def _joined(
    facts: Facts, products: Mapping[str, KnownProduct], paths: Iterable[str], categories: Mapping[str, KnownCategory]
) -> Facts:
    told = {key: products[key].fact for key in _uncategorised(facts.shared) if key in products}
    levels = [SharedFacts(categories=categories[key].facts) for key in paths if key in categories]
    return _beside(facts, [SharedFacts(products=told), *levels])


def _late(
    facts: Sequence[Facts],
    paths: Sequence[Collection[str]],
    products: Mapping[str, KnownProduct],
    categories: Mapping[str, KnownCategory],
) -> list[SharedFacts]:
    """What had been asked for in vain before, and is of none of these events: it goes with the first of them."""
    owned = {key for each in facts for key in each.shared.products}
    asked = {key for keys in paths for key in keys}
    told = {key: known.fact for key, known in products.items() if key not in owned}
    levels = [SharedFacts(categories=known.facts) for key, known in categories.items() if key not in asked]
    return [SharedFacts(products=told), *levels]


def _beside(facts: Facts, more: Sequence[SharedFacts]) -> Facts:
    told = [shared for shared in more if shared.products or shared.categories]
    return replace(facts, shared=join_shared([facts.shared, *told])) if told else facts
