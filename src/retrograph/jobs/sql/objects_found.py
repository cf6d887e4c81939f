"""A page of a job's objects: by number, by state, and by a text in their keys or errors.

Of a million objects a search reads no long rows but those it may show. First some objects are looked through in order:
what many hold is found there. What few hold is found by two indexes, which have all keys, and all errors that there
are. What is in between, and lies far behind, is looked for row by row.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Text, collate, func, or_, select

from retrograph.jobs.objects import ObjectQuery
from retrograph.store.engine import Database
from retrograph.store.tables import objects

LOOKED_THROUGH: Final = 2_000
MOST_FOUND: Final = 20_000
"""So many are sorted; of more, the first in order cannot be far."""
_LONGEST: Final = 1_000
_SMALL: Final[Mapping[int, int]] = {ord("A") + n: ord("a") + n for n in range(26)}


def page(database: Database, connection: Connection, job_id: str, query: ObjectQuery) -> Sequence[RowMapping]:
    """See `ObjectLedger.page`."""
    wanted = select(objects).where(objects.c.job_id == job_id, objects.c.number > query.after)
    if query.state is not None:
        wanted = wanted.where(objects.c.state == query.state.value)
    ordered = wanted.order_by(objects.c.number).limit(query.limit)
    if not query.search:
        return connection.execute(ordered).mappings().all()
    text = _Text(query.search, embedded=database.embedded)
    return _searched(connection, job_id, query, wanted, text)


class _Text:
    """A text that is looked for, without regard to upper and lower case of ASCII letters, on both databases alike."""

    def __init__(self, text: str, *, embedded: bool) -> None:
        text = text.replace("\0", "")[:_LONGEST].translate(_SMALL)
        for mark in "/%_":
            text = text.replace(mark, f"/{mark}")
        self._anywhere = f"%{text}%"
        self._embedded = embedded

    def within(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """SQLite's LIKE is so by itself. PostgreSQL lowers by the rules of C faster than it compares by ILIKE."""
        if not self._embedded:
            column = func.lower(collate(column, "C"), type_=Text())
        return column.like(self._anywhere, escape="/")


def _searched(
    connection: Connection, job_id: str, query: ObjectQuery, wanted: Select[Any], text: _Text
) -> Sequence[RowMapping]:
    fitting = or_(text.within(objects.c.key), text.within(objects.c.error))
    ordered = wanted.where(fitting).order_by(objects.c.number).limit(query.limit)
    mine = objects.c.job_id == job_id
    near = select(objects.c.number).where(mine, objects.c.number > query.after).order_by(objects.c.number)
    last = connection.scalar(near.offset(LOOKED_THROUGH).limit(1))
    if last is None:
        return connection.execute(ordered).mappings().all()
    rows = connection.execute(ordered.where(objects.c.number <= last)).mappings().all()
    if len(rows) == query.limit:
        return rows
    numbers = _numbers(connection, job_id, text)
    if numbers is None:
        return connection.execute(ordered).mappings().all()
    return _of(connection, wanted, sorted(number for number in numbers if number > query.after), query.limit)


def _numbers(connection: Connection, job_id: str, text: _Text) -> set[int] | None:
    """All that hold the text, by their numbers; `None` where they are too many."""
    mine = objects.c.job_id == job_id
    keyed = select(objects.c.key).where(mine, text.within(objects.c.key)).limit(MOST_FOUND + 1)
    keys = keyed.cte("keys").prefix_with("MATERIALIZED")
    by_key = select(objects.c.number).join(keys, objects.c.key == keys.c.key).where(mine)
    found = set(connection.scalars(by_key))
    if len(found) <= MOST_FOUND:
        erred = select(objects.c.number).where(mine, objects.c.error.is_not(None), text.within(objects.c.error))
        found.update(connection.scalars(erred.limit(MOST_FOUND + 1)))
    return found if len(found) <= MOST_FOUND else None


def _of(connection: Connection, wanted: Select[Any], numbers: Sequence[int], limit: int) -> Sequence[RowMapping]:
    """The first of these that are wanted besides; so many at a time as a statement takes values."""
    rows: list[RowMapping] = []
    for at in range(0, len(numbers), 500):
        some = wanted.where(objects.c.number.in_(numbers[at : at + 500])).order_by(objects.c.number)
        rows += connection.execute(some.limit(limit - len(rows))).mappings()
        if len(rows) == limit:
            break
    return rows
