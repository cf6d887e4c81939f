"""The part of a graph's port that the identity graph needs; `graph.store` includes it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from retrograph.facts import Identifier
from retrograph.graph.identity import IdentityChanges, StoredIdentity
from retrograph.graph.records import IdentifierRecord


class Shared(NamedTuple):
    """An identifier that several users have. `users` counts them."""

    identifier: Identifier
    blocked: str | None
    users: int


class IdentifierCount(NamedTuple):
    """How many identifiers of a type there are, and how many of them are blocked."""

    identifiers: int
    blocked: int


class IdentityTransaction(Protocol):
    """The steps of a write transaction on identifiers and their edges."""

    async def upsert_identifiers(self, identifiers: Mapping[Identifier, str | None]) -> None:
        """Makes missing identifiers and joins the classes they are blocked by; they come in order of (type, value)."""
        ...

    async def lock_identities(self, user_ids: Sequence[str]) -> dict[str, StoredIdentity]:
        """Makes missing users, locks all, then reads what they are known by; the ids come in order.

        A user of whom nothing is stored may be missing from the answer.
        """
        ...

    async def write_identities(self, changes: Sequence[IdentityChanges], now: int) -> int:
        """Writes the differences; returns how many edges were made or changed. `now` is operational.

        Fewer than `IdentityChanges.matches` in sum mean that somebody took an identifier away: raise, so that nothing
        commits.
        """
        ...


class IdentityReads(Protocol):
    """What can be asked about identifiers."""

    async def identities(self, user_ids: Sequence[str]) -> dict[str, list[IdentifierRecord]]:
        """The identifiers of those of the users that have any, in no particular order."""
        ...

    async def degrees(self, identifiers: Sequence[Identifier]) -> dict[Identifier, int]:
        """How many users have each of these."""
        ...

    async def holders(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[str]]:
        """The users who have each of these, in order of id. Only ask for those that few users share."""
        ...

    async def shared_identifiers(self, after: Identifier | None, limit: int) -> list[Shared]:
        """The next identifiers that two or more users have, in order of (type, value)."""
        ...

    async def identifier_counts(self) -> dict[str, IdentifierCount]:
        """The identifiers by type."""
        ...

    async def identifier_edges(self) -> int:
        """How many edges lead to identifiers."""
        ...
