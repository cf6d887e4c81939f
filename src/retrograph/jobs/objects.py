"""The ledger of a job that walks objects: which there are, what became of each, and how far a large one is read.

Counts of an object are absolute, so that writing them again changes nothing; the totals of its job change by the
difference, in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from retrograph.errors import UsageError


class ObjectState(StrEnum):
    """What became of an object."""

    PENDING = "pending"
    INGESTED = "ingested"
    UNCHANGED = "unchanged"
    """An earlier job into the same graph has ingested the very same content."""
    FAILED = "failed"


def object_state(text: str) -> ObjectState:
    """Raises UsageError for a state that does not exist."""
    try:
        return ObjectState(text)
    except ValueError:
        known = ", ".join(ObjectState)
        raise UsageError(f"there is no state {text[:50]!r} of objects: it is one of {known}", field="state") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as discovery found it. `content` is a digest of where it lies, its version and how it is read."""

    key: str
    size: int
    version: str
    modified_at: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far an object is read: up to that byte of its content and that line, with these counts.

    `read` counts bytes of the object as it is stored. `refused` are facts that were left out, by reason; `mistakes`
    the first lines that could not be decoded, with their reasons.
    """

    offset: int = 0
    line: int = 0
    read: int = 0
    events: int = 0
    skipped: int = 0
    gated: int = 0
    undecodable: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    mistakes: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object in the ledger. Instants in milliseconds."""

    number: int
    key: str
    size: int
    version: str
    modified_at: int
    content: str
    state: ObjectState
    reached: Reached = Reached()
    error: str | None = None
    attempts: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All objects of a job together. `created_at` is when discovery began, `started_at` when the first was read."""

    objects: int = 0
    size: int = 0
    created_at: int | None = None
    discovered_at: int | None = None
    """Discovery's last update."""
    processed: int = 0
    failed: int = 0
    unchanged: int = 0
    events: int = 0
    skipped: int = 0
    gated: int = 0
    undecodable: int = 0
    read: int = 0
    started_at: int | None = None
    updated_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectQuery:
    """Which objects of a job, in the order of discovery. `search` is text in their keys or errors; `after` the number
    of the last one seen."""

    state: ObjectState | None = None
    search: str | None = None
    after: int = 0
    limit: int = 100


class Ahead:
    """Entries that a walk has read and that whoever loads them need not read once more; each is handed out once."""

    def __init__(self) -> None:
        self._before: dict[str, Entry] = {}
        self._page: dict[str, Entry] = {}

    def put(self, page: Sequence[Entry]) -> None:
        """The next page. Of the one before, some may still be about to begin."""
        self._before, self._page = self._page, {entry.key: entry for entry in page}

    def take(self, key: str) -> Entry | None:
        """The entry, unless it is not here, or was taken."""
        return self._page.pop(key, None) or self._before.pop(key, None)


class ObjectLedger(Protocol):
    """Kept beside the jobs. All verbs raise DependencyDown where the store does not answer."""

    async def begin(self, job_id: str, graph_id: str) -> None:
        """Discovery begins, or begins again: what an earlier one had found is forgotten."""
        ...

    async def add(self, job_id: str, first: int, found: Sequence[Listed]) -> None:
        """Adds objects; `first` is the number of the first."""
        ...

    async def page(self, job_id: str, query: ObjectQuery) -> Sequence[Entry]:
        """Objects of a job, by their numbers."""
        ...

    async def entry(self, job_id: str, key: str) -> Entry | None:
        """One object by its key."""
        ...

    async def unchanged(self, job_id: str, graph_id: str) -> int:
        """Of how many objects another job has ingested the very content into that graph, all of it: a gate kept nothing
        out."""
        ...

    async def pass_over(self, job_id: str, graph_id: str) -> int:
        """Marks those objects as unchanged, and answers how many they are."""
        ...

    async def save(
        self, job_id: str, entry: Entry, state: ObjectState, reached: Reached, error: str | None = None
    ) -> None:
        """What became of an object, or how far it is. Callers that come at one moment share a transaction."""
        ...

    async def totals(self, job_id: str) -> Totals | None:
        """`None` for a job without objects."""
        ...
