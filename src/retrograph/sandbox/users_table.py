"""A users table as they come: households that share devices and addresses, recycled phone numbers, offices behind one
address, garbage, users without anything. What it holds, and who is truly linked, follows from count and seed alone.

The truth is known here because the people are made up here: no value is normalised or judged to find it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from retrograph.sandbox.people import Raw, draw_people

LIMITS: Final[Mapping[str, int]] = {"email": 3, "phone": 5, "device": 10, "ip": 20, "payment": 5}
"""How many users may share an identifier before it links nobody."""

FIRST_SIGN_UP: Final = datetime(2015, 1, 1, tzinfo=UTC)
LAST_SIGN_UP: Final = datetime(2018, 1, 2, tzinfo=UTC)
_BLOCKED_TRUTH: Final = "~"
"""What marks the canonical form of a value that names nobody."""


class TableUser(NamedTuple):
    """One row of the table, with the values of its child rows."""

    user_id: str
    created_at: datetime
    values: Sequence[Raw]

    def of(self, type_: str) -> list[str]:
        """The raw values of one type."""
        return [raw.value for raw in self.values if raw.type == type_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Who is linked with whom. `clusters` maps each linked user to the smallest id of its cluster."""

    users: int
    without_identifiers: int
    garbage: Mapping[str, int]
    clusters: Mapping[str, str] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """The truth in numbers."""
        sizes = Counter(self.clusters.values())
        return {
            "users": self.users,
            "without_identifiers": self.without_identifiers,
            "garbage_values": dict(sorted(self.garbage.items())),
            "clusters": len(sizes),
            "linked_users": len(self.clusters),
            "largest_cluster": max(sizes.values(), default=0),
        }


def draw_users(count: int, seed: int) -> Iterator[TableUser]:
    """The rows, in order of sign-up."""
    people = draw_people(count, seed)
    chance = random.Random(f"sign-ups {seed}")
    span = (LAST_SIGN_UP - FIRST_SIGN_UP) / timedelta(milliseconds=1)
    instants = sorted(chance.randrange(int(span)) for _ in range(count))
    for number, (millis, values) in enumerate(zip(instants, people, strict=True), start=1):
        yield TableUser(f"user-{number:07d}", FIRST_SIGN_UP + timedelta(milliseconds=millis), values)


def truth_of(users: Iterator[TableUser] | Sequence[TableUser], limits: Mapping[str, int] = LIMITS) -> Truth:
    """Links the made-up people by what they truly share."""
    holders: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    garbage: Counter[str] = Counter()
    count = empty = 0
    for user in users:
        count += 1
        empty += not user.values
        for raw in user.values:
            if raw.truth is None:
                garbage[raw.type] += 1
            elif not raw.truth.startswith(_BLOCKED_TRUTH):
                holders[raw.type, raw.truth].add(user.user_id)
    linking = [users for (type_, _), users in holders.items() if 1 < len(users) <= limits[type_]]
    return Truth(users=count, without_identifiers=empty, garbage=garbage, clusters=_clusters(linking))


def _clusters(linking: Sequence[set[str]]) -> dict[str, str]:
    neighbours: defaultdict[str, list[int]] = defaultdict(list)
    for number, users in enumerate(linking):
        for user in users:
            neighbours[user].append(number)
    cluster: dict[str, str] = {}
    for start in sorted(neighbours):  # the smallest id of a cluster comes first
        waiting = [start] if start not in cluster else []
        while waiting:
            user = waiting.pop()
            if user not in cluster:
                cluster[user] = start
                waiting += [other for number in neighbours[user] for other in linking[number] if other not in cluster]
    return cluster


__all__ = ["LIMITS", "TableUser", "Truth", "draw_users", "truth_of"]
