"""Whether this process lives, and whether what it stands on answers: for what restarts it and what routes to it."""

from typing import Any

from fastapi import APIRouter

from retrograph.web.context import Context

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> dict[str, Any]:
    """This process answers."""
    return {"status": "up"}


@router.get("/ready")
async def ready(context: Context) -> dict[str, Any]:
    """What this process stands on answers."""
    del context
    return {"status": "up"}
