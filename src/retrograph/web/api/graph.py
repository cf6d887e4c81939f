"""`/api/v1/graph`: what the graph holds."""

from typing import Any

from fastapi import APIRouter

from retrograph.graph.digest import Only
from retrograph.graph.view import digest_document
from retrograph.web.api import documents as shapes
from retrograph.web.api.answers import problems
from retrograph.web.context import Context

router = APIRouter(prefix="/graph", tags=["graph"])


@router.get("/stats", responses=problems())
async def stats(context: Context, clusters: bool = False) -> dict[str, Any]:
    """Counts nodes, relationships and identifiers; with `clusters`, also the clusters of linked users, which walks
    every shared identifier."""
    return await context.graph.stats(clusters=clusters)


@router.get("/digest", response_model=shapes.DigestDocument, responses=problems())
async def digest(context: Context, only: Only | None = None) -> dict[str, Any]:
    """Hashes the facts, or a part of them: graphs that hold the same have the same. It walks the whole graph."""
    return digest_document(await context.graph.digest(only=only))


@router.get("/users/{user_id:path}", responses=problems(404))
async def show(context: Context, user_id: str) -> dict[str, Any]:
    """One user: purchases, retailers, categories, identifiers, and who is linked by them."""
    return await context.graph.show(user_id)
