"""`/api/v1/live`: how far the consumers of events are behind."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from retrograph.web.api import documents as shapes
from retrograph.web.api.answers import problems
from retrograph.web.context import Context

router = APIRouter(prefix="/live", tags=["live"])


@router.get("/lag", response_model=shapes.LiveDocument, responses=problems())
async def lag(context: Context) -> JSONResponse:
    """Each topic's consumer group, partition by partition, and its dead letters. It is advice: no load has to wait."""
    topics = await context.board.look() if context.board is not None else []
    return JSONResponse({"topics": [topic.as_json() for topic in topics]})
