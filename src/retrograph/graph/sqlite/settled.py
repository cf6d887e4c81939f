"""Whether a user's stored purchases are what the facts tell: nearly all users of a load that is repeated.

To read edges row by row, to decode their lists and to compare them costs several times what SQLite needs to put all
of them together as text. So a user who was loaded before is compared as text first, and read only where that differs
in anything. Equal text means equal edges, because it is text that only sound edges give (see
`statements.READ_PURCHASES_AS_TEXT`); a difference may mean nothing, and costs no more than a reading.
"""

import sqlite3
from collections.abc import Mapping
from operator import methodcaller
from typing import Final

from retrograph.graph.sqlite import rows as row
from retrograph.graph.sqlite import statements as sql

_instants: Final = methodcaller("values")


def is_settled(connection: sqlite3.Connection, user_id: str, expected: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether the user's edges are exactly these, each of them sound. An edge with an unknown time is not settled."""
    ((edges, sound, *stored),) = connection.execute(sql.READ_PURCHASES_AS_TEXT, (user_id,)).fetchall()
    return bool(edges == sound == len(expected) and stored == _as_text(expected))


def _as_text(expected: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Products by line, lists of receipts, lists of instants: as the stored columns give them in order of product."""
    products = sorted(expected)
    edges = [*map(expected.__getitem__, products)]
    receipt_ids, timestamps = [*map(list, edges)], [*map(list, map(_instants, edges))]
    for place, times in enumerate(edges):
        if len(times) > 1:
            ordered = sorted(zip(timestamps[place], receipt_ids[place], strict=True))
            receipt_ids[place] = [receipt_id for _, receipt_id in ordered]
            timestamps[place] = [at for at, _ in ordered]
    return ["\n".join(products), row.text(receipt_ids)[1:-1], row.text(timestamps)[1:-1]]
