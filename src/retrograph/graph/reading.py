"""What every door says of a graph: its counts, its digest, and one user with everything that surrounds them."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from retrograph.errors import NotFound, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.graph import clusters as identities
from retrograph.graph.digest import Digest, Only, digest
from retrograph.graph.store import GraphStore
from retrograph.graph.view import identity_document, identity_stats, stats_document, user_document


class GraphReader:
    """The verbs that read. `limits` say from how many users on an identifier links nobody, by type."""

    def __init__(self, graph: GraphStore, limits: Mapping[str, int]) -> None:
        self.graph = graph
        self.limits = limits
        self._walking = asyncio.Lock()
        """Who wants the whole graph waits for others who do: together they would be no faster."""

    async def stats(self, *, clusters: bool = False) -> dict[str, Any]:
        """The document of `graph stats --json`; counting `clusters` walks every shared identifier."""
        async with self._walking:
            counted = await self.graph.stats()
            edges = await self.graph.identifier_edges()
            linked = await identities.clusters(self.graph, self.limits) if clusters else None
            summary = await identities.summary(self.graph, self.limits)
        return {**stats_document(counted), "identity": identity_stats(edges, summary, self.limits, linked)}

    async def digest(self, *, only: Only | None = None, users: Iterable[str] | None = None) -> Digest:
        """The hash of the facts; walks the whole graph, or the users that are listed."""
        async with self._walking:
            return await digest(self.graph, only=only, users=users)

    async def show(self, user: str) -> dict[str, Any]:
        """The document of `graph show USER --json`. Raises UsageError for what cannot be an id, NotFound."""
        try:
            user_id = clean_id(user)
        except InvalidId as error:
            raise UsageError(f"{user[:300]!r} cannot be a user: {error}", field="user_id") from None
        found = await self.graph.users([user_id])
        if not found:
            raise NotFound(f"there is no user {user_id} in the graph at {self.graph.url}")
        products = await self.graph.names("Product", [edge.product_id for edge in found[0].purchases])
        categories = await self.graph.names("Category", [edge.category_id for edge in found[0].counts])
        linked = await identities.neighbourhood(self.graph, user_id, self.limits)
        return {
            **user_document(found[0], products, categories),
            "identity": identity_document(linked, self.limits),
        }
