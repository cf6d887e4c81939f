"""The graph's page: its counts and its digest when they are asked for, and one user's neighbourhood as a picture."""

from typing import Any, Final, get_args

from fastapi import APIRouter, Request, Response

from retrograph.errors import DependencyDown, NotFound, UsageError
from retrograph.graph.digest import Only
from retrograph.web.console import graph_page
from retrograph.web.console.picture import picture
from retrograph.web.console.picture_tall import tall_picture
from retrograph.web.console.rendering import page
from retrograph.web.context import Context, WebContext

router = APIRouter(prefix="/graph")

PARTS: Final[tuple[Only, ...]] = get_args(Only)


@router.get("")
async def graph(context: Context, request: Request, user: str = "") -> Response:
    """A user's neighbourhood, if one is named, and where to ask for the rest."""
    status, values = await _neighbourhood(context, user)
    return page(
        request,
        "graph.html",
        status=status,
        where=context.graph.graph.url,
        graph_id=_graph_id(context),
        parts=PARTS,
        user=user,
        **values,
    )


@router.get("/counts")
async def counts(context: Context, request: Request, clusters: bool = False) -> Response:
    """How much there is of everything. It may take long, so it is asked for by itself."""
    try:
        found = await context.graph.stats(clusters=clusters)
    except DependencyDown as error:
        return _part(request, "graph_down.html", "Counts", problem=str(error))
    return _part(request, "graph_counts.html", "Counts", document=found, groups=graph_page.counts(found))


@router.get("/digest")
async def digest(context: Context, request: Request, only: str = "") -> Response:
    """The hash of the facts: it walks the whole graph."""
    part = next((known for known in PARTS if known == only), None)
    if part is None and only:
        raise UsageError(f"only can be {' or '.join(PARTS)}", field="only")
    try:
        found = await context.graph.digest(only=part)
    except DependencyDown as error:
        return _part(request, "graph_down.html", "Digest", problem=str(error))
    return _part(request, "graph_digest.html", "Digest", digest=found, only=only)


def _graph_id(context: WebContext) -> str | None:
    """`None` while the graph has not answered yet."""
    try:
        return context.graph.graph.identity.graph_id
    except DependencyDown:
        return None


def _part(request: Request, template: str, heading: str, **values: Any) -> Response:
    """A part for a script that asked for one, else a page of its own."""
    asked = request.headers.get("hx-request") == "true"
    return page(request, template if asked else "graph_part.html", heading=heading, part=template, **values)


async def _neighbourhood(context: WebContext, user: str) -> tuple[int, dict[str, Any]]:
    empty: dict[str, Any] = {"document": None, "problem": "", "pictures": (), "down": False}
    if not user.strip():
        return 200, empty
    try:
        document = await context.graph.show(user)
    except NotFound:
        return 404, {**empty, "problem": "This user is not in the graph. An id is found exactly as it was loaded."}
    except UsageError as error:
        return 400, {**empty, "problem": str(error)}
    except DependencyDown as error:
        return 503, {**empty, "problem": str(error), "down": True}
    identity, around = document["identity"], graph_page.around(document)
    return 200, {
        "document": document,
        "problem": "",
        "down": False,
        "pictures": (picture(around), tall_picture(around)),
        "purchases": graph_page.table(document["purchases"]),
        "retailers": graph_page.table(document["retailers"]),
        "categories": graph_page.table(document["categories"]),
        "identifiers": graph_page.table([(held, graph_page.why_generic(held)) for held in identity["identifiers"]]),
        "linked": graph_page.table(
            [(linked, graph_page.user_address(linked["user_id"])) for linked in identity["linked_users"]]
        ),
    }
