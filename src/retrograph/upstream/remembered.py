"""A bounded memory of values by key that costs next to nothing to ask.

A load asks for dozens of products, nearly all of them known; a cache that keeps its entries in order spends more CPU
on that than a request does. Here two generations are kept instead: when the young one is full or old it becomes the
old one, and what was in that is forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from retrograph.clock import Clock

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How many values are remembered at most, and how many seconds at most.

    A day: catalogues change slowly, and every fact carries the day it was asked anyway.
    """

    entries: int
    seconds: float = 86_400.0


class Remembered(Generic[V]):
    """Values by key: at most `entries` of them, none for longer than `seconds`."""

    def __init__(self, limits: CacheLimits, clock: Clock) -> None:
        self._half_entries = max(1, limits.entries // 2)
        self._seconds = limits.seconds
        self._clock = clock
        self._young: dict[str, V] = {}
        self._old: dict[str, V] = {}
        self._young_since = self._old_since = clock.monotonic()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def recall(self, keys: Iterable[str], found: dict[str, V]) -> list[str]:
        """Adds to `found` what is known of these keys, and answers the others."""
        self._grow_old()
        young, old, missing = self._young, self._old, []
        for key in keys:
            if key in young:
                found[key] = young[key]
            elif key in old:
                found[key] = old[key]
            else:
                missing.append(key)
        return missing

    def remember(self, values: Mapping[str, V]) -> None:
        """Takes these values; they last from now on."""
        self._grow_old()
        for key, value in values.items():
            if len(self._young) >= self._half_entries:
                self._turn()
            self._young[key] = value

    def _grow_old(self) -> None:
        now = self._clock.monotonic()
        if now >= self._young_since + self._seconds / 2:
            self._turn()
        if now >= self._old_since + self._seconds:
            self._old = {}

    def _turn(self) -> None:
        self._old, self._old_since = self._young, self._young_since
        self._young, self._young_since = {}, self._clock.monotonic()
