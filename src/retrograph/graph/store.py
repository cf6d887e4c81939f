"""The port of a graph: what the law needs of one, in verbs. `sqlite/` and `neo4j/` implement it.

A write transaction's steps are separate (lock, read, write), because the law lives in their order; deciding what to
write is `merge` and `shared`, and driving the steps is `writer`, `recount` and `copy`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from retrograph.errors import DependencyDown, RetrographError
from retrograph.facts import SharedFacts
from retrograph.graph.identity_store import IdentityReads, IdentityTransaction
from retrograph.graph.model import (
    GraphIdentity,
    Mark,
    SharedChanges,
    SharedKeys,
    StoredBatch,
    StoredShared,
    UserChanges,
    Wanted,
)
from retrograph.graph.records import GraphStats, SharedRecord, UserRecord

DEPENDENCY = "graph"
"""Its name among the dependencies."""

WRITE_TIMEOUT_SECONDS = 60.0
"""Every write transaction ends within this time, committed or not."""


class TransientGraphError(DependencyDown):
    """A deadlock, a lost leader, a uniqueness race, a cut connection, a commit of unknown outcome: repeat the whole
    transaction. That is safe, because a join is.

    `outage`: the graph as a whole does not take writes now, whatever they are; no user's data is to blame. Where
    nobody repeats it, it counts as what it most likely is: a graph that is down.
    """

    def __init__(self, message: str, *, outage: bool = False) -> None:
        super().__init__(DEPENDENCY, message)
        self.outage = outage


class GraphDataError(RetrographError):
    """The graph refused the data of this transaction; repeating it would not help."""


class StaleKnowledge(RetrographError):
    """A shared node that was known to exist does not: forget what is known, upsert it, repeat.

    `missing`: the nodes any of which may be the one, as facts that say nothing more of them.
    """

    def __init__(self, message: str, missing: SharedFacts) -> None:
        super().__init__(message)
        self.missing = missing


class GraphTransaction(IdentityTransaction, Protocol):
    """One write transaction. It commits where its `async with` block ends, and rolls back on any exception."""

    async def lock_shared(self, keys: SharedKeys) -> StoredShared:
        """Makes missing nodes, locks all in order of (label, key), then reads them."""
        ...

    async def write_shared(self, changes: SharedChanges) -> None:
        """Writes locked shared nodes, their derived edges and their marks."""
        ...

    async def lock_users(self, user_ids: Sequence[str]) -> None:
        """Makes missing users and locks all; the ids come in order."""
        ...

    async def read_users(self, users: Sequence[Wanted], products: Sequence[str]) -> StoredBatch:
        """Reads locked users, and the stored categories of their read edges' products and of `products`."""
        ...

    async def write_users(self, changes: Sequence[UserChanges], now: int) -> int:
        """Writes the differences; returns how many shared nodes the new edges found, and how many edges to change
        there were. `now` is operational.

        Fewer than `UserChanges.matches` in sum mean that knowledge was stale: raise, so that nothing commits.
        """
        ...

    async def products_of(self, category_id: str, after: str, limit: int) -> list[str]:
        """The next products, in order of id, whose stored category this is."""
        ...

    async def clear_marks(self, marks: Sequence[Mark]) -> None:
        """Locks the marked nodes and takes off each mark that is still the same one."""
        ...


class GraphStore(IdentityReads, Protocol):
    """A graph, opened. All errors of its backend come out as those of `errors` and the three above."""

    @property
    def url(self) -> str:
        """Where it is, without secrets."""
        ...

    @property
    def identity(self) -> GraphIdentity:
        """Known once opened."""
        ...

    @property
    def lanes(self) -> int:
        """How many write transactions may usefully run at once."""
        ...

    async def open(self, *, create: bool = True, migrate: bool = False) -> None:
        """Connects, checks the version, makes the schema of an empty graph (`create`), brings an older one up to
        date (`migrate`). Raises DependencyDown, ConfigurationError, NotFound, IncompatibleGraph."""
        ...

    async def close(self) -> None:
        """Lets go of every connection."""
        ...

    async def ping(self) -> None:
        """Raises DependencyDown unless the graph answers."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[GraphTransaction]:
        """Begins a write transaction with a timeout of 60 s."""
        ...

    async def marks(self) -> list[Mark]:
        """Marks that committed transactions have left, at most 10,000 of them; none means that none is left."""
        ...

    async def settle(self) -> None:
        """Waits until no write transaction that began before this call remains."""
        ...

    def purchasers(self, product_ids: Sequence[str], limit: int, after: str = "") -> AsyncGenerator[list[str], None]:
        """Streams the users after an id who have an edge to any of these products, each once, in order of id, in
        pages of at most `limit`. No query stays open while a page is worked on."""
        ...

    async def take_recount_lease(self, holder: str, seconds: float) -> bool:
        """Takes or renews the right to run a recount pass, on the graph's own clock."""
        ...

    async def release_recount_lease(self, holder: str) -> None:
        """Gives it back, if it is still held."""
        ...

    async def note(self, name: str) -> str | None:
        """A note that was left on the graph's meta node."""
        ...

    async def set_note(self, name: str, value: str | None) -> None:
        """Leaves a note there, or takes it away."""
        ...

    async def scan_users(self, after: str, limit: int) -> list[UserRecord]:
        """The next users with all their edges, in order of id; fewer, but not none, where they have very many."""
        ...

    async def users(self, user_ids: Sequence[str]) -> list[UserRecord]:
        """Those of these users that exist."""
        ...

    async def scan_shared(self, label: str, after: str, limit: int) -> list[SharedRecord]:
        """The next nodes of `Product`, `Category` or `Retailer`, in order of key."""
        ...

    async def user_ids(self, after: str, limit: int) -> list[str]:
        """The next user ids, in order."""
        ...

    async def names(self, label: str, keys: Sequence[str]) -> dict[str, str]:
        """The names of those products or categories that have one."""
        ...

    async def stats(self) -> GraphStats:
        """Counts everything."""
        ...
