"""The join of users and their identifiers: stored state + facts → changes. Pure.

An edge says when a user was seen with an identifier: the earlier first, the later last, the union of the sources. So
the order of facts, their repetition and the way they were split over transactions leave no trace. Which identifiers
are generic, and who is linked with whom, is nowhere stored: it follows from the present edges when it is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from retrograph.facts import Identifier, IdentityFacts, Sighting
from retrograph.graph.merge import earlier

NO_SIGHTING: Final = Sighting()


class StoredIdentity(NamedTuple):
    """What the graph holds of one user: several edges of one pair mean that another writer made parallel ones."""

    first_seen_at: int | None
    edges: Mapping[Identifier, Sequence[Sighting]]


NOBODY: Final = StoredIdentity(None, {})


class SightingRow(NamedTuple):
    """A `HAS_IDENTIFIER` edge to write."""

    type: str
    value: str
    first_seen_at: int | None
    last_seen_at: int | None
    sources: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class IdentityChanges:
    """The difference a join makes to one user. Removals come first: parallel edges are removed and made again."""

    user_id: str
    first_seen_at: int | None = None
    removed: list[Identifier] = field(default_factory=list)
    created: list[SightingRow] = field(default_factory=list)
    updated: list[SightingRow] = field(default_factory=list)

    @property
    def matches(self) -> int:
        """How many edges the writing of these changes must make or find."""
        return len(self.created) + len(self.updated)

    @property
    def written(self) -> int:
        """How many edges are made, changed or taken away."""
        return len(self.removed) + self.matches

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.first_seen_at is None and not (self.removed or self.created or self.updated)


def later(left: int | None, right: int | None) -> int | None:
    """The maximum of two instants, either of which may be unknown."""
    if left is None or right is None:
        return right if left is None else left
    return max(left, right)


def join_sightings(left: Sighting, right: Sighting) -> Sighting:
    """The least upper bound of two sightings of one user with one identifier."""
    return Sighting(
        earlier(left.first_seen_at, right.first_seen_at),
        later(left.last_seen_at, right.last_seen_at),
        left.sources | right.sources,
    )


def join_blocked(left: str | None, right: str | None) -> str | None:
    """The class of an identifier that two facts judge: any beats none, the greater name beats the other."""
    if left is None or right is None:
        return right if left is None else left
    return max(left, right)


def join_identities(left: IdentityFacts, right: IdentityFacts) -> IdentityFacts:
    """All that two facts say of one user."""
    sightings = dict(left.sightings)
    for identifier, sighting in right.sightings.items():
        held = sightings.get(identifier)
        sightings[identifier] = sighting if held is None else join_sightings(held, sighting)
    blocked = dict(left.blocked)
    for identifier, name in right.blocked.items():
        blocked[identifier] = join_blocked(blocked.get(identifier), name) or name
    return IdentityFacts(
        user_id=left.user_id,
        first_seen_at=earlier(left.first_seen_at, right.first_seen_at),
        sightings=sightings,
        blocked=blocked,
    )


def by_user(facts: Sequence[IdentityFacts]) -> list[IdentityFacts]:
    """One entry a user, in order of id: the order in which users are locked."""
    users: dict[str, IdentityFacts] = {}
    for fact in facts:
        held = users.get(fact.user_id)
        users[fact.user_id] = fact if held is None else join_identities(held, fact)
    return [users[user_id] for user_id in sorted(users)]


def identifiers_of(facts: Sequence[IdentityFacts]) -> dict[Identifier, str | None]:
    """Every identifier that the facts name, with the class it is blocked by, in the order of locking."""
    found: dict[Identifier, str | None] = {}
    for fact in facts:
        for identifier in fact.sightings:
            found.setdefault(identifier, None)
        for identifier, name in fact.blocked.items():
            found[identifier] = join_blocked(found.get(identifier), name)
    return {identifier: found[identifier] for identifier in sorted(found)}


def merge_identity(stored: StoredIdentity, facts: IdentityFacts) -> IdentityChanges:
    """What must be written so that the user's stored edges become the join of what they are and what the facts say."""
    changes = IdentityChanges(user_id=facts.user_id)
    first = earlier(stored.first_seen_at, facts.first_seen_at)
    if first != stored.first_seen_at:
        changes.first_seen_at = first
    for identifier, sighting in facts.sightings.items():
        edges = stored.edges.get(identifier)
        if edges is None:
            changes.created.append(_row(identifier, sighting))
        else:
            _merge_edge(changes, identifier, edges, sighting)
    return changes


def _merge_edge(
    changes: IdentityChanges, identifier: Identifier, edges: Sequence[Sighting], sighting: Sighting
) -> None:
    joined = sighting
    for edge in edges:
        joined = join_sightings(joined, edge)
    if len(edges) > 1:
        changes.removed.append(identifier)
        changes.created.append(_row(identifier, joined))
    elif joined != edges[0]:
        changes.updated.append(_row(identifier, joined))


def _row(identifier: Identifier, sighting: Sighting) -> SightingRow:
    first, last, sources = sighting
    return SightingRow(*identifier, first, last, _in_order(sources))


@lru_cache(maxsize=1_024)
def _in_order(sources: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(sources))
