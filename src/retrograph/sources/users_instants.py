"""Instants of a users table: as the database compares them, and as they are read.

A database may keep instants that a `datetime` cannot hold, PostgreSQL's `-infinity` among them. They are read as the
nearest that it can, which no fact may have, so they are refused like any absurd one; a cursor keeps them as text.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, String, case, cast, func, literal

from retrograph.clock import to_millis

UNREADABLE: Final = -1
"""An instant that is none: it is refused like one that is too old."""

_FIRST: Final = datetime(1, 1, 3, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 29, tzinfo=UTC)
"""Two days within what a `datetime` holds, whatever the time zone of the connection."""


class Instants:
    """The instants of one table's database."""

    def __init__(self, dialect: str) -> None:
        self.as_text: Final = dialect == "sqlite"
        """Whether the database keeps instants as text of any precision, which is compared as it is."""
        self.have_far: Final = dialect == "postgresql"
        """Whether it keeps instants that a `datetime` cannot hold."""

    def read(self, column: Column[Any]) -> Any:
        """What to select to read a column's instants."""
        if not self.have_far:
            return column
        first, last = _as(_FIRST, column), _as(_LAST, column)
        return case((column < first, first), (column > last, last), else_=column)

    def far(self, column: Column[Any]) -> Any:
        """What to select to tell which instant it is where `read` says only the nearest; else it is NULL."""
        outside = (column < _as(_FIRST, column)) | (column > _as(_LAST, column))
        return case((outside, cast(column, String)))

    def compared(self, position: str, column: Column[Any]) -> Any:
        """The instant of a cursor, as the column compares it."""
        if self.as_text:
            return position
        try:
            return _as(datetime.fromisoformat(position), column)
        except ValueError:
            return cast(literal(position, String), column.type)

    def bound(self, at: datetime, column: Column[Any]) -> Any:
        """An instant as the column compares it; a column without a time zone holds UTC."""
        return at.strftime("%Y-%m-%d %H:%M:%S.%f") if self.as_text else _as(at, column)


def julian(value: Any) -> Any:
    """SQLite's number for an instant that is text, whatever its precision."""
    return func.julianday(value)


def position_of(created: Any, far: str | None) -> str | None:
    """An instant as a cursor keeps it."""
    if far is not None:
        return far
    return created if created is None or isinstance(created, str) else utc(created).isoformat()


def earlier(position: str, than: datetime) -> bool:
    """Whether a cursor's instant comes before another. Text that is none comes last, as text is compared."""
    if position == "-infinity" or position.endswith(" BC"):
        return True
    try:
        return utc(datetime.fromisoformat(position)) < than
    except ValueError:
        return False


def utc(instant: datetime) -> datetime:
    """An instant without a time zone is in UTC."""
    return instant.astimezone(UTC) if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def millis(value: Any) -> int | None:
    """Epoch milliseconds of what was read; `UNREADABLE` where it is no instant."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return UNREADABLE
    return to_millis(value)


def _as(at: datetime, column: Column[Any]) -> Any:
    kept = at if getattr(column.type, "timezone", False) else at.astimezone(UTC).replace(tzinfo=None)
    return literal(kept, column.type)
