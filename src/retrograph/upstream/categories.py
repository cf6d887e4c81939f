"""The Category service: where a category stands in its tree, as facts of the day it was asked."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from retrograph.clock import Clock, day_of, to_millis
from retrograph.facts import RANK_CATALOGUE, CategoryFact, InvalidId, PathField, TextField, clean_id, clean_text
from retrograph.upstream.lookups import Lookups
from retrograph.upstream.remembered import CacheLimits, Remembered
from retrograph.upstream.service import Service, segment

CACHE: Final = CacheLimits(entries=20_000)
DEEPEST: Final = 100
"""No tree of categories is deeper; each level repeats its path, so an absurd one would cost its square."""

_log = structlog.get_logger()


class _Level(msgspec.Struct, frozen=True, gc=False):
    id: str
    name: str | None = None


class _Answer(msgspec.Struct):
    category_id: str = msgspec.field(name="categoryId")
    hierarchy: list[_Level]


_ANSWER: Final = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCategory:
    """What the catalogue says about a category and those above it; nothing where the service does not know it.

    `invalid_id`: its hierarchy names an id that breaks the rule for ids, so the whole of it is left out.
    """

    facts: Mapping[str, CategoryFact] = field(default_factory=dict)
    invalid_id: bool = False


UNKNOWN: Final = KnownCategory()


class Categories:
    """The catalogue of categories, remembered for a day."""

    def __init__(self, service: Service, clock: Clock, *, cache: CacheLimits = CACHE) -> None:
        self.service = service
        self._clock = clock
        self._levels: Remembered[CategoryFact] = Remembered(cache, clock)
        self._lookups = Lookups(self._ask, batch=1, limits=cache, clock=clock)

    async def get(
        self, category_ids: Iterable[str], turn: Callable[[], Awaitable[None]] | None = None
    ) -> dict[str, KnownCategory]:
        """What is known of each of these categories; `UNKNOWN` where the service answers 404."""
        return await self._lookups.get(category_ids, turn or self.service.turn)

    def remembered(self, category_ids: Iterable[str]) -> dict[str, KnownCategory]:
        """What is known of those of these categories that were asked for within the last day."""
        return self._lookups.remembered(category_ids)

    async def check(self) -> None:
        """Raises ConfigurationError where the URL is not this service, DependencyDown where nothing answers."""
        await self.service.probe("/v1/categories/retrograph-check", may_be_unknown=True)

    async def close(self) -> None:
        """Ends the calls under way."""
        await self._lookups.close()

    async def _ask(self, category_ids: Sequence[str]) -> dict[str, KnownCategory]:
        return {category_id: await self._one(category_id) for category_id in category_ids}

    async def _one(self, category_id: str) -> KnownCategory:
        today = day_of(to_millis(self._clock.now()))
        path = f"/v1/categories/{segment(category_id)}"
        answer = await self.service.fetch(path, _ANSWER)
        if answer is None:
            _log.warning("category-unknown", category_id=category_id)
            return UNKNOWN
        try:
            ids = [clean_id(level.id) if level.id.strip() else "" for level in answer.hierarchy]
        except InvalidId:
            return KnownCategory(invalid_id=True)
        fault = _fault(category_id, answer, ids)
        if fault is not None:
            raise self.service.malformed(path, fault)
        return KnownCategory(facts=self._shared(_facts(ids, answer.hierarchy, today)))

    def _shared(self, facts: Mapping[str, CategoryFact]) -> dict[str, CategoryFact]:
        """The roots of a tree come with every answer: equal facts are one object, which is quick to join."""
        known: dict[str, CategoryFact] = {}
        self._levels.recall(facts, known)
        shared = {key: known[key] if known.get(key) == fact else fact for key, fact in facts.items()}
        self._levels.remember({key: fact for key, fact in shared.items() if fact is not known.get(key)})
        return shared


def _fault(asked: str, answer: _Answer, ids: Sequence[str]) -> str | None:
    if answer.category_id != asked:
        return f"it is the category {answer.category_id[:80]!r} - at `$.categoryId`"
    if len(ids) > DEEPEST:
        return f"the hierarchy has {len(ids)} levels, at most {DEEPEST} are credible - at `$.hierarchy`"
    if not all(ids):
        return "the hierarchy holds an empty id - at `$.hierarchy`"
    if not ids or ids[-1] != asked:
        return "the hierarchy does not end with the category itself - at `$.hierarchy`"
    if len(set(ids)) < len(ids):
        return "the hierarchy names a category twice - at `$.hierarchy`"
    return None


def _facts(ids: Sequence[str], levels: Sequence[_Level], day: int) -> dict[str, CategoryFact]:
    """A hierarchy A, B, C is a fact about each of them: A is (A), B is (A, B), C is all of it."""
    facts = {}
    for depth, (category_id, level) in enumerate(zip(ids, levels, strict=True), start=1):
        text = clean_text(level.name)
        name = None if text is None else TextField(RANK_CATALOGUE, day, text)
        facts[category_id] = CategoryFact(name=name, hierarchy=PathField(RANK_CATALOGUE, day, tuple(ids[:depth])))
    return facts
