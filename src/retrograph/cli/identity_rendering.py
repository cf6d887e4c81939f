"""How identities look to people and as JSON documents; pure, so that it is tested without a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrograph.clock import iso
from retrograph.facts import Identifier
from retrograph.graph.clusters import Held, Linked, Neighbourhood, TypeSummary

SHOWN_LINKED = 20


def identity_stats(
    edges: int, types: Mapping[str, TypeSummary], limits: Mapping[str, int], clusters: Mapping[str, str] | None
) -> dict[str, Any]:
    """The member `identity` of `graph stats --json`. `clusters` counts those of two or more users."""
    document: dict[str, Any] = {
        "identifiers": sum(found.identifiers for found in types.values()),
        "has_identifier": edges,
        "types": {
            name: {
                "identifiers": found.identifiers,
                "shared": found.shared,
                "generic": dict(found.generic),
                "limit": limits.get(name),
            }
            for name, found in types.items()
        },
    }
    if clusters is not None:
        sizes = Counter(clusters.values())
        document |= {
            "clusters": len(sizes),
            "linked_users": len(clusters),
            "largest_cluster": max(sizes.values(), default=0),
        }
    return document


def identity_stats_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """The same as rows: what it is, its name, how many."""
    yield "nodes", "Identifier", document["identifiers"]
    yield "relationships", "HAS_IDENTIFIER", document["has_identifier"]
    for name, found in document["types"].items():
        yield name, "identifiers", found["identifiers"]
        yield name, "shared by users", found["shared"]
        for why, count in found["generic"].items():
            if count:
                yield name, f"generic: {why}", count
    if "clusters" in document:
        yield "clusters", "of two or more users", document["clusters"]
        yield "clusters", "users in them", document["linked_users"]
        yield "clusters", "users in the largest", document["largest_cluster"]


def identity_document(found: Neighbourhood, limits: Mapping[str, int]) -> dict[str, Any]:
    """The member `identity` of `graph show USER --json`."""
    return {
        "cluster": found.cluster,
        "identifiers": [_held(held, limits) for held in found.identifiers],
        "linked_users": [_linked(linked) for linked in found.linked],
        "complete": found.whole,
    }


def _held(held: Held, limits: Mapping[str, int]) -> dict[str, Any]:
    record = held.record
    return {
        "type": record.type,
        "value": record.value,
        "first_seen_at": _instant(record.first_seen_at),
        "last_seen_at": _instant(record.last_seen_at),
        "sources": sorted(record.sources),
        "users": held.users,
        "limit": limits.get(record.type),
        "generic": held.generic,
    }


def _linked(linked: Linked) -> dict[str, Any]:
    return {
        "user_id": linked.user_id,
        "path": [
            {"type": step.type, "value": step.value} if isinstance(step, Identifier) else {"user_id": step}
            for step in linked.path
        ],
    }


def identifier_rows(document: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    """The identifiers of that document as rows of a table."""
    for held in document["identifiers"]:
        generic = held["generic"]
        why = None if generic is None else f"{generic} ({held['limit']})" if generic == "over-limit" else generic
        seen = ((held["first_seen_at"] or "–")[:10], (held["last_seen_at"] or "–")[:10])
        yield held["type"], held["value"], *seen, held["users"], why or "no"


def linked_rows(document: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    """The nearest linked users as rows of a table, each with the path that leads there."""
    for linked in document["linked_users"][:SHOWN_LINKED]:
        steps = [step.get("user_id") or f"({step['type']} {step['value']})" for step in linked["path"][1:]]
        yield linked["user_id"], " → ".join(steps)


def _instant(millis: int | None) -> str | None:
    return None if millis is None else iso(millis)
