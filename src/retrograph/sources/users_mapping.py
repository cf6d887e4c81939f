"""Where a users table keeps what users are known by, as an operator writes it. Pure.

    email                                        a column
    profile/contact/emails                       a member of a JSON column: a text, a number, or a list of them
    user_phones.phone                            a column of a child table, joined by the column of the user's id
    crm.user_phones.phone:by=owner_id:at=seen    … in a schema, joined by another column, with an instant of its own

Several, separated by spaces, are all read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from retrograph.errors import ConfigurationError


class Place(NamedTuple):
    """One place where identifiers of one type are kept. `table`: `None` for the users table itself."""

    type: str
    table: str | None
    column: str
    path: tuple[str, ...]
    by: str | None
    at: str | None

    @property
    def text(self) -> str:
        """As it is written, without its options: for messages, and as the source of what it yields."""
        column = "/".join((self.column, *self.path))
        return f"{self.table}.{column}" if self.table else column


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersMapping:
    """Which columns to walk, and where each type of identifier is."""

    table: str
    user_id: str
    created_at: str
    places: tuple[Place, ...]


def read_places(given: Mapping[str, str | None]) -> tuple[Place, ...]:
    """The places of each type of identifier. Raises ConfigurationError naming the setting that cannot be read."""
    return tuple(_place(type_, word) for type_, text in given.items() for word in (text or "").split())


def setting_of(type_: str) -> str:
    """The setting that says where identifiers of a type are."""
    return f"RETROGRAPH_USERS_{type_.upper()}"


def _place(type_: str, word: str) -> Place:
    where, *options = word.split(":")
    named = dict(_option(type_, word, option) for option in options)
    head, *path = where.split("/")
    table, _, column = head.rpartition(".")
    if not column or not all(path) or ("by" in named and not table):
        raise _unreadable(type_, word)
    return Place(type_, table or None, column, tuple(path), named.get("by"), named.get("at"))


def _option(type_: str, word: str, option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    if name not in ("by", "at") or not value:
        raise _unreadable(type_, word)
    return name, value


def _unreadable(type_: str, word: str) -> ConfigurationError:
    return ConfigurationError(
        f"{setting_of(type_)} says {word!r}: write COLUMN, COLUMN/KEY for a member of a JSON column, or "
        "TABLE.COLUMN for a child table, which may be followed by :by=COLUMN and :at=COLUMN"
    )
