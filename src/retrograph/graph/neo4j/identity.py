"""Identifiers on Neo4j: the steps of a write transaction, and what can be asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from retrograph.facts import IDENTIFIER_TYPES, Identifier, Sighting
from retrograph.graph.identity import IdentityChanges, StoredIdentity
from retrograph.graph.identity_store import IdentifierCount, Shared
from retrograph.graph.neo4j import identity_statements as cypher
from retrograph.graph.neo4j.connection import Connection
from retrograph.graph.neo4j.statements import LOCK_USERS
from retrograph.graph.records import IdentifierRecord


class _Steps(Protocol):
    """What the transaction offers."""

    async def _rows(self, statement: str, **parameters: Any) -> list[Any]: ...

    async def _write(self, statement: str, rows: Sequence[Any], **parameters: Any) -> int: ...


class Neo4jIdentitySteps:
    """See `graph.identity_store.IdentityTransaction`."""

    async def upsert_identifiers(self: _Steps, identifiers: Mapping[Identifier, str | None]) -> None:
        await self._write(cypher.CREATE_IDENTIFIERS, [list(identifier) for identifier in identifiers])
        judged = [[*identifier, name] for identifier, name in identifiers.items() if name is not None]
        await self._write(cypher.LOCK_IDENTIFIERS, judged)
        await self._write(cypher.BLOCK_IDENTIFIERS, judged)

    async def lock_identities(self: _Steps, user_ids: Sequence[str]) -> dict[str, StoredIdentity]:
        await self._write(LOCK_USERS, list(user_ids))
        stored: dict[str, StoredIdentity] = {}
        for user_id, first, edges in await self._rows(cypher.READ_IDENTITIES, keys=list(user_ids)):
            held: dict[Identifier, list[Sighting]] = {}
            for type_, value, first_seen, last_seen, sources in edges:
                sighting = Sighting(first_seen, last_seen, frozenset(sources or ()))
                held.setdefault(Identifier(type_, value), []).append(sighting)
            stored[user_id] = StoredIdentity(first, held)
        return stored

    async def write_identities(self: _Steps, changes: Sequence[IdentityChanges], now: int) -> int:
        def grouped(edges: Callable[[IdentityChanges], Sequence[Any]]) -> list[Any]:
            return [[change.user_id, [list(edge) for edge in found]] for change in changes if (found := edges(change))]

        users = [[change.user_id, change.first_seen_at] for change in changes]
        await self._write(cypher.WRITE_USERS, users, now=now)
        await self._write(cypher.DELETE_EDGES, grouped(lambda change: change.removed))
        updated = grouped(lambda change: change.updated)
        matched = len(await self._rows(cypher.UPDATE_EDGES, rows=updated)) if updated else 0
        return matched + await self._write(cypher.CREATE_EDGES, grouped(lambda change: change.created))


class Neo4jIdentityReads:
    """See `graph.identity_store.IdentityReads`."""

    _connection: Connection

    async def identities(self, user_ids: Sequence[str]) -> dict[str, list[IdentifierRecord]]:
        found = await self._connection.listed(cypher.IDENTITIES, keys=list(user_ids))
        return {user_id: [IdentifierRecord(*edge) for edge in edges] for user_id, edges in found if edges}

    async def degrees(self, identifiers: Sequence[Identifier]) -> dict[Identifier, int]:
        found = await self._connection.listed(cypher.DEGREES, keys=[list(key) for key in identifiers])
        return {Identifier(type_, value): users for type_, value, users in found}

    async def holders(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[str]]:
        found = await self._connection.listed(cypher.HOLDERS, keys=[list(key) for key in identifiers])
        return {Identifier(type_, value): sorted(users) for type_, value, users in found}

    async def shared_identifiers(self, after: Identifier | None, limit: int) -> list[Shared]:
        type_, value = after or ("", "")
        shared: list[Shared] = []
        # One type at a time, so that each page is a range of the index.
        for next_type in sorted(IDENTIFIER_TYPES):
            if next_type >= type_ and len(shared) < limit:
                above, wanted = value if next_type == type_ else "", limit - len(shared)
                found = await self._connection.listed(cypher.SHARED, type=next_type, value=above, limit=wanted)
                shared += [Shared(Identifier(*key), blocked, users) for *key, blocked, users in found]
        return shared

    async def identifier_counts(self) -> dict[str, IdentifierCount]:
        return {type_: IdentifierCount(*counts) for type_, *counts in await self._connection.rows(cypher.COUNTS)}

    async def identifier_edges(self) -> int:
        found = await self._connection.rows(cypher.EDGES)
        return int(found[0][0])
