"""Users with all their edges, as digests, copies and looks at a graph read them."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import takewhile
from math import inf
from typing import Any, Final

from retrograph.graph.records import CountRecord, UserRecord
from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import rows

PAGE_CHARACTERS: Final = 4_000_000
"""A scan's page ends with the user whose receipt ids fill so many: a few users may have bought more than all others."""


def scan_users(connection: sqlite3.Connection, after: str, limit: int) -> list[UserRecord]:
    """The next users, in order of id; fewer where they fill a page sooner, but never none."""
    users = rows(connection, sql.SCAN_USERS, after, limit)
    return _with_edges(connection, users, PAGE_CHARACTERS) if users else []


def users_of(connection: sqlite3.Connection, user_ids: Sequence[str]) -> list[UserRecord]:
    """Those of these users that exist."""
    users = rows(connection, sql.READ_USERS, row.text(user_ids))
    return [record for user in users for record in _with_edges(connection, [user])]


def _with_edges(connection: sqlite3.Connection, users: Sequence[Any], characters: float = inf) -> list[UserRecord]:
    """The users, or the first ones of them whose purchases fill so many characters."""
    bounds = (users[0][0], users[-1][0])
    with closing(connection.execute(sql.RANGE_PURCHASES, bounds)) as edges:
        found, behind = _first(edges, characters)
    if behind is not None:
        users = list(takewhile(lambda user: user[0] != behind, users))
        bounds = (users[0][0], users[-1][0])
    purchases = _grouped(found)
    visits, counts = (
        _grouped(rows(connection, statement, *bounds)) for statement in (sql.RANGE_VISITS, sql.RANGE_COUNTS)
    )
    return [
        row.user_record(
            user,
            [row.purchase_record(edge) for edge in purchases[user[0]]],
            [row.visit_record(edge) for edge in visits[user[0]]],
            [CountRecord(*edge) for edge in counts[user[0]]],
        )
        for user in users
    ]


def _first(edges: Iterable[Any], characters: float) -> tuple[list[Any], str | None]:
    """The edges of whole users up to so many characters of receipts, at least those of one; and who comes behind."""
    kept: list[Any] = []
    user_id, filled = None, 0
    for edge in edges:
        if edge[0] != user_id:
            if filled > characters:
                return kept, edge[0]
            user_id = edge[0]
        filled += len(edge[2] or "")
        kept.append(edge)
    return kept, None


def _grouped(edges: Sequence[Any]) -> defaultdict[str, list[Any]]:
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    for edge in edges:
        grouped[edge[0]].append(edge[1:])
    return grouped
