"""Walks a users table by keyset over columns that never change, up to a bound that is frozen when the job starts.

In order of (created_at, user_id) a later run goes on where the last one ended, less an overlap, because a row may
become visible after younger ones. In order of user_id alone, where ids do not grow with time, it starts over.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Select,
    String,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import Enum, Integer, Uuid

from retrograph.errors import RetrographError
from retrograph.sources.users_instants import Instants, earlier, julian, millis, position_of
from retrograph.sources.users_shape import Found, TableShape
from retrograph.sources.users_table import UsersTable

SAFETY_LAG: Final = timedelta(minutes=5)
"""How long a transaction that adds users may take until its rows are seen."""

PAGE: Final = 2_000
NO_VALUE: Final = "\x00"
"""Stands for a value that cannot be read: no identifier of any type, so it is counted as invalid."""

_PAIRS: Final = frozenset({"postgresql", "sqlite", "mysql", "mariadb"})
"""Databases that compare pairs and use an index for it."""


class RawIdentifier(NamedTuple):
    """A value as the table holds it. `at`: milliseconds, where the place has an instant of its own."""

    type: str
    value: str
    at: int | None
    source: str


class UserRow(NamedTuple):
    """One user. `cursor` is where a walk goes on after this row."""

    key: str
    cursor: str
    created_at: int | None
    identifiers: list[RawIdentifier]


class _After(msgspec.Struct, frozen=True, array_like=True):
    """A cursor: the bound of its walk, and the row's key."""

    bound: str
    created_at: str | None
    user_id: int | str


async def present_bound(table: UsersTable) -> str:
    """The upper bound of a walk that begins now: the source's own clock less the safety lag, in UTC."""
    now = await table.run(_now)
    return (now - SAFETY_LAG).isoformat(timespec="milliseconds")


def _now(connection: Connection) -> datetime:
    name = connection.dialect.name
    if name == "sqlite":
        found = connection.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f", "now"))).scalar_one()
        return datetime.fromisoformat(found).replace(tzinfo=UTC)
    clock = func.clock_timestamp() if name == "postgresql" else func.current_timestamp()
    clock = func.utc_timestamp(6) if name in ("mysql", "mariadb") else clock
    now: datetime = connection.execute(select(clock)).scalar_one()
    return now.astimezone(UTC) if now.tzinfo is not None else now.replace(tzinfo=UTC)


