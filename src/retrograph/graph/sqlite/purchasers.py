"""The users behind a product, for recount passes: noted beside new edges, and put in order only when a pass asks.

An index of the edges by product would double the cost of writing one, and touch a page of its own for nearly each:
with a million edges it is what a load waits for. A load hardly ever needs it, because products come with their
categories. So a transaction that creates edges notes them in one row for each user, at the end of a table; a pass first
folds the notes into a table that is ordered by product.

What is noted and folded names every purchaser at every commit: the note is written in the transaction that creates the
edge, and folding moves notes within a transaction. It may name users whose edge has gone since, who are passed over; it
must never lack one, who would keep a wrong count. Only Retrograph creates edges of an embedded graph.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import Final

from retrograph.graph.model import UserChanges
from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import rows

_NOTES: Final = 2_000
_NOTED_CHARACTERS: Final = 2_000_000
"""What one transaction folds at most, unless a single note is larger: it ends well within a lease's time."""


def note(connection: sqlite3.Connection, changes: Iterable[UserChanges]) -> None:
    """Notes the new edges of a transaction, within it."""
    connection.executemany(
        sql.NOTE_PURCHASES,
        [
            (change.user_id, row.text([new.product_id for new in change.purchases_created]))
            for change in changes
            if change.purchases_created
        ],
    )


def fold(connection: sqlite3.Connection) -> bool:
    """Folds the oldest notes, in one transaction of the caller's; answers whether there may be more."""
    last, characters = None, 0
    for number, length in rows(connection, sql.NEXT_NOTES, _NOTES):
        characters += length
        if last is not None and characters > _NOTED_CHARACTERS:
            break
        last = number
    if last is None:
        return False
    connection.execute(sql.FOLD_NOTES, (last,))
    connection.execute(sql.FORGET_NOTES, (last,))
    return True


def purchasers_of(connection: sqlite3.Connection, product_ids: Sequence[str], page: int, after: str) -> Iterator[str]:
    """The users after an id with an edge to any of these products, each once, in order; to be walked in its own thread.

    A product may have a million purchasers, and the walk takes as long as they all need to be recounted. So no query
    stays open meanwhile, whose view of the file would keep its log from being emptied, and only a page of each
    product is in memory.
    """
    return (user_id for user_id, _ in groupby(merge(*(_of_one(connection, key, page, after) for key in product_ids))))


def _of_one(connection: sqlite3.Connection, product_id: str, page: int, after: str) -> Iterator[str]:
    while found := rows(connection, sql.PURCHASERS, product_id, after, page):
        yield from (user_id for (user_id,) in found)
        after = found[-1][0]
