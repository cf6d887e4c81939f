"""Flags as they are meant: values, and the stable share of users that a rollout covers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Some users. It names them by ids, by a file of ids or by the rule for internal users, and covers a share of
    those; one that does none of this covers that share of all users.

    `ids` and `file` are `None` where the document does not have them: an empty list names nobody, it does not stand
    for everybody. `rollout`: 0 to 100 percent.
    """

    name: str
    ids: tuple[str, ...] | None
    file: str | None
    internal: bool
    rollout: int

    @property
    def open_to_all(self) -> bool:
        """Whether it is a share of all users, instead of naming some."""
        return self.ids is None and self.file is None and not self.internal


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A feature's switch: on for whom any segment covers."""

    key: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalUsers:
    """Who works here: by id, by how the id ends, or by a file of ids."""

    ids: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSet:
    """All flags of a document, by their key."""

    flags: Mapping[str, Flag]
    internal: InternalUsers


def narrowed(flags: FlagSet, key: str) -> FlagSet:
    """That flag alone, with what its segments need; all of them where there is none of that name."""
    if key not in flags.flags:
        return flags
    flag = flags.flags[key]
    internal = flags.internal if any(segment.internal for segment in flag.segments) else InternalUsers()
    return FlagSet(flags={key: flag}, internal=internal)


def percentile(flag: str, user_id: str) -> int:
    """Where the user stands among all users of a flag, 0 to 99: the same on every machine, for ever, and another one
    for each flag, so that it is not always the same users who come first."""
    digest = hashlib.blake2b(f"{flag}\0{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100
