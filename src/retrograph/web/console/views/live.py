"""The page of live events: how far each consumer group is behind, and what it could not write."""

from typing import Final

from fastapi import APIRouter, Request, Response

from retrograph.web.console.rendering import page
from retrograph.web.console.states import Badge
from retrograph.web.context import Context

router = APIRouter(prefix="/live")

BADGES: Final = {
    "caught up": Badge(shape="check", word="Caught up", tone="done"),
    "behind": Badge(shape="disc", word="Behind", tone="moving"),
    "not consuming": Badge(shape="ring", word="Not consuming", tone="waiting"),
    "offset lost": Badge(shape="cross", word="Offset lost", tone="failed"),
}


@router.get("")
async def live(request: Request) -> Response:
    """The page; Kafka is asked while it is looked at, since a cluster that is down takes its time."""
    return page(request, "live.html", topics=None)


@router.get("/lag")
async def lag(request: Request, context: Context) -> Response:
    """How it stands now; a part of the page, and a page of its own without JavaScript."""
    topics = await context.board.look() if context.board is not None else []
    template = "live_lag.html" if "hx-request" in request.headers else "live.html"
    return page(request, template, topics=topics, badges=BADGES)
