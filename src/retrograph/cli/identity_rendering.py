"""How the documents of identities look to people; pure, so that it is tested without a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN_LINKED = 20


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
