"""Users with their identifiers: most readers need one of the two graphs, digests and copies need both."""

from collections.abc import Sequence
from dataclasses import replace

from retrograph.facts import Identifier, IdentityFacts, Sighting
from retrograph.graph.identity import join_blocked, join_sightings
from retrograph.graph.identity_store import IdentityReads
from retrograph.graph.records import UserRecord


async def identified(graph: IdentityReads, users: Sequence[UserRecord]) -> Sequence[UserRecord]:
    """The same users, with what they are known by."""
    held = await graph.identities([user.user_id for user in users])
    return [replace(user, identifiers=held.get(user.user_id, ())) for user in users] if held else users


def identity_facts(user: UserRecord) -> IdentityFacts:
    """The facts that a stored user's identifiers hold."""
    sightings: dict[Identifier, Sighting] = {}
    blocked: dict[Identifier, str] = {}
    for record in user.identifiers:
        identifier = Identifier(record.type, record.value)
        sighting = Sighting(record.first_seen_at, record.last_seen_at, frozenset(record.sources))
        sightings[identifier] = join_sightings(sightings.get(identifier, Sighting()), sighting)
        if record.blocked is not None:
            blocked[identifier] = join_blocked(blocked.get(identifier), record.blocked) or record.blocked
    return IdentityFacts(user_id=user.user_id, first_seen_at=user.first_seen_at, sightings=sightings, blocked=blocked)