class UsersWalk:
    """One bounded walk. `rows` looks users up again, whose failure is retried."""

    def __init__(self, table: UsersTable, shape: TableShape, bound: str, page: int = PAGE) -> None:
        self._table = table
        self._shape = shape
        self._bound = bound
        self._page = page
        self._instants = Instants(table.dialect)
        created = shape.created_at
        self._created: Any = type_coerce(created, String) if self._instants.as_text else created
        read = self._created if self._instants.as_text else self._instants.read(created)
        self._columns = [shape.user_id, read, *(found.column for found in shape.own)]
        self._columns += [self._instants.read(found.at) for found in shape.own if found.at is not None]
        if self._instants.have_far:
            self._columns.append(self._instants.far(created))

    async def count(self, after: str | None) -> int:
        """How many users are left after a cursor."""
        statement = select(func.count()).select_from(self._shape.table).where(*self._range(_read(after)))
        return int(await self._table.run(lambda connection: connection.execute(statement).scalar_one()))

    async def pages(self, after: str | None) -> AsyncIterator[list[UserRow]]:
        """The users after a cursor, page by page."""
        position = _read(after)
        while page := await self._table.run(lambda connection: self._read_page(connection, position)):  # noqa: B023
            yield page
            position = _read(page[-1].cursor)

    async def rows(self, keys: Sequence[str]) -> list[UserRow]:
        """Those of these users that are still there."""
        ids = [key for key in map(self._key_of, keys) if key is not None]
        statement = select(*self._columns).where(self._shape.user_id.in_(ids))
        return await self._table.run(lambda connection: self._rows(connection, statement))

    def _key_of(self, key: str) -> Any:
        python = self._shape.user_id.type.python_type
        try:
            return UUID(key) if isinstance(self._shape.user_id.type, Uuid) else python(key)
        except ValueError:
            return None

    def _read_page(self, connection: Connection, after: _After | None) -> list[UserRow]:
        order = (self._created, self._shape.user_id) if self._table.by_time else (self._shape.user_id,)
        statement = select(*self._columns).where(*self._range(after)).order_by(*order).limit(self._page)
        return self._rows(connection, statement)

    def _range(self, after: _After | None) -> list[Any]:
        """From behind the cursor to the bound."""
        bound = self._bounded()
        if after is None:
            return [bound]
        if after.bound == self._bound:
            return [bound, self._behind(after)]
        if not self._table.by_time:
            return [bound]  # ids that do not grow: new users may be anywhere
        overlap = datetime.fromisoformat(after.bound) - SAFETY_LAG
        if after.created_at is not None and earlier(after.created_at, overlap):
            return [bound, self._behind(after)]
        return [bound, self._created >= self._instants.bound(overlap, self._shape.created_at)]

    def _bounded(self) -> Any:
        if self._instants.as_text:
            # Whatever text is no instant is walked too: it is refused when it is read, not passed over in silence.
            return func.coalesce(julian(self._shape.created_at), 0) <= julian(self._bound[:23])
        limit = self._created <= self._instants.bound(datetime.fromisoformat(self._bound), self._shape.created_at)
        return limit if self._table.by_time else or_(limit, self._created.is_(None))

    def _behind(self, after: _After) -> Any:
        user_id = self._shape.user_id
        key = UUID(str(after.user_id)) if isinstance(user_id.type, Uuid) else after.user_id
        if not self._table.by_time:
            return user_id > key
        assert after.created_at is not None
        at = self._instants.compared(after.created_at, self._shape.created_at)
        if self._table.dialect in _PAIRS:
            return tuple_(self._created, user_id) > tuple_(at, key, types=(self._created.type, user_id.type))
        return and_(self._created >= at, or_(self._created > at, user_id > key))

    def _rows(self, connection: Connection, statement: Select[Any]) -> list[UserRow]:
        found = connection.execute(statement).all()
        rows = [self._row(row) for row in found]
        if rows:
            self._add_children(connection, [row[0] for row in found], rows)
        return rows

    def _row(self, row: Sequence[Any]) -> UserRow:
        user_id, created = row[0], row[1]
        key = user_id if isinstance(user_id, int) else str(user_id)
        position = position_of(created, row[-1] if self._instants.have_far else None)
        cursor = msgspec.json.encode(_After(self._bound, position, key)).decode()
        identifiers: list[RawIdentifier] = []
        own = self._shape.own
        instants = iter(row[2 + len(own) :])
        for found, value in zip(own, row[2:], strict=False):
            seen = millis(next(instants)) if found.at is not None else None
            if value is not None:
                identifiers += _values(found, value, seen)
        return UserRow(str(user_id), cursor, millis(created), identifiers)

    def _add_children(self, connection: Connection, ids: Sequence[Any], rows: Sequence[UserRow]) -> None:
        users = {user_id: row for user_id, row in zip(ids, rows, strict=True)}  # noqa: C416
        for table, places in self._shape.children:
            for found in places:
                assert found.by is not None
                columns = [found.by, found.column, *([self._instants.read(found.at)] if found.at is not None else [])]
                statement = select(*columns).select_from(table).where(self._owned(found.by, list(users)))
                for owner, value, *at in connection.execute(statement):
                    if value is not None and owner in users:
                        users[owner].identifiers.extend(_values(found, value, millis(at[0]) if at else None))

    def _owned(self, by: Column[Any], ids: list[Any]) -> Any:
        """Rows of these users. Where an array can be sent, it is one parameter: nothing is made anew for a page."""
        if self._table.dialect == "postgresql":
            user_id = self._shape.user_id.type
            for family, sent in ((String, String()), (Integer, user_id), (Uuid, user_id)):
                if isinstance(by.type, family) and isinstance(user_id, family) and not isinstance(by.type, Enum):
                    return by == any_(literal(ids, ARRAY(sent)))
        return by.in_(ids)


def _read(cursor: str | None) -> _After | None:
    try:
        return None if cursor is None else msgspec.json.decode(cursor, type=_After)
    except msgspec.DecodeError as error:
        raise RetrographError(
            f"the cursor {cursor!r} is none of a users table: start over with reset_cursor"
        ) from error


def _values(found: Found, value: Any, at: int | None) -> list[RawIdentifier]:
    """The texts that a column holds: one, or those of a list; in JSON those at the path."""
    place = found.place
    if place.path:
        value = _member(value, place.path)
    if isinstance(value, str):
        return [RawIdentifier(place.type, value, at, found.source)] if value and not value.isspace() else []
    texts = _texts(value)
    return [RawIdentifier(place.type, text, at, found.source) for text in texts if text and not text.isspace()]


def _member(value: Any, path: Sequence[str]) -> Any:
    if path and isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return NO_VALUE
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool | dict):
        yield str(value)
