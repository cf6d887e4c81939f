"""Whether this process lives, and whether what it stands on answers: for what restarts it and what routes to it.

Both are free for everybody, so they tell names and times, and no addresses.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from retrograph.web.api.documents import HealthDocument
from retrograph.web.context import Context

router = APIRouter(prefix="/health", tags=["health"])

_DOWN: dict[int | str, dict[str, Any]] = {
    503: {"model": HealthDocument, "description": "The store or the graph does not answer."}
}


@router.get("/live", response_model=HealthDocument, response_model_exclude_defaults=True)
async def live() -> JSONResponse:
    """This process answers."""
    return JSONResponse({"status": "up"})


@router.get("/ready", response_model=HealthDocument, responses=_DOWN)
async def ready(context: Context) -> JSONResponse:
    """Every dependency's ping, with its time. What a server cannot do without, the store and the graph, decides."""
    found = await context.pings.look()
    up = all(ping.up for ping in found.values() if ping.needed)
    dependencies = {
        name: {"status": "up" if ping.up else "down", "ms": ping.milliseconds, "needed": ping.needed}
        for name, ping in found.items()
    }
    return JSONResponse({"status": "up" if up else "down", "dependencies": dependencies}, 200 if up else 503)
