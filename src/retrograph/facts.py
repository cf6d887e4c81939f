"""The vocabulary: what can be known about users, purchases and products, in the one form every part agrees on.

Facts are joined, never overwritten. Everything here is a plain value; instants are integers, milliseconds since
the epoch in UTC, and days are integers since 1970-01-01, because both compare and travel cheaply.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

EARLIEST_INSTANT: Final = 946_684_800_000
"""2000-01-01T00:00:00Z. An older instant is refused: one absurd value would win a minimum for ever."""

UNKNOWN_TIME: Final = 253_402_214_400_000
"""9999-12-31T00:00:00Z stands for a purchase time that was lost: every real time beats it in a minimum."""

MAX_ID_LENGTH: Final = 256
MAX_TEXT_LENGTH: Final = 1_000

RANK_EVENT: Final = 0
"""What an event or a receipt says about a shared node."""
RANK_CATALOGUE: Final = 1
"""What a catalogue service says; it outranks every event."""


class InvalidId(ValueError):
    """The text breaks the rule for ids; the message says how."""


class InvalidInstant(ValueError):
    """The instant is absurd; the message says how."""


def clean_id(raw: str) -> str:
    """The one rule for ids at every door: trimmed, NFC, 1-256 characters, no control characters, case kept."""
    if raw.isascii() and raw.isprintable() and 0 < len(raw) <= MAX_ID_LENGTH and raw.strip() == raw:
        return raw
    text = unicodedata.normalize("NFC", raw.strip())
    if not text:
        raise InvalidId("the id is empty")
    if len(text) > MAX_ID_LENGTH:
        raise InvalidId(f"the id has {len(text)} characters, at most {MAX_ID_LENGTH} are allowed")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidId("the id contains a control character")
    return text


def clean_instant(millis: int, latest: int) -> int:
    """Accepts an instant between 2000-01-01 and `latest`, the last one its own document allows."""
    if millis < EARLIEST_INSTANT:
        raise InvalidInstant("the instant is before 2000-01-01")
    if millis > latest:
        raise InvalidInstant("the instant is later than its document allows")
    return millis


def clean_text(raw: str | None) -> str | None:
    """A name or another describing text: NFC, trimmed, control characters as spaces, cut at 1,000 characters.

    `None` where nothing is left: an empty value is no fact.
    """
    if raw is None:
        return None
    text = raw if raw.isascii() and raw.isprintable() else _printable(raw)
    return text.strip()[:MAX_TEXT_LENGTH].strip() or None


def _printable(raw: str) -> str:
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in raw)
    return unicodedata.normalize("NFC", spaced)


class TextField(NamedTuple):
    """A descriptive field: the greatest tuple wins, so `max` is the join.

    Python orders text by code points, which is the order of its UTF-8 bytes.
    """

    rank: int
    observed_on: int
    value: str


class PathField(NamedTuple):
    """A descriptive field whose value is a path of category ids, root first."""

    rank: int
    observed_on: int
    value: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFact:
    """What was said about a product; a field that nobody spoke of is `None`."""

    name: TextField | None = None
    brand: TextField | None = None
    category_id: TextField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFact:
    """What was said about a category. A category that was only mentioned has neither field."""

    name: TextField | None = None
    hierarchy: PathField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetailerFact:
    """What was said about a retailer."""

    channel: TextField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFacts:
    """Facts about nodes that users share, by their keys.

    Every category id that any fact mentions has an entry in `categories`, whether that fact wins or not.
    """

    products: Mapping[str, ProductFact] = field(default_factory=dict)
    categories: Mapping[str, CategoryFact] = field(default_factory=dict)
    retailers: Mapping[str, RetailerFact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """That a full load ended: when (milliseconds) and for which job. Operational, no fact."""

    at: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFacts:
    """Facts about one user.

    `purchases` maps product to receipt to instant, `visits` maps retailer to its receipts. Both may name receipts
    that `retracted` names too: the join leaves those out. `first_seen_at` is the earliest instant of an accepted
    fact, retracted ones included. `loaded` marks a full load, which also heals and recomputes all of the user.
    """

    user_id: str
    purchases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    visits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    retracted: frozenset[str] = frozenset()
    first_seen_at: int | None = None
    loaded: Loaded | None = None

    @property
    def size(self) -> int:
        """How many facts about edges these are: what bounds a transaction."""
        return sum(map(len, self.purchases.values())) + sum(map(len, self.visits.values())) + len(self.retracted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one document, event or history says: about its user, and about the nodes it shares with others."""

    user: UserFacts
    shared: SharedFacts = field(default_factory=SharedFacts)


class Identifier(NamedTuple):
    """What a user can be known by, as it is stored: normalised, and hashed where a key is configured."""

    type: str
    value: str


IDENTIFIER_TYPES: Final = ("email", "phone", "device", "ip", "payment")


class Sighting(NamedTuple):
    """When a user was first and last seen with an identifier, and by which sources. An instant may be unknown."""

    first_seen_at: int | None = None
    last_seen_at: int | None = None
    sources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFacts:
    """What one row or event says about who a user is.

    `blocked` gives those of the identifiers that can name nobody their class (`placeholder`, `private`, …).
    """

    user_id: str
    first_seen_at: int | None = None
    sightings: Mapping[Identifier, Sighting] = field(default_factory=dict)
    blocked: Mapping[Identifier, str] = field(default_factory=dict)
