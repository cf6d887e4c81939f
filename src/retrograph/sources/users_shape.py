"""A users table's mapping as it was found in the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Select, Table, select
from sqlalchemy.types import Boolean, Date, DateTime, Integer, Interval, LargeBinary, String, Time, Uuid

from retrograph.sources.users_mapping import Place

_NAMES_NOBODY: Final = (Boolean, Date, DateTime, Interval, LargeBinary, Time)
_FAMILIES: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "text": (String,),
    "number": (Integer,),
    "uuid": (Uuid,),
    "instant": (Date, DateTime),
}


class Found(NamedTuple):
    """A place as it is in the database: its column, and in a child table the user's id and the instant."""

    place: Place
    column: Column[Any]
    by: Column[Any] | None
    at: Column[Any] | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """The mapping, found in the database."""

    table: Table
    user_id: Column[Any]
    created_at: Column[Any]
    own: tuple[Found, ...]
    children: tuple[tuple[Table, tuple[Found, ...]], ...]


def can_identify(column: Column[Any]) -> bool:
    """Whether what such a column holds can be an identifier. Types that are not known here may be one."""
    return not isinstance(column.type, _NAMES_NOBODY)


def can_join(by: Column[Any], user_id: Column[Any]) -> bool:
    """Whether a child table's column can hold user ids. Text is never equal to a number or a UUID: some databases
    refuse to compare them, others find nothing and say nothing."""
    families = {_family(by), _family(user_id)} - {None}
    return len(families) < 2


def _family(column: Column[Any]) -> str | None:
    return next((name for name, types in _FAMILIES.items() if isinstance(column.type, types)), None)


def shape_of(users: Table, user_id: Column[Any], created_at: Column[Any], found: Sequence[Found]) -> TableShape:
    """The places, by the table that each is in."""
    children: dict[Table, list[Found]] = {}
    for place in found:
        if place.by is not None:
            children.setdefault(place.column.table, []).append(place)
    return TableShape(
        table=users,
        user_id=user_id,
        created_at=created_at,
        own=tuple(place for place in found if place.by is None),
        children=tuple((table, tuple(places)) for table, places in children.items()),
    )


def columns_read(shape: TableShape) -> Iterator[Select[Any]]:
    """For each table a statement that reads every column of it that is mapped."""
    yield select(shape.user_id, shape.created_at, *_columns(shape.own))
    for _, places in shape.children:
        yield select(*_columns(places))


def _columns(places: Sequence[Found]) -> list[Column[Any]]:
    return [column for found in places for column in (found.column, found.by, found.at) if column is not None]
