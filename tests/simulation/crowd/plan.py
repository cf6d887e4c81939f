"""What a crowd's world is made of, as plain data: what users do and when, whose gate opens, what becomes of servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from retrograph.facts import Facts

Mishap: TypeAlias = Literal["flush", "replay", "cache", "queue", "kafka"]
"""The cache is flushed; the topic is read again from offset 0; one of these servers answers nobody for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that a user does, at a second of the world; before 0 it was there when the world began, and no event
    tells it."""

    at: float
    facts: Facts
    told_after: float = 0.0
    """How late the history service tells it."""
    copies: int = 1
    """How often its event is in the topic."""

    @property
    def user_id(self) -> str:
        return self.facts.user.user_id


class Opening(NamedTuple):
    """A user's gate is opened: through the API, by another system's key in the cache, or by the flag."""

    at: float
    user_id: str
    by: Literal["api", "key", "flag"]


class Trouble(NamedTuple):
    """A mishap, and how long it lasts."""

    at: float
    what: Mishap
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdPlan:
    """Everything is in seconds."""

    happenings: Sequence[Happening] = ()
    """Those of users, and of `nobody`, whom the flag covers: what catalogues say."""
    covered: frozenset[str] = frozenset()
    """Whom the flag covers from the beginning."""
    openings: Sequence[Opening] = ()
    troubles: Sequence[Trouble] = ()
    garbage: Sequence[float] = ()
    """When something comes that is no event."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """How often the services fail a user before they answer."""
    partitions: int = 2
    refresh_seconds: float = 3.0
    settle_seconds: float = 20.0
    visibility_seconds: int = 10
    own_queue: bool = True
    """Whether enrolments have a queue; otherwise a server loads them itself."""
    second_loads: bool = True
    """False: a world that must fail."""
