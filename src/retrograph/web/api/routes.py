"""All of `/api/v1`."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from retrograph.jobs.view import cards_as_json
from retrograph.web.api import documents as shapes
from retrograph.web.api import events, graph, jobs, live, uploads
from retrograph.web.api.answers import problems
from retrograph.web.context import Context

router = APIRouter()


@router.get("/cards", tags=["jobs"], response_model=shapes.CardsDocument, responses=problems())
async def cards(context: Context) -> JSONResponse:
    """Counts the jobs that are not archived by state and kind, and the runs of this process and of all."""
    tally = await context.service.tally()
    return JSONResponse(cards_as_json(tally, here=len(context.fleet.running)))


for part in (jobs, uploads, events, graph, live):
    router.include_router(part.router)
