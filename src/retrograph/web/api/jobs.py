"""`/api/v1/jobs`: what is there, and what may be done about it. A path takes a job's key or its id."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from retrograph.jobs.objects import ObjectQuery
from retrograph.jobs.objects_view import entry_as_json, totals_as_json
from retrograph.jobs.queries import FailureQuery, JobQuery
from retrograph.jobs.view import (
    answer_as_json,
    event_as_json,
    failure_as_json,
    group_as_json,
    job_as_json,
    run_as_json,
    sample_as_json,
)
from retrograph.web.api import documents as shapes
from retrograph.web.api import listing
from retrograph.web.api.answers import problems
from retrograph.web.api.bodies import read_object
from retrograph.web.api.starts import RETRY, START, WHY, retry_of, start_request, why_of
from retrograph.web.context import Context
from retrograph.web.viewing import who

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("", response_model=shapes.JobsDocument, responses=problems())
async def list_jobs(context: Context, query: Annotated[JobQuery, Depends(listing.job_query)]) -> JSONResponse:
    """Lists jobs: searched, filtered and sorted in the store, page by page."""
    page = await context.service.list(query)
    return JSONResponse({"items": [job_as_json(job) for job in page.jobs], "next": page.next})


@router.post(
    "",
    status_code=202,
    response_model=shapes.StartDocument,
    responses={200: {"model": shapes.StartDocument, "description": "Not started."}, **problems(404, 409)},
    openapi_extra=START,
)
async def start(context: Context, request: Request) -> JSONResponse:
    """Starts a job, or resumes the one of that key.

    202: it runs now. 200: it does not, and `reason` says why. 409: the key stands for other work.
    """
    wish, remark = await start_request(context, await read_object(request), who(request))
    document = answer_as_json(await context.fleet.start(wish))
    return _started({**document, "message": document["message"] or remark})


@router.get("/{key}", response_model=shapes.JobDocument, responses=problems(404))
async def show(context: Context, key: str) -> JSONResponse:
    """Shows a job."""
    return JSONResponse(job_as_json(await context.service.show(key)))


@router.get("/{key}/runs", response_model=shapes.RunsDocument, responses=problems(404))
async def runs(context: Context, key: str) -> JSONResponse:
    """Lists the job's latest runs, the latest first."""
    return JSONResponse({"items": [run_as_json(run) for run in await context.service.runs(key)]})


@router.get("/{key}/samples", response_model=shapes.SamplesDocument, responses=problems(404))
async def samples(context: Context, key: str) -> JSONResponse:
    """Lists the job's pace over the last day, oldest first."""
    return JSONResponse({"items": [sample_as_json(sample) for sample in await context.service.samples(key)]})


@router.get("/{key}/events", response_model=shapes.EventsDocument, responses=problems(404))
async def log(context: Context, key: str, limit: listing.Limit = 100, after: listing.After = None) -> JSONResponse:
    """Lists the job's log, oldest first: who did what, when and why."""
    begin = listing.number(after) or 0
    lines, following = await context.service.log_page(key, begin, listing.clamped(limit))
    return JSONResponse({"items": [event_as_json(line) for line in lines], "next": _text(following)})


@router.get("/{key}/failures", response_model=shapes.FailuresDocument, responses=problems(404))
async def failures(
    context: Context, key: str, query: Annotated[FailureQuery, Depends(listing.failure_query)]
) -> JSONResponse:
    """Lists the items that failed, page by page."""
    found, following = await context.service.failures_page(key, query)
    return JSONResponse({"items": [failure_as_json(failure) for failure in found], "next": _text(following)})


@router.get("/{key}/failures/groups", response_model=shapes.FailureGroupsDocument, responses=problems(404))
async def failure_groups(context: Context, key: str) -> JSONResponse:
    """Counts the unresolved failures by class and cause, the most frequent first; at most 50 causes."""
    summary = await context.service.failure_summary(key)
    return JSONResponse({"items": [group_as_json(group) for group in summary.groups]})


@router.get("/{key}/objects", response_model=shapes.ObjectsDocument, responses=problems(404))
async def objects(
    context: Context, key: str, query: Annotated[ObjectQuery, Depends(listing.object_query)]
) -> JSONResponse:
    """Lists the objects of a job over event files, in the order of discovery, and what they come to together."""
    found, following = await context.service.objects_page(key, query)
    totals = await context.service.object_totals(key)
    document = {
        "totals": None if totals is None else totals_as_json(totals),
        "items": [entry_as_json(entry) for entry in found],
        "next": _text(following),
    }
    return JSONResponse(document)


@router.post(
    "/{key}/retry",
    status_code=202,
    response_model=shapes.StartDocument,
    responses={200: {"model": shapes.StartDocument, "description": "Not started."}, **problems(404, 409)},
    openapi_extra=RETRY,
)
async def retry(context: Context, key: str, request: Request) -> JSONResponse:
    """Tries failures again: of these items, of this class, or, without either, all that are unresolved."""
    selection, parameters = retry_of(await read_object(request))
    return _started(answer_as_json(await context.fleet.retry(key, selection, who(request), parameters)))


@router.post("/{key}/stop", response_model=shapes.JobDocument, responses=problems(404, 409), openapi_extra=WHY)
async def stop(context: Context, key: str, request: Request) -> JSONResponse:
    """Asks a job to stop, wherever it runs; the same key resumes it from its cursor."""
    return JSONResponse(job_as_json(await context.service.stop(key, who(request), await why_of(request))))


@router.post("/{key}/cancel", response_model=shapes.JobDocument, responses=problems(404, 409), openapi_extra=WHY)
async def cancel(context: Context, key: str, request: Request) -> JSONResponse:
    """Asks a job to end for good, wherever it runs; what it wrote stays written."""
    return JSONResponse(job_as_json(await context.service.cancel(key, who(request), await why_of(request))))


@router.post("/{key}/archive", response_model=shapes.JobDocument, responses=problems(404, 409))
async def archive(context: Context, key: str, request: Request) -> JSONResponse:
    """Takes a job out of the lists; its history stays."""
    return JSONResponse(job_as_json(await context.service.archive(key, who(request))))


def _started(document: dict[str, Any]) -> JSONResponse:
    return JSONResponse(document, 202 if document["started"] else 200)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
