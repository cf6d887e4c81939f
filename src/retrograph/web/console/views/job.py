"""A job's page: what it does now, how it goes, what failed, what it was asked, its runs and its log."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from retrograph.clock import to_millis
from retrograph.jobs.cursors import cursor_words
from retrograph.jobs.job import Failure, Job, Run
from retrograph.jobs.objects import ObjectQuery, Totals, object_state
from retrograph.jobs.queries import FailureQuery
from retrograph.jobs.sentence import sentence_of
from retrograph.jobs.starting import CLAMPED
from retrograph.jobs.text import stored
from retrograph.jobs.watchdog import Patience, resumes_at
from retrograph.jobs.wording import noun, noun_of_one
from retrograph.web.console import commands, job_page, object_page, spreadsheet
from retrograph.web.console.chart import Chart, chart
from retrograph.web.console.marks import Mark, marks
from retrograph.web.console.progress import bar, scanned
from retrograph.web.console.rendering import fragment_wanted, page
from retrograph.web.console.states import badge, reason
from retrograph.web.context import Context, WebContext

router = APIRouter(prefix="/jobs")

FAILURES_PER_PAGE: Final = 100
EVENTS_SHOWN: Final = 500
EVENTS_OF_A_START: Final = 200
"""So far back a start is looked for: a page that moves must not read a log that only grows."""
Word = Annotated[str, Query(pattern=r"^[A-Za-z0-9_.]*$", max_length=200)]
Text = Annotated[str, Query(max_length=300)]
Place = Annotated[int, Query(ge=0, le=2**53)]
CLAMPED_SHOWN_MS: Final = 900_000
"""What a start clamped stands on the overview for so long; afterwards under Spec."""


@router.get("/{key}")
async def overview(context: Context, request: Request, key: str) -> HTMLResponse:
    """What it does now, and how it goes."""
    job = await context.service.show(key)
    now = to_millis(context.clock.now())
    summary = await context.service.failure_summary(job.job_id)
    runs = await context.service.runs(job.job_id)
    totals = await context.service.object_totals(job.job_id) if job.kind == "events" else None
    drawn = chart(await context.service.samples(job.job_id))
    return _page(
        context,
        request,
        job,
        "Overview",
        discovery=job_page.discovery(job) if totals is None else object_page.discovery(job, totals),
        processing=_processing(job, runs, totals),
        same=await _same(context, job, totals),
        chart=drawn,
        marks=await _marks(context, job, runs, drawn),
        groups=job_page.groups(job, summary),
        clamped=await _clamped(context, job) if runs and now - runs[0].started_at < CLAMPED_SHOWN_MS else None,
    )


async def _marks(context: WebContext, job: Job, runs: Sequence[Run], drawn: Chart | None) -> Sequence[Mark]:
    if drawn is None:
        return ()
    log = await context.service.latest_log(job.job_id, EVENTS_OF_A_START)
    return marks(log, runs, drawn.since, drawn.until)


async def _same(context: WebContext, job: Job, totals: Totals | None) -> object_page.Same | None:
    if "same_as" not in job.spec.source:
        return None
    said = await context.service.latest_log(job.job_id, EVENTS_OF_A_START)
    told = next((event.why for event in said if event.what == "discovered"), None)
    return object_page.same_as(job, totals, told)


def _processing(job: Job, runs: Sequence[Run], totals: Totals | None) -> Sequence[job_page.Fact]:
    if totals is None:
        return job_page.processing(job, runs[0] if runs else None)
    return object_page.processing(job, totals)


@router.get("/{key}/objects")
async def objects(
    context: Context, request: Request, key: str, state: Word = "", q: Text = "", after: Place = 0
) -> HTMLResponse:
    """The objects of a job over event files, and what became of each."""
    job = await context.service.show(key)
    wanted = ObjectQuery(
        state=object_state(state) if state else None,
        search=stored(q).strip() or None,
        after=after,
        limit=object_page.PER_PAGE,
    )
    found, following = await context.service.objects_page(job.job_id, wanted)
    totals = await context.service.object_totals(job.job_id) or Totals()
    return _page(
        context,
        request,
        job,
        "Objects",
        query=wanted,
        rows=object_page.rows(job, found),
        retry_all=job_page.retry(job, "Objects") if job.counts.failed else None,
        chips=object_page.chips(job, wanted, totals),
        objects_at=job_page.address(job, "Objects"),
        first=object_page.following(wanted, 0),
        next=None if following is None else object_page.following(wanted, following),
    )


@router.get("/{key}/failures")
async def failures(
    context: Context,
    request: Request,
    key: str,
    error_class: Word = "",
    cause: Text | None = None,
    resolved: bool = False,
    after: Place = 0,
) -> HTMLResponse:
    """What failed, and why."""
    job = await context.service.show(key)
    query = FailureQuery(
        error_class=error_class or None,
        cause=_cause(cause),
        resolved=resolved,
        after=after or None,
        limit=FAILURES_PER_PAGE + 1,
    )
    found = await _some(context.service.failures(job.job_id, query), FAILURES_PER_PAGE + 1)
    shown = found[:FAILURES_PER_PAGE]
    summary = await context.service.failure_summary(job.job_id)
    return _page(
        context,
        request,
        job,
        "Failures",
        groups=job_page.groups(job, summary),
        failures=[(failure, job_page.retry(job, item=failure.item)) for failure in shown],
        error_class=error_class,
        cause=cause,
        resolved=resolved,
        classes=summary.by_class,
        chosen=job_page.chosen(error_class, cause),
        after=after,
        next=shown[-1].number if len(found) > FAILURES_PER_PAGE else None,
        retry_all=job_page.retry(job) if job.counts.failed else None,
    )


@router.get("/{key}/failures.csv")
async def failures_as_csv(
    context: Context, key: str, error_class: Word = "", cause: Text | None = None, resolved: bool = False
) -> StreamingResponse:
    """All of them, for a spreadsheet; streamed, however many there are."""
    job = await context.service.show(key)
    query = FailureQuery(error_class=error_class or None, cause=_cause(cause), resolved=resolved)
    name = f"{job.key.replace(':', '-')}-failures.csv"
    return StreamingResponse(
        spreadsheet.lines(context.service.failures(job.job_id, query)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@router.get("/{key}/spec")
async def spec(context: Context, request: Request, key: str) -> HTMLResponse:
    """What it was asked for, what it works with, and how to say it again."""
    job = await context.service.show(key)
    return _page(
        context,
        request,
        job,
        "Spec",
        parameters=job_page.parameters(job),
        clamped=await _clamped(context, job),
        source=job_page.source_text(job),
        window=job_page.window(job),
    )


@router.get("/{key}/runs")
async def runs(context: Context, request: Request, key: str) -> HTMLResponse:
    """Its latest runs."""
    job = await context.service.show(key)
    return _page(context, request, job, "Runs", runs=await context.service.runs(job.job_id))


@router.get("/{key}/log")
async def log(context: Context, request: Request, key: str) -> HTMLResponse:
    """Who did what, when and why; the latest first."""
    job = await context.service.show(key)
    return _page(context, request, job, "Log", events=await context.service.latest_log(job.job_id, EVENTS_SHOWN))


def _cause(given: str | None) -> str | None:
    """As it would be stored: whatever else it is, it is no cause that a failure has."""
    return stored(given) if given else None


def _page(context: WebContext, request: Request, job: Job, tab: str, **values: Any) -> HTMLResponse:
    now = to_millis(context.clock.now())
    live = fragment_wanted(request) == "live"
    query = f"?{request.url.query}" if request.url.query else ""
    return page(
        request,
        "job_live.html" if live else "job.html",
        environment=context.settings.environment,
        now=now,
        job=job,
        tab=tab,
        here=job_page.address(job, tab) + query,
        sentence=sentence_of(job, now, Patience()),
        badge=badge(job),
        reason=reason(job, now, resumes_at(job, Patience())),
        bar=bar(job),
        scanned=scanned(job),
        cursor=cursor_words(job),
        holder=job_page.holder(job, now),
        tabs=job_page.tabs(job),
        actions=job_page.actions(job),
        failures_at=job_page.address(job, "Failures"),
        item=noun_of_one(job.kind),
        items=noun(job.kind),
        spec_at=job_page.address(job, "Spec"),
        command_line=commands.command_line(job),
        curl=commands.curl(job, str(request.base_url)),
        **values,
    )


async def _some(found: AsyncIterator[Failure], most: int) -> list[Failure]:
    some: list[Failure] = []
    async for failure in found:
        some.append(failure)
        if len(some) == most:
            break
    return some


async def _clamped(context: WebContext, job: Job) -> str | None:
    """What the latest start asked for that was out of range."""
    for event in await context.service.latest_log(job.job_id, EVENTS_OF_A_START):
        if event.what == CLAMPED:
            return event.why
        if event.what in ("started", "resumed", "reset"):
            return None
    return None
