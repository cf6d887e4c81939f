"""Sign-ups and logins: the topic `identity-events`, and files of the same events.

What they say is left as it was written: how identifiers are judged and stored is a matter of configuration.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from retrograph.clock import to_millis
from retrograph.events.event import KNOWN_VERSION, UNREADABLE, Skipped, Version, day_after, undecodable
from retrograph.facts import InvalidId, clean_id


class WireIdentifier(msgspec.Struct, frozen=True, gc=False):
    """One value by which somebody was known."""

    type: str
    value: str


class IdentityDocument(msgspec.Struct, frozen=True, gc=False):
    """The document."""

    event_type: Literal["signup", "login"]
    event_id: str
    occurred_at: datetime
    user_id: str
    identifiers: list[WireIdentifier]
    schema_version: Version = KNOWN_VERSION


_document_of: Final = msgspec.json.Decoder(IdentityDocument).decode


class IdentityEvent(msgspec.Struct, frozen=True, gc=False):
    """One sign-up or login of one user. `recorded_at` as for receipts."""

    user_id: str
    document: IdentityDocument
    recorded_at: int

    @property
    def occurred_at(self) -> int:
        """When, in milliseconds."""
        return to_millis(self.document.occurred_at)

    @property
    def latest(self) -> int:
        """The last instant that it may tell of."""
        return day_after(self.recorded_at)


def decode(payload: bytes, *, recorded_at: int) -> IdentityEvent | Skipped:
    """One event. Raises UndecodableEvent."""
    try:
        document = _document_of(payload)
    except UNREADABLE as error:
        raise undecodable(payload, error) from None
    try:
        return IdentityEvent(clean_id(document.user_id), document, recorded_at)
    except InvalidId:
        return Skipped("invalid-user-id")
