"""`/api/v1/jobs`: what is there, and what may be done about it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from retrograph.jobs.queries import JobQuery
from retrograph.jobs.requests import StartAnswer
from retrograph.jobs.view import answer_as_json, job_as_json
from retrograph.web.api.bodies import read_object
from retrograph.web.api.starts import start_request
from retrograph.web.context import Context
from retrograph.web.viewing import who

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("")
async def list_jobs(context: Context) -> dict[str, Any]:
    """Lists jobs, page by page."""
    page = await context.service.list(JobQuery())
    return {"items": [job_as_json(job) for job in page.jobs], "next": page.next}


@router.post("")
async def start(context: Context, request: Request) -> JSONResponse:
    """Starts a job, or resumes the one of that key."""
    wish = await start_request(context, await read_object(request), who(request))
    return started(await context.fleet.start(wish))


@router.get("/{key}")
async def show(context: Context, key: str) -> dict[str, Any]:
    """Shows a job, by its key or its id."""
    return dict(job_as_json(await context.service.show(key)))


def started(answer: StartAnswer) -> JSONResponse:
    """What became of a wish to start: 202 where it runs now, 200 where it was not started."""
    return JSONResponse(answer_as_json(answer), 202 if answer.started else 200)
