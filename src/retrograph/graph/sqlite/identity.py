"""Identifiers on the embedded graph: the steps of a write transaction, and what can be asked."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain, groupby
from typing import Any, Final

import msgspec

from retrograph.facts import Identifier, Sighting
from retrograph.graph.identity import IdentityChanges, StoredIdentity
from retrograph.graph.identity_store import IdentifierCount, Shared
from retrograph.graph.records import IdentifierRecord
from retrograph.graph.sqlite import identity_statements as sql
from retrograph.graph.sqlite.connection import Connection, WriteTransaction, rows

_encode = msgspec.json.Encoder().encode
_strings = msgspec.json.Decoder(list[str]).decode
_rows = msgspec.json.Decoder(list[list[Any]]).decode

MOST_ROWS: Final = 512
"""Rows of one statement: far below SQLite's limit for parameters."""


class SqliteIdentitySteps:
    """See `graph.identity_store.IdentityTransaction`."""

    _connection: WriteTransaction

    async def upsert_identifiers(self, identifiers: Mapping[Identifier, str | None]) -> None:
        self._connection.later(partial(_upsert, identifiers=identifiers))

    async def lock_identities(self, user_ids: Sequence[str]) -> dict[str, StoredIdentity]:
        return await self._connection.run(partial(_lock, user_ids=user_ids))

    async def write_identities(self, changes: Sequence[IdentityChanges], now: int) -> int:
        return await self._connection.run(partial(_write, changes=changes, now=now))


def _many(connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
    """Runs a statement over rows, as many at once as it takes; returns how many it wrote."""
    written, start, size = 0, 0, MOST_ROWS
    while start < len(rows):
        while size > len(rows) - start:  # halves, so that few statements differ and all are kept prepared
            size //= 2
        part = rows[start : start + size]
        values = ", ".join([f"({', '.join('?' * len(part[0]))})"] * size)
        written += connection.execute(statement.format(rows=values), list(chain.from_iterable(part))).rowcount
        start += size
    return written


def _upsert(connection: sqlite3.Connection, identifiers: Mapping[Identifier, str | None]) -> None:
    _many(connection, sql.CREATE_IDENTIFIERS, list(identifiers))
    judged = [(name, *identifier) for identifier, name in identifiers.items() if name is not None]
    connection.executemany(sql.BLOCK_IDENTIFIER, judged)


def _lock(connection: sqlite3.Connection, user_ids: Sequence[str]) -> dict[str, StoredIdentity]:
    """The one writer's transaction holds the lock already: what is missing is made."""
    _many(connection, sql.CREATE_USERS, [(user_id,) for user_id in user_ids])
    keys = _text(user_ids)
    edges: dict[str, dict[Identifier, list[Sighting]]] = {}
    for user_id, type_, value, first, last, sources in _json(connection, sql.READ_SIGHTINGS, keys):
        sighting = Sighting(first, last, frozenset(sources or ()))
        edges.setdefault(user_id, {})[Identifier(type_, value)] = [sighting]
    first_seen = dict(_json(connection, sql.READ_FIRST_SEEN, keys))
    return {
        user_id: StoredIdentity(first_seen.get(user_id), edges.get(user_id, {}))
        for user_id in first_seen.keys() | edges.keys()
    }


def _json(connection: sqlite3.Connection, statement: str, keys: str) -> list[Any]:
    (found,) = connection.execute(statement, (keys,)).fetchone()
    return _rows(found)


def _write(connection: sqlite3.Connection, changes: Sequence[IdentityChanges], now: int) -> int:
    _many(connection, sql.WRITE_USERS, [(change.user_id, change.first_seen_at, now) for change in changes])
    created = [
        (change.user_id, row.type, row.value, row.first_seen_at, row.last_seen_at, _sources(row.sources))
        for change in changes
        for row in change.created
    ]
    matched = _many(connection, sql.CREATE_EDGES, created)
    updated = connection.executemany(
        sql.UPDATE_EDGE,
        (
            (row.first_seen_at, row.last_seen_at, _sources(row.sources), change.user_id, row.type, row.value)
            for change in changes
            for row in change.updated
        ),
    )
    return matched + max(0, updated.rowcount)


def _text(value: Sequence[Any]) -> str:
    return _encode(value).decode()


@lru_cache(maxsize=1_024)
def _sources(sources: tuple[str, ...]) -> str:
    """Few differ among many edges."""
    return _text(sources)


def _list(value: str | None) -> list[str]:
    return _strings(value) if value else []


class SqliteIdentityReads:
    """See `graph.identity_store.IdentityReads`."""

    _reader: Connection

    async def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        return await self._reader.run(lambda connection: rows(connection, statement, *parameters))

    async def identities(self, user_ids: Sequence[str]) -> dict[str, list[IdentifierRecord]]:
        found: dict[str, list[IdentifierRecord]] = {}
        for user_id, type_, value, blocked, first, last, sources in await self._rows(sql.IDENTITIES, _text(user_ids)):
            record = IdentifierRecord(type_, value, blocked, first, last, _list(sources))
            found.setdefault(user_id, []).append(record)
        return found

    async def degrees(self, identifiers: Sequence[Identifier]) -> dict[Identifier, int]:
        found = await self._rows(sql.DEGREES, _text(identifiers))
        return {Identifier(type_, value): users for type_, value, users in found}

    async def holders(self, identifiers: Sequence[Identifier]) -> dict[Identifier, list[str]]:
        found = await self._rows(sql.HOLDERS, _text(identifiers))
        return {Identifier(*key): [edge[2] for edge in edges] for key, edges in _by_identifier(found)}

    async def shared_identifiers(self, after: Identifier | None, limit: int) -> list[Shared]:
        found = await self._rows(sql.SHARED, *(after or ("", "")), limit)
        return [Shared(Identifier(type_, value), blocked, users) for type_, value, blocked, users in found]

    async def identifier_counts(self) -> dict[str, IdentifierCount]:
        return {type_: IdentifierCount(*counts) for type_, *counts in await self._rows(sql.COUNTS)}

    async def identifier_edges(self) -> int:
        found = await self._rows(sql.EDGES)
        return int(found[0][0])


def _by_identifier(found: Sequence[Any]) -> Iterator[tuple[tuple[str, str], Iterator[Any]]]:
    return groupby(found, key=lambda edge: (edge[0], edge[1]))
