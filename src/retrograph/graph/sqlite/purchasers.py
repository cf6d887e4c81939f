"""The users behind some products, as a recount pass walks them: each once, in order of id, a page at a time.

A product may have a million purchasers, and the walk takes as long as they all need to be recounted. So no query is
left open meanwhile, whose view of the file would keep its log from being emptied, and nothing is sorted that the index
does not hold in order already: only a page of each product is in memory.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby

from retrograph.graph.sqlite import statements as sql
from retrograph.graph.sqlite.connection import rows


def purchasers_of(connection: sqlite3.Connection, product_ids: Sequence[str], page: int) -> Iterator[str]:
    """The users with an edge to any of these products; to be walked in the connection's thread."""
    return (user_id for user_id, _ in groupby(merge(*(_of_one(connection, key, page) for key in product_ids))))


def _of_one(connection: sqlite3.Connection, product_id: str, page: int) -> Iterator[str]:
    after = ""
    while found := rows(connection, sql.PURCHASERS, product_id, after, page):
        yield from (user_id for (user_id,) in found)
        after = found[-1][0]
