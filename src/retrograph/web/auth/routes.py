"""The pages by which people come in and go: free for everybody, so they show nothing but themselves."""

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from retrograph.entry.links import take_link
from retrograph.entry.secrets import hashed, new_secret
from retrograph.entry.store import NewSession, Session
from retrograph.web.auth.cookies import cookie
from retrograph.web.auth.entry import Entry
from retrograph.web.auth.identifying import peer_of
from retrograph.web.auth.site import local_path
from retrograph.web.auth.viewer import Viewer, Way
from retrograph.web.console.rendering import page

HOUR_MS: Final = 3_600_000

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in(request: Request, next: str | None = None) -> Response:
    """The ways in; whoever is in already goes on."""
    wanted = local_path(next)
    viewer: Viewer | None = request.state.viewer
    if viewer is not None and viewer.admin:
        return _go(wanted)
    return _page(request, wanted=wanted, viewer_is_unlisted=viewer is not None)


@router.get("/sign-in/link")
async def by_link(request: Request, key: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Opens a session on this machine for whoever comes first with the link that `serve` printed."""
    entry = entry_of(request)
    if waiting := too_often(request):
        return waiting
    here = entry.site.is_this_machine(request.headers.get("host", ""), peer_of(request), request.headers)
    if "link" not in entry.ways or not here:
        return _page(request, status=403, trouble="One-time links work on the server's own machine alone.")
    who = await take_link(entry.store, key)
    if who is None:
        structlog.get_logger().warning("sign-in refused", way="link", why="link used, run out or unknown")
        return _page(request, status=403, trouble="This link was used before, or has run out.")
    return await signed_in(request, who, "link", "/")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    await ended(request)
    response = _go("/sign-in")
    cookie("session", request).clear(response)
    return response


def entry_of(request: Request) -> Entry:
    """What the guard of this application works with."""
    found: Entry = request.app.state.context.entry
    return found


def too_often(request: Request) -> Response | None:
    """Counts an attempt; an answer where there were too many."""
    seconds = entry_of(request).attempts.wait_seconds(peer_of(request))
    if not seconds:
        return None
    response = _page(request, status=429, trouble=f"Too many attempts to sign in. Try again in {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


async def signed_in(request: Request, email: str, way: Way, wanted: str, sealed: str | None = None) -> Response:
    """Opens a session under a new secret, whatever the browser had before, and goes on."""
    entry, kept = entry_of(request), cookie("session", request)
    secret, before = new_secret(), kept.of(request)
    hours = entry.sessions.absolute_hours
    await entry.store.open_session(
        NewSession(hashed=hashed(secret), email=email, way=way, absolute_ms=hours * HOUR_MS, sealed=sealed),
        instead_of=None if before is None else hashed(before),
    )
    structlog.get_logger().info("signed in", viewer=email, way=way)
    response = _go(wanted)
    kept.set(response, secret, hours * 3_600)
    return response


async def ended(request: Request) -> Session | None:
    """Ends the session that the browser shows, if it is one."""
    secret = cookie("session", request).of(request)
    session = None if secret is None else await entry_of(request).store.end_session(hashed(secret))
    if session is not None:
        structlog.get_logger().info("signed out", viewer=session.email, way=session.way)
    return session


def _go(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)


def _page(
    request: Request,
    *,
    status: int = 200,
    wanted: str = "/",
    trouble: str | None = None,
    viewer_is_unlisted: bool = False,
) -> Response:
    entry = entry_of(request)
    return page(
        request,
        "sign_in.html",
        environment=entry.environment,
        now=entry.now(),
        status=status,
        ways=entry.ways,
        wanted=wanted,
        trouble=trouble,
        unlisted=viewer_is_unlisted,
    )
