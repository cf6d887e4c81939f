"""The list of jobs: all of them, or those of one kind beside the form that starts it; and the parts of it that move."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from retrograph.clock import to_millis
from retrograph.errors import NotFound
from retrograph.jobs.job import Job, Parameters
from retrograph.jobs.queries import Glance, JobTally
from retrograph.jobs.watchdog import Patience
from retrograph.web.console import columns, list_parts
from retrograph.web.console.list_query import NO_COLUMNS, ListView, cleaned, columns_of, read
from retrograph.web.console.progress import SPARK_WINDOW_MS
from retrograph.web.console.rendering import page
from retrograph.web.console.rows import Row, row
from retrograph.web.console.views import start
from retrograph.web.context import Context, WebContext

router = APIRouter()

Tallies: TypeAlias = Mapping[str | None, JobTally]

MOST_ROWS: Final = 200
VIEWS: Final[Mapping[str, tuple[str | None, str, str]]] = {
    "/jobs": (None, "Jobs", "every backfill, running and past"),
    "/purchases": ("purchases", "Purchases", "users' purchase histories, loaded into the graph"),
    "/identity": ("identity", "Identity Graph Backfill", "users and their identifiers, joined into the graph"),
    "/event-files": ("events", "Event Files", "files of old events, read into the graph object by object"),
}


@router.get("/")
async def front() -> Response:
    """The list is where everybody begins."""
    return RedirectResponse("/jobs", 303)


@router.get("/jobs")
async def all_jobs(request: Request, context: Context) -> Response:
    """Every job."""
    return await _list(request, context)


@router.get("/purchases")
async def purchases(request: Request, context: Context) -> Response:
    """The jobs of that kind, beside its form."""
    return await _list(request, context)


@router.get("/identity")
async def identity(request: Request, context: Context) -> Response:
    """The jobs of that kind, beside its form."""
    return await _list(request, context)


@router.get("/event-files")
async def event_files(request: Request, context: Context) -> Response:
    """The jobs of that kind, beside its form."""
    return await _list(request, context)


async def _list(request: Request, context: WebContext) -> Response:
    base = request.url.path
    kind, heading, subtitle = VIEWS[base]
    view = read(given(request), base=base, own_kind=kind)
    found = await context.service.list(view.query())
    rows = await _rows(context, found.jobs)
    tallies = await _tallies(context, None, view.own_kind, view.only_kind)
    return page(
        request,
        "jobs.html",
        heading=heading,
        subtitle=subtitle,
        rows=rows,
        shown=columns.shown(view),
        columns_chosen=view.columns is not None,
        ids=" ".join(job.job_id for job in found.jobs),
        rows_live=_rows_live(view, found.jobs),
        chips_live=_chips_live(view),
        older=None if found.next is None else _after(view, found.next),
        first=_after(view, None),
        kept=_kept(view),
        cards=await _cards(context, view, tallies),
        **_chips(context, view, tallies),
        **(await start.model(context, kind) if kind else {}),
    )


@router.get("/fragments/rows")
async def moving_rows(request: Request, context: Context) -> Response:
    """The rows of these jobs in the order in which they are asked for; those that are gone are left out."""
    ids = given(request).get("id", ())[:MOST_ROWS]
    jobs = await context.service.several(ids)
    view = ListView(columns=columns_of(given(request)))
    return page(request, "jobs_rows.html", rows=await _rows(context, jobs), shown=columns.shown(view))


@router.get("/fragments/cards")
async def moving_cards(request: Request, context: Context) -> Response:
    """The figures at the top, of all jobs or of one kind."""
    view = _view_of_kind(request.query_params.get("kind"))
    return page(request, "jobs_cards.html", cards=await _cards(context, view, await _tallies(context, view.own_kind)))


@router.get("/fragments/chips")
async def moving_chips(request: Request, context: Context) -> Response:
    """The filters with their counts."""
    base = _view_of_kind(request.query_params.get("of")).base
    view = read(given(request), base=base, own_kind=VIEWS[base][0])
    return page(request, "jobs_chips.html", **_chips(context, view, await _tallies(context, None, view.only_kind)))


def _view_of_kind(kind: str | None) -> ListView:
    base = next((base for base, (own, *_) in VIEWS.items() if own == (kind or None)), None)
    if base is None:
        raise NotFound("there is no such kind of job")
    return ListView(base=base, own_kind=kind or None)


def given(request: Request) -> Mapping[str, Sequence[str]]:
    params = request.query_params
    return cleaned({name: params.getlist(name) for name in params})


def _chips_live(view: ListView) -> str:
    query = view.address().partition("?")[2]
    return f"/fragments/chips?{query}{'&' if query else ''}of={view.own_kind or ''}"


def _rows_live(view: ListView, jobs: Sequence[Job]) -> str:
    """Where these rows are rendered anew, with the columns that they have."""
    words = [("id", job.job_id) for job in jobs]
    chosen = columns.shown(view)
    if chosen != columns.shown(ListView()):
        words += [("columns", ",".join(name for name in columns.CHOICES if name in chosen) or NO_COLUMNS)]
    return "/fragments/rows?" + urlencode(words)


def _kept(view: ListView) -> list[tuple[str, str]]:
    """What a search keeps of the view: all but the search itself and the page."""
    query = view.address().partition("?")[2]
    return [(name, value) for name, value in parse_qsl(query) if name not in ("q", "after")]


def _after(view: ListView, mark: str | None) -> str:
    return replace(view, after=mark).address()


async def _rows(context: WebContext, jobs: Sequence[Job]) -> Sequence[Row]:
    glances = await context.service.glances(jobs, SPARK_WINDOW_MS)
    now, patience = to_millis(context.clock.now()), Patience()
    return [row(job, glances.get(job.job_id, Glance()), now, patience) for job in jobs]


async def _cards(context: WebContext, view: ListView, tallies: Tallies) -> Sequence[list_parts.Card]:
    return list_parts.cards(tallies[view.own_kind], view, Parameters(), await _here(context, view.own_kind))


async def _here(context: WebContext, kind: str | None) -> int:
    """How many runs this process has, of all kinds or of one."""
    running = list(context.fleet.running)
    if kind is None or not running:
        return len(running)
    return sum(job.kind == kind for job in await context.service.several(running))


def _chips(context: WebContext, view: ListView, tallies: Tallies) -> dict[str, Any]:
    tally = tallies[view.only_kind]
    return {
        "view": view,
        "chips": list_parts.chips(tally, view),
        "kinds": list_parts.kinds(tallies[None], view),
        "states": list_parts.states(tally, view),
        "state_words": list_parts.state_words(view),
        "credentials": list_parts.credentials(list(context.settings.credentials), view),
        "columns": columns.columns(view),
        "column_choices": columns.choices(view),
        "order_words": columns.order_words(view),
        "archived": replace(view.showing(), archived=not view.archived).address(),
    }


async def _tallies(context: WebContext, *kinds: str | None) -> Tallies:
    """Each asked for once."""
    return {kind: await context.service.tally(kind) for kind in dict.fromkeys(kinds)}
