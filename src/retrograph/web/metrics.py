"""`/metrics`: what Prometheus reads. It needs a token like everything else."""

from collections.abc import Iterator

from fastapi import APIRouter, Response

from retrograph.clock import to_millis
from retrograph.errors import DependencyDown
from retrograph.jobs.job import Job
from retrograph.telemetry.metrics import CONTENT_TYPE, Looked
from retrograph.web.api.answers import problems
from retrograph.web.context import Context, WebContext

router = APIRouter(tags=["metrics"])

_TEXT = {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}


@router.get("/metrics", response_class=Response, responses={200: _TEXT, **problems()})
async def metrics(context: Context) -> Response:
    """Jobs by state, items by outcome and their time, pace and its reason, the age of leases, retries by service."""
    return Response(context.metrics.exposition(await _looked(context)), media_type=CONTENT_TYPE)


async def _looked(context: WebContext) -> Looked:
    """A store that is away takes nothing else from the figures."""
    here, listeners = len(context.fleet.running), context.news.listeners
    live = context.board.counted if context.board is not None else {}
    try:
        tally = await context.service.tally()
        held = await context.service.held()
    except DependencyDown:
        return Looked(runs_here=here, listeners=listeners, live=live, store_up=False)
    now = to_millis(context.clock.now())
    return Looked(
        jobs={state.value: count for state, count in tally.by_state.items()},
        runs_here=here,
        lease_ages={job.key: max(0.0, (now - (job.heartbeat_at or now)) / 1000) for job in held},
        listeners=listeners,
        live=live,
        depths={place: count for job in held for place, count in _depths(job)},
    )


def _depths(job: Job) -> Iterator[tuple[tuple[str, ...], float]]:
    if job.depth is not None:
        yield (job.key, "waiting"), job.depth.waiting
        yield (job.key, "in-flight"), job.depth.in_flight
        yield (job.key, "dead"), job.depth.dead
