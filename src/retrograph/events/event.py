"""What all wire events have in common: how one is read, and what may be wrong with it.

Reading is cheap and only finds out whose event it is; what it says is worked out for those users whom the gate admits.
"""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from retrograph.clock import MILLIS_PER_DAY
from retrograph.errors import UndecodableEvent
from retrograph.facts import Facts

KNOWN_VERSION: Final = 1
"""The newest `schema_version` that is understood; an event without one is of version 1."""
Version: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=KNOWN_VERSION)]


class Skipped(NamedTuple):
    """An event that says nothing, and is no mistake either: another type, a pending order."""

    reason: str


class Told(NamedTuple):
    """What an event says, and how many facts were left out of it, by reason. No facts: all were left out."""

    facts: Facts | None
    refused: Mapping[str, int]


class PurchaseEvent(Protocol):
    """An event about a user's purchases, read but not yet worked out."""

    @property
    def user_id(self) -> str:
        """Whose event it is, as the payload says."""
        ...

    def told(self) -> Told:
        """What it says. Pure, and never raises."""
        ...


class _Head(msgspec.Struct):
    schema_version: int = KNOWN_VERSION


_HEAD: Final = msgspec.json.Decoder(_Head)


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises."""


def undecodable(payload: bytes, error: Exception) -> UndecodableEvent:
    """Says what is wrong with a document and where, without its values."""
    return UndecodableEvent(_why(payload, error))


def day_after(instant: int) -> int:
    """The last instant that an event of that time may tell of: clocks differ, by less than a day."""
    return instant + MILLIS_PER_DAY


def _why(payload: bytes, error: Exception) -> str:
    """A newer version may well have another shape: then it is the version that is to be named."""
    if not payload.strip():
        return "the event is empty"
    try:
        version = _HEAD.decode(payload).schema_version
    except UNREADABLE:
        version = KNOWN_VERSION
    if version > KNOWN_VERSION:
        return f"the event has schema_version {str(version)[:20]}, and this version knows {KNOWN_VERSION}"
    if isinstance(error, RecursionError):
        return "the event is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the event is not UTF-8"
    return f"the event is malformed: {error}"
