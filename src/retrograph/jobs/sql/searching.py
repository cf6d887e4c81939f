"""What a search for text finds among jobs: in the key, in who created it, in the credentials, in the message; and a
job by its whole id.

Few people and tokens create many jobs, and few credentials serve many, so each of their names is looked at once, and
jobs are found by those that fit.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Text,
    and_,
    collate,
    func,
    literal_column,
    or_,
    select,
    union,
)

from retrograph.store.engine import Database
from retrograph.store.tables import PLACES, jobs

MOST_NAMES: Final = 100
"""Where there are more names, they are compared job by job."""
_LONGEST: Final = 200
_BEGINNING: Final[ColumnElement[Any]] = literal_column(PLACES["message"], Text())
"""Of a message: its first 100 characters, in the very words of its index."""


class Search:
    """One search. `condition` judges a job; `found` are the ids of all that fit, out of indexes that hold no more than
    what is searched."""

    def __init__(self, database: Database, connection: Connection, text: str, *, archived: bool) -> None:
        """`archived`: among the jobs of the archive, for which there is no index of names."""
        self._embedded = database.embedded
        self._text = text.strip().lower().replace("\0", "")[:_LONGEST]
        self._creators, self._credentials = (
            None if archived else self._fitting(connection, names) for names in (jobs.c.created_by, jobs.c.credentials)
        )

    def _fitting(self, connection: Connection, column: Column[str]) -> Sequence[str] | None:
        """The names of the column that hold the text; `None` where there are too many to look at."""
        names = _names(connection, column)
        return None if len(names) > MOST_NAMES else [name for name in names if self._text in name.lower()]

    @property
    def condition(self) -> ColumnElement[bool]:
        """Without regard to the archive."""
        return or_(self._is_id, self._in_key, self._created, self._entered, self._holds(jobs.c.message))

    @property
    def found(self) -> CompoundSelect[Any]:
        """Of what is not in the archive."""
        listed = jobs.c.archived_at.is_(None)
        arms = (*self._named(), *self._saying(), self._is_id)
        return union(*(select(jobs.c.job_id).where(listed, arm) for arm in arms))

    def _saying(self) -> Iterator[ColumnElement[bool]]:
        """Of a message, its index holds the beginning; only what is longer is read from the job itself.

        PostgreSQL reads the job in any case, if it is to tell what an index on an expression holds.
        """
        something = literal_column("''") < _BEGINNING
        if not self._embedded:
            yield and_(something, self._holds(jobs.c.message))
            return
        yield and_(something, self._holds(_BEGINNING))
        yield and_(something, func.length(_BEGINNING) >= literal_column("100"), self._holds(jobs.c.message))

    def _named(self) -> Iterator[ColumnElement[bool]]:
        if self._creators is None:
            yield or_(self._in_key, self._created)
        else:
            yield self._in_key
            if self._creators:
                yield self._created
        if self._credentials is None or self._credentials:
            yield self._entered

    @property
    def _is_id(self) -> ColumnElement[bool]:
        return jobs.c.job_id == self._text

    @property
    def _created(self) -> ColumnElement[bool]:
        return self._one_of(jobs.c.created_by, self._creators)

    @property
    def _entered(self) -> ColumnElement[bool]:
        return self._one_of(jobs.c.credentials, self._credentials)

    def _one_of(self, column: Column[str], names: Sequence[str] | None) -> ColumnElement[bool]:
        return self._holds(column) if names is None else column.in_(names)

    @property
    def _in_key(self) -> ColumnElement[bool]:
        """Keys are ASCII: PostgreSQL lowers them by the rules of C in a third of the time that ILIKE takes."""
        if self._embedded:
            return self._holds(jobs.c.key)
        return func.lower(collate(jobs.c.key, "C")).like(self._anywhere, escape="/")

    def _holds(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """SQLite's LIKE takes upper and lower case for the same, and is faster than to lower both sides."""
        if self._embedded:
            return column.like(self._anywhere, escape="/")
        return column.ilike(self._anywhere, escape="/")

    @property
    def _anywhere(self) -> str:
        """The text as a pattern of LIKE, whose own marks it may hold."""
        text = self._text
        for mark in "/%_":
            text = text.replace(mark, f"/{mark}")
        return f"%{text}%"


def _names(connection: Connection, column: Column[str]) -> Sequence[str]:
    """The names in that column, or one more than are of use: each is found by its index, behind the former one, so
    that their number counts and not that of their jobs."""
    listed = jobs.c.archived_at.is_(None)
    names = select(func.min(column).label("name")).where(listed).cte("names", recursive=True)
    behind = select(func.min(column)).where(listed, column > names.c.name).scalar_subquery()
    names = names.union_all(select(behind).where(names.c.name.is_not(None)))
    found = connection.scalars(select(names.c.name).where(names.c.name.is_not(None)).limit(MOST_NAMES + 1))
    return [name for name in found if name]
