"""The part of the graph's port that no simulated world uses: nobody there is known by anything."""

from collections.abc import Mapping, Sequence

from retrograph.facts import Identifier
from retrograph.graph.identity import IdentityChanges, StoredIdentity
from retrograph.graph.identity_store import IdentifierCount, Shared
from retrograph.graph.records import IdentifierRecord


class NoIdentitySteps:
    """See `graph.identity_store.IdentityTransaction`."""

    async def upsert_identifiers(self, identifiers: Mapping[Identifier, str | None]) -> None:
        raise NotImplementedError

    async def lock_identities(self, user_ids: Sequence[str]) -> dict[str, StoredIdentity]:
        raise NotImplementedError

    async def write_identities(self, changes: Sequence[IdentityChanges], now: int) -> int:
        raise NotImplementedError


class NoIdentities:
    """See `graph.identity_store.IdentityReads`."""

    async def identities(self, user_ids: Sequence[str]) -> dict[str, list[IdentifierRecord]]:
        return {}

    async def degrees(self, identifiers: Sequence[Identifier]) -> dict[Identifier, int]:
        return {}

    async def holders(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[str]]:
        return {}

    async def shared_identifiers(self, after: Identifier | None, limit: int) -> list[Shared]:
        return []

    async def identifier_counts(self) -> dict[str, IdentifierCount]:
        return {}

    async def identifier_edges(self) -> int:
        return 0
