"""Who plays in a round, and what is told of them: drawn from a seed, so that a failing run can be repeated."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.event_stream import Event, history_as_events
from tests.integration.story import History

LOADED, BOTH, STREAMED, ENROLLED, LATE, STRANGERS = 8, 8, 6, 2, 1, 1
SIZE = LOADED + BOTH + STREAMED + ENROLLED + LATE + STRANGERS
LOGINS = 2
CANCELLED = 0.2
"""The share of shop orders that end as cancelled ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The users of one round; nobody plays in two, since what is known of a user already cannot be lost any more."""

    name: str
    loaded: tuple[str, ...]
    """Only the job brings them."""
    both: tuple[str, ...]
    """The job brings them while their events come."""
    streamed: tuple[str, ...]
    """Only their events bring them: what is lost of those, no load brings back."""
    enrolled: tuple[str, ...]
    """Enrolled before the faults; events that no load brings back come during them."""
    late: tuple[str, ...]
    """Enrolled during the faults."""
    strangers: tuple[str, ...]
    """The gate keeps their events out."""

    @property
    def sent(self) -> tuple[str, ...]:
        """Whom the job loads."""
        return (*self.loaded, *self.both)

    @property
    def covered(self) -> tuple[str, ...]:
        """Whom the flag covers."""
        return (*self.loaded, *self.both, *self.streamed)

    @property
    def with_history(self) -> tuple[str, ...]:
        """Whose whole history must be in the graph."""
        return (*self.sent, *self.enrolled, *self.late)


def casts(users: Sequence[str], seed: int) -> tuple[Cast, ...]:
    """As many casts as there are users for."""
    shuffled = sorted(users)
    random.Random(f"{seed} casts").shuffle(shuffled)
    groups = [shuffled[start : start + SIZE] for start in range(0, len(shuffled) - SIZE + 1, SIZE)]
    return tuple(_cast(f"round-{number}", iter(group)) for number, group in enumerate(groups, 1))


def _cast(name: str, users: Iterator[str]) -> Cast:
    def some(count: int) -> tuple[str, ...]:
        return tuple(next(users) for _ in range(count))

    return Cast(
        name=name,
        loaded=some(LOADED),
        both=some(BOTH),
        streamed=some(STREAMED),
        enrolled=some(ENROLLED),
        late=some(LATE),
        strangers=some(STRANGERS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The events of a cast."""

    during: tuple[Event, ...]
    """Come while the faults do."""
    after: tuple[Event, ...]
    """Of those who are enrolled during the faults: they come when everybody knows of that."""
    refused: tuple[Event, ...]
    """Of strangers: they come with the others, and leave no trace."""

    @property
    def accepted(self) -> tuple[Event, ...]:
        return (*self.during, *self.after)


def script(history: History, cast: Cast, seed: int) -> Script:
    """What the services tell of the cast, as events, and logins that only the stream tells of. Some shop orders are
    cancelled: where a load is to come, at the service as well."""
    chance = random.Random(f"{seed} {cast.name}")
    during = [
        *_cancelled(history, cast.both, chance, at_service=True),
        *_cancelled(history, cast.streamed, chance, at_service=False),
        *history_as_events(history.url, cast.enrolled),
        *(login for user in (*cast.both, *cast.streamed, *cast.enrolled) for login in _logins(user)),
    ]
    after = [*history_as_events(history.url, cast.late), *(login for user in cast.late for login in _logins(user))]
    chance.shuffle(during)
    refused = [
        *history_as_events(history.url, cast.strangers),
        *(one for user in cast.strangers for one in _logins(user)),
    ]
    return Script(during=tuple(during), after=tuple(after), refused=tuple(refused))


def _cancelled(history: History, users: Sequence[str], chance: random.Random, *, at_service: bool) -> Iterator[Event]:
    for form, key, value in history_as_events(history.url, users):
        yield form, key, value
        if form == "factoids" and chance.random() < CANCELLED:
            order: dict[str, Any] = json.loads(value)
            if at_service:
                history.order(order["summaryId"], "CANCELLED")
            yield form, key, json.dumps({**order, "status": "CANCELLED"}).encode()


def _logins(user: str) -> Iterator[Event]:
    for number in range(1, LOGINS + 1):
        event = {
            "event_type": "login",
            "event_id": f"login-{user}-{number}",
            "occurred_at": f"2018-01-{number:02}T10:00:00Z",
            "user_id": user,
            "identifiers": [{"type": "device", "value": f"device-{user}-{number}"}],
        }
        yield "identity", user, json.dumps(event).encode()
