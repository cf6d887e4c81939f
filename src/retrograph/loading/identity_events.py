"""What a sign-up or login says: its identifiers, judged as those of a users table are."""

from collections import Counter
from typing import Final

from retrograph.events.identity import IdentityEvent
from retrograph.facts import EARLIEST_INSTANT, IDENTIFIER_TYPES, Identifier, IdentityFacts, Sighting
from retrograph.graph.identity import join_sightings
from retrograph.loading.identifiers import Identifiers

_SOURCES: Final = {name: frozenset((f"events.{name}",)) for name in ("signup", "login")}


class JudgedEvents:
    """Turns identity events into facts by one configuration."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers

    def __call__(self, event: IdentityEvent, left_out: Counter[str]) -> IdentityFacts:
        """An instant that is absurd is left out alone: the identifiers stay, without it."""
        at: int | None = event.occurred_at
        if not EARLIEST_INSTANT <= event.occurred_at <= event.latest:
            left_out["invalid-instant"] += 1
            at = None
        sighting = Sighting(at, at, _SOURCES[event.document.event_type])
        sightings: dict[Identifier, Sighting] = {}
        blocked: dict[Identifier, str] = {}
        for raw in event.document.identifiers:
            judged = self._identifiers.judge(raw.type, raw.value) if raw.type in IDENTIFIER_TYPES else None
            if judged is None:
                left_out[f"invalid-{raw.type}" if raw.type in IDENTIFIER_TYPES else "unknown-identifier-type"] += 1
                continue
            held = sightings.get(judged.identifier)
            sightings[judged.identifier] = sighting if held is None else join_sightings(held, sighting)
            if judged.blocked is not None:
                blocked[judged.identifier] = judged.blocked
        return IdentityFacts(user_id=event.user_id, first_seen_at=at, sightings=sightings, blocked=blocked)
