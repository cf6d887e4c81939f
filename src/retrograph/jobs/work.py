"""What an author of a new kind of job writes: what to walk over, and what to do with one item.

The engine knows nothing else of the work. Both contracts are structural: a class that has these methods fits.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol


class Item(NamedTuple):
    """One unit of work.

    `key` is what a failure names (a user's id). `cursor` is where a resume goes on *after* this item: opaque text,
    unique within the walk; for id lists the decimal count of items up to and including this one.
    """

    key: str
    cursor: str
    attempts: int = 0
    """How often it has failed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an item ended. The job sums what these count by name: `refused` the facts that were left out, by reason;
    `found` what the item brought, such as purchases (`findings.py` has the words)."""

    status: Literal["processed", "skipped"]
    reason: str | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)


PROCESSED = Outcome(status="processed")

Permit = Callable[[], None]
"""Raises LeaseLost where no write may begin any more."""


def unconditionally() -> None:
    """The permit of whoever holds no lease."""


class Source(Protocol):
    """What a job walks over, in an order that never changes while the job lives."""

    async def discover(self) -> int | None:
        """How many items there are, estimated where counting is dear; `None`: unknown."""
        ...

    def walk(self, after: str | None) -> AsyncIterator[Item]:
        """The items after that cursor, from the start where it is `None`."""
        ...


class Load(Protocol):
    """What is done with one item. Called concurrently, and again for an item whose outcome was lost: it must be
    safe to repeat."""

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        """Does one item. Whatever writes asks `permit` first: the lease may have ended since the item began.

        Raises `ItemError` (charged to the item, unless its `dependency` no longer answers a ping), `DependencyDown`
        (the job pauses, nothing is charged) or `ConfigurationError` (the run fails, nothing is charged).
        """
        ...

    async def ping(self, dependency: str) -> bool:
        """Is that server up?"""
        ...

    async def finish(self) -> None:
        """After the last item, before the job has succeeded; may be called again if it was interrupted."""
        ...

    async def close(self) -> None:
        """Gives back connections. Called once, whatever happened before."""
        ...
