"""What `retrograph graph stats` and `show` say of the identity graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retrograph.cli.output import print_line, print_table, say

if TYPE_CHECKING:
    from retrograph.graph.store import GraphStore


async def stats_of(graph: "GraphStore", limits: Mapping[str, int], *, clusters: bool) -> dict[str, Any]:
    """The identity graph in numbers."""
    from retrograph.cli.identity_rendering import identity_stats
    from retrograph.graph import clusters as reading

    edges = await graph.identifier_edges()
    linked = await reading.clusters(graph, limits) if clusters else None
    return identity_stats(edges, await reading.summary(graph, limits), limits, linked)


async def identity_of(graph: "GraphStore", user_id: str, limits: Mapping[str, int]) -> dict[str, Any]:
    """What a user is known by, and with whom that links it."""
    from retrograph.cli.identity_rendering import identity_document
    from retrograph.graph.clusters import neighbourhood

    return identity_document(await neighbourhood(graph, user_id, limits), limits)


def print_identity(document: Mapping[str, Any]) -> None:
    """The same for people; nothing for a user who is known by nothing."""
    from retrograph.cli.identity_rendering import SHOWN_LINKED, identifier_rows, linked_rows

    if not document["identifiers"]:
        return
    columns = ("identifier", "value", "first seen", "last seen", "users", "generic")
    print_table(columns, identifier_rows(document), right=("users",))
    linked = document["linked_users"]
    if linked:
        print_table(("linked user", "by"), linked_rows(document))
    if len(linked) > SHOWN_LINKED:
        least = "" if document["complete"] else ", at least"
        say(f"and {len(linked) - SHOWN_LINKED:,} more linked users{least}: --json")
    print_line(f"cluster  {document['cluster'] or 'larger than what was walked'}")
