"""Who is linked with whom: computed when it is read, from the present edges and the limits that are configured.

An identifier that is blocked, or that more users share than its type's limit, is generic: it is kept but links nobody.
Linked users are those that a path of other identifiers connects; a cluster's id is its smallest user id.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from retrograph.facts import Identifier
from retrograph.graph.identity_store import IdentityReads, Shared
from retrograph.graph.records import IdentifierRecord

DEFAULT_LIMITS: Final[Mapping[str, int]] = {"email": 3, "phone": 5, "device": 10, "ip": 20, "payment": 5}
MOST_LINKED: Final = 1_000
PAGE: Final = 1_000
OVER_LIMIT: Final = "over-limit"


def why_generic(type_: str, blocked: str | None, users: int, limits: Mapping[str, int]) -> str | None:
    """The class it is blocked by, or `over-limit`; `None` where it links the users who have it."""
    if blocked is not None:
        return blocked
    return OVER_LIMIT if users > limits.get(type_, 0) else None


class Held(NamedTuple):
    """One identifier of a user, as it counts now. `generic` says why it links nobody, if it does not."""

    record: IdentifierRecord
    users: int
    generic: str | None


class Linked(NamedTuple):
    """A user that the asked one is linked with. `path` leads there: user, identifier, user, …, user."""

    user_id: str
    path: tuple[str | Identifier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """One user's identifiers and linked users, nearest first. `whole`: the cluster was walked to its end."""

    user_id: str
    identifiers: Sequence[Held]
    linked: Sequence[Linked]
    whole: bool

    @property
    def cluster(self) -> str | None:
        """The cluster's id; `None` where it is larger than what was walked."""
        return min([self.user_id, *(other.user_id for other in self.linked)]) if self.whole else None


async def neighbourhood(
    graph: IdentityReads, user_id: str, limits: Mapping[str, int], most: int = MOST_LINKED
) -> Neighbourhood:
    """Walks from a user over identifiers that link, breadth first, until `most` linked users are found."""
    own = (await graph.identities([user_id])).get(user_id, [])
    degrees = await graph.degrees([Identifier(record.type, record.value) for record in own])
    held = [_held(record, degrees, limits) for record in sorted(own, key=_by_key)]
    walk = _Walk(graph, limits, most)
    whole = await walk.from_user(user_id)
    return Neighbourhood(user_id=user_id, identifiers=held, linked=walk.linked, whole=whole)


def _by_key(record: IdentifierRecord) -> Identifier:
    return Identifier(record.type, record.value)


def _held(record: IdentifierRecord, degrees: Mapping[Identifier, int], limits: Mapping[str, int]) -> Held:
    users = degrees.get(Identifier(record.type, record.value), 0)
    return Held(record, users, why_generic(record.type, record.blocked, users, limits))


@dataclass(slots=True)
class _Walk:
    graph: IdentityReads
    limits: Mapping[str, int]
    most: int
    linked: list[Linked] = field(default_factory=list)

    async def from_user(self, user_id: str) -> bool:
        paths: dict[str, tuple[str | Identifier, ...]] = {user_id: (user_id,)}
        seen: set[Identifier] = set()
        ring = [user_id]
        while ring:
            ways = await self._ways_from(ring, seen)
            holders = await self.graph.holders(list(ways))
            ring = []
            for identifier, through in ways.items():
                for other in holders.get(identifier, []):
                    if other in paths:
                        continue
                    if len(self.linked) == self.most:
                        return False
                    paths[other] = (*paths[through], identifier, other)
                    self.linked.append(Linked(other, paths[other]))
                    ring.append(other)
        return True

    async def _ways_from(self, ring: Sequence[str], seen: set[Identifier]) -> dict[Identifier, str]:
        """The identifiers that lead on from a ring of users, each with the first of them who has it."""
        found: dict[Identifier, tuple[str, str | None]] = {}
        for start in range(0, len(ring), PAGE):
            page = await self.graph.identities(ring[start : start + PAGE])
            for user_id in sorted(page):
                for record in sorted(page[user_id], key=_by_key):
                    identifier = Identifier(record.type, record.value)
                    if identifier not in seen:
                        seen.add(identifier)
                        found[identifier] = (user_id, record.blocked)
        degrees = await self.graph.degrees(list(found))
        return {
            identifier: user_id
            for identifier, (user_id, blocked) in found.items()
            if why_generic(identifier.type, blocked, degrees.get(identifier, 0), self.limits) is None
        }


async def shared(graph: IdentityReads) -> AsyncIterator[Shared]:
    """Every identifier that two or more users have."""
    after = None
    while page := await graph.shared_identifiers(after, PAGE):
        for found in page:
            yield found
        after = page[-1].identifier


async def clusters(graph: IdentityReads, limits: Mapping[str, int]) -> dict[str, str]:
    """The cluster's id of every user who is linked with another one; of all others it is their own id."""
    joined = Union()
    waiting: deque[Identifier] = deque()
    async for found in shared(graph):
        if why_generic(found.identifier.type, found.blocked, found.users, limits) is None:
            waiting.append(found.identifier)
        if len(waiting) == PAGE:
            await _union(graph, joined, waiting)
    await _union(graph, joined, waiting)
    return joined.clusters()


async def _union(graph: IdentityReads, joined: "Union", waiting: deque[Identifier]) -> None:
    for users in (await graph.holders(list(waiting))).values():
        joined.join(users)
    waiting.clear()


class Union:
    """Disjoint sets of users; the root of each is its smallest id."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def join(self, users: Iterable[str]) -> None:
        """These are one."""
        first: str | None = None
        for user in users:
            root = self._root(user)
            if first is None or root == first:
                first = root
                continue
            low, high = (root, first) if root < first else (first, root)
            self._parents[high] = low
            first = low

    def _root(self, user: str) -> str:
        parents = self._parents
        root = parents.setdefault(user, user)
        while parents[root] != root:
            root = parents[root]
        while parents[user] != root:
            parents[user], user = root, parents[user]
        return root

    def clusters(self) -> dict[str, str]:
        """Each user's root; users of sets with one member are left out."""
        roots = {user: self._root(user) for user in list(self._parents)}
        sizes = Counter(roots.values())
        return {user: root for user, root in roots.items() if sizes[root] > 1}


class TypeSummary(NamedTuple):
    """The identifiers of one type: all, those that several users share, and the generic ones by why."""

    identifiers: int
    shared: int
    generic: Mapping[str, int]


async def summary(graph: IdentityReads, limits: Mapping[str, int]) -> dict[str, TypeSummary]:
    """What there is of each type."""
    together: Counter[str] = Counter()
    over: Counter[str] = Counter()
    async for found in shared(graph):
        together[found.identifier.type] += 1
        if why_generic(found.identifier.type, found.blocked, found.users, limits) == OVER_LIMIT:
            over[found.identifier.type] += 1
    counts = await graph.identifier_counts()
    return {
        name: TypeSummary(count.identifiers, together[name], {"blocked": count.blocked, OVER_LIMIT: over[name]})
        for name, count in sorted(counts.items())
    }
