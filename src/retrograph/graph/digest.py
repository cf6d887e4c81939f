"""The digest of a graph: equal for two graphs that hold the same facts, whatever the order, the backend, the crashes.

It is the sum, modulo 2²⁵⁶, of the SHA-256 of each user's part and of each shared node's, so it streams in any order
and in little memory. Derived values are hashed as they are stored, so a number that has drifted shows; ranks, days
and operational data are left out. It is taken of a graph at rest.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Literal

import msgspec

from retrograph.facts import PathField, TextField
from retrograph.graph.identified import identified
from retrograph.graph.records import CategoryRecord, ProductRecord, SharedRecord, UserRecord
from retrograph.graph.store import GraphStore

Only = Literal["purchases", "identity"]
PAGE: Final = 200
SHARED_PAGE: Final = 2_000
SHARED_LABELS: Final = ("Product", "Category", "Retailer")
_MODULUS: Final = 1 << 256

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """`facts` is the sum of `times`, for `only="identity"` the number of edges to identifiers; `recount_pending` tells
    how many marks were left: then it is not at rest."""

    digest: str
    facts: int
    recount_pending: int


async def digest(graph: GraphStore, *, only: Only | None = None, users: Iterable[str] | None = None) -> Digest:
    """Hashes the graph.

    `only="purchases"` takes the purchase facts and retractions of users who have any, without `first_seen_at` and
    without what describes nodes: so histories with retractions can be compared. `only="identity"` takes the users who
    have identifiers, and nothing but those. `users` takes these users alone.
    """
    total = facts = 0
    async for user in _users(graph, users):
        if _counts(user, only):
            total += _hash(_user_part(user, only))
            facts += len(user.identifiers) if only == "identity" else sum(edge.times or 0 for edge in user.purchases)
    if only is None and users is None:
        async for node in shared_records(graph):
            total += _hash(_shared_part(node))
    # Counting everything takes as long as a digest, and marks are few, or none, in a graph at rest.
    pending = (await graph.stats()).recount_pending if await graph.marks() else 0
    return Digest(digest=f"sha256:{total % _MODULUS:064x}", facts=facts, recount_pending=pending)


async def _users(graph: GraphStore, users: Iterable[str] | None) -> AsyncIterator[UserRecord]:
    if users is None:
        async for user in user_records(graph):
            yield user
        return
    chosen = sorted(set(users))
    for start in range(0, len(chosen), PAGE):
        for user in await identified(graph, await graph.users(chosen[start : start + PAGE])):
            yield user


async def user_records(graph: GraphStore, after: str = "") -> AsyncIterator[UserRecord]:
    """Every user after an id, in order."""
    while page := await graph.scan_users(after, PAGE):
        for user in await identified(graph, page):
            yield user
        after = page[-1].user_id


async def shared_records(graph: GraphStore) -> AsyncIterator[SharedRecord]:
    """Every node that users share."""
    for label in SHARED_LABELS:
        after = ""
        while page := await graph.scan_shared(label, after, SHARED_PAGE):
            for node in page:
                yield node
            after = key_of(page[-1])


def key_of(node: SharedRecord) -> str:
    """The key of a shared node."""
    if isinstance(node, ProductRecord):
        return node.product_id
    return node.category_id if isinstance(node, CategoryRecord) else node.name


def _hash(part: Sequence[Any]) -> int:
    return int.from_bytes(hashlib.sha256(_encode(part)).digest(), "big")


def _counts(user: UserRecord, only: Only | None) -> bool:
    if only == "identity":
        return bool(user.identifiers)
    return only is None or bool(user.purchases or user.visits or user.retracted)


def _user_part(user: UserRecord, only: Only | None) -> list[Any]:
    # A source is provenance. A user without identifiers hashes as if there were none to have.
    known_by = [_ordered([edge[:5] for edge in user.identifiers])] if user.identifiers else []
    if only == "identity":
        return ["User", user.user_id, *known_by]
    return [*_purchase_part(user, only), *(known_by if only is None else [])]


def _purchase_part(user: UserRecord, only: Only | None) -> list[Any]:
    return [
        "User",
        user.user_id,
        None if only else user.first_seen_at,
        sorted(user.retracted),
        _ordered(user.purchases),
        _ordered(user.visits),
        _ordered(user.counts),
    ]


def _ordered(edges: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """By the node it leads to, then by all it holds: parallel edges have an order too."""
    if len({edge[0] for edge in edges}) == len(edges):
        return sorted(edges, key=itemgetter(0))
    return sorted(edges, key=lambda edge: (edge[0], _encode(edge)))


def _shared_part(node: SharedRecord) -> list[Any]:
    if isinstance(node, ProductRecord):
        fact = node.fact
        fields = [_value(fact.name), _value(fact.brand), _value(fact.category_id), node.category_hierarchy]
        return ["Product", node.product_id, *fields, sorted(node.in_category)]
    if isinstance(node, CategoryRecord):
        return [
            "Category",
            node.category_id,
            _value(node.fact.name),
            _value(node.fact.hierarchy),
            sorted(node.child_of),
        ]
    return ["Retailer", node.name, _value(node.fact.channel)]


def _value(field: TextField | PathField | None) -> str | tuple[str, ...] | None:
    return field.value if field is not None else None
