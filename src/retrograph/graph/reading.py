"""What every door says of a graph: its counts, its digest, and one user with everything that surrounds them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
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
        self._walks: dict[object, asyncio.Task[Any]] = {}
        self._waiting: Counter[asyncio.Task[Any]] = Counter()

    async def stats(self, *, clusters: bool = False) -> dict[str, Any]:
        """The document of `graph stats --json`; counting `clusters` walks every shared identifier."""
        found: dict[str, Any] = await self._once(("stats", clusters), lambda: self._stats(clusters))
        return found

    async def _stats(self, clusters: bool) -> dict[str, Any]:
        counted = await self.graph.stats()
        edges = await self.graph.identifier_edges()
        linked = await identities.clusters(self.graph, self.limits) if clusters else None
        summary = await identities.summary(self.graph, self.limits)
        return {**stats_document(counted), "identity": identity_stats(edges, summary, self.limits, linked)}

    async def digest(self, *, only: Only | None = None, users: Iterable[str] | None = None) -> Digest:
        """The hash of the facts; walks the whole graph, or the users that are listed."""
        if users is not None:
            return await digest(self.graph, only=only, users=users)
        found: Digest = await self._once(("digest", only), lambda: digest(self.graph, only=only))
        return found

    async def _once(self, question: object, walk: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Who asks what is being found out already shares the answer. The last one who stops waiting ends the walk."""
        task = self._walks.get(question)
        if task is None or task.done():
            task = self._walks[question] = asyncio.create_task(walk())
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                task.cancel()
                if self._walks.get(question) is task:
                    del self._walks[question]

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
