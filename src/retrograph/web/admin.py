"""`/admin/backfill`: the endpoints that callers had before there was `/api/v1`, with the bodies that they send."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from retrograph.errors import UsageError
from retrograph.jobs.job import Job
from retrograph.jobs.view import backfill_as_json
from retrograph.web.api import documents as shapes
from retrograph.web.api.answers import problems
from retrograph.web.api.bodies import read_object
from retrograph.web.api.starts import BACKFILL, text_of, texts_of
from retrograph.web.context import Context
from retrograph.web.viewing import who
from retrograph.wiring.backfills import Wish
from retrograph.wiring.choosing import Chosen

router = APIRouter(prefix="/admin/backfill", tags=["backfill"])

_NAMED: Final = ("user_ids", "s3_uri", "source", "job_key")


@router.post(
    "", status_code=202, response_model=shapes.BegunDocument, responses=problems(404, 409), openapi_extra=BACKFILL
)
async def start(context: Context, request: Request) -> JSONResponse:
    """Loads the purchases of users in the background; the job is in the store when the answer leaves.

    Of several ways to name the users, one: at most 1,000,000 different ids. 409: a backfill runs already, and which.
    """
    answer = await context.backfills.start(_wish(await read_object(request), who(request)))
    job = answer.job
    document = {
        "job_id": job.job_id,
        "job_key": job.key,
        "status": job.state.value,
        "total_users": None if "graph" in job.spec.source else job.total,
        "clamped": list(answer.clamped),
    }
    return JSONResponse(document, 202)


@router.post("/cancel", status_code=202, response_model=shapes.CanceledDocument, responses=problems(409))
async def cancel_running(context: Context, request: Request) -> JSONResponse:
    """Asks the backfill that runs to end for good; what it wrote stays written. 409: there is none."""
    return _canceled(await context.backfills.cancel(who(request)))


@router.get("/status", response_model=shapes.BackfillDocument, responses=problems(404))
async def status(context: Context) -> JSONResponse:
    """Shows the backfill that runs, or the latest one. 404: there has been none."""
    return await _shown(context, await context.backfills.current())


@router.get("/{job_id}", response_model=shapes.BackfillDocument, responses=problems(404))
async def show(context: Context, job_id: str) -> JSONResponse:
    """Shows a job, by its id or its key."""
    return await _shown(context, await context.service.show(job_id))


@router.post("/{job_id}/cancel", status_code=202, response_model=shapes.CanceledDocument, responses=problems(404, 409))
async def cancel(context: Context, job_id: str, request: Request) -> JSONResponse:
    """Asks a job to end for good, by its id or its key. 409: it has ended."""
    return _canceled(await context.backfills.cancel(who(request), job_id))


def _wish(body: dict[str, Any], by: str) -> Wish:
    given = {name: value for name, value in body.items() if value is not None}
    for name in ("key", "upload_id", "kind"):
        if name in given:
            raise UsageError(f"{name} is not known here; a backfill has {', '.join(_NAMED)}", field=name)
    return Wish(
        chosen=Chosen(
            user_ids=texts_of(given, "user_ids"), s3_uri=text_of(given, "s3_uri"), source=text_of(given, "source")
        ),
        parameters={name: value for name, value in given.items() if name not in _NAMED},
        job_key=text_of(given, "job_key"),
        who=by,
    )


async def _shown(context: Context, job: Job) -> JSONResponse:
    return JSONResponse(backfill_as_json(job, await context.backfills.last_error(job)))


def _canceled(job: Job) -> JSONResponse:
    return JSONResponse({"job_id": job.job_id, "job_key": job.key, "status": job.state.value}, 202)
