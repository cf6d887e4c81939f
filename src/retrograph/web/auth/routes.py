"""The pages by which people come in and go: free for everybody, so they show nothing but themselves."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from retrograph.entry.links import LINK_MINUTES, take_link
from retrograph.entry.secrets import hashed, new_secret
from retrograph.entry.store import NewSession
from retrograph.errors import DependencyDown, RetrographError
from retrograph.web.auth import refusals, underway
from retrograph.web.auth.cookies import cookie
from retrograph.web.auth.entry import Entry
from retrograph.web.auth.id_token import NotProven, NotVerified
from retrograph.web.auth.identifying import peer_of
from retrograph.web.auth.oidc import Provider, Underway
from retrograph.web.auth.site import local_path
from retrograph.web.auth.viewer import Viewer, Way
from retrograph.web.console.rendering import page

HOUR_MS: Final = 3_600_000
LONGEST_PARAMETER: Final = 4_000
STALE: Final = "This sign-in was used before, took too long, or began in another browser. Please begin again."
WRONG_LINK: Final = (
    f"This link does not open the door: it was used before, is older than {LINK_MINUTES} minutes, or is not whole. "
    "Run retrograph tokens link on the server's machine for a new one."
)
UNPROVEN: Final = "The identity provider's answer does not prove who you are. Please begin again."


class Discreet(APIRoute):
    """A route that anybody may ask, so that nobody is told what is wrong behind it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def discreetly(request: Request) -> Response:
            try:
                return await handle(request)
            except RetrographError as error:
                return refusals.unavailable(request, error)

        return discreetly


router = APIRouter(include_in_schema=False, route_class=Discreet)


@router.get("/sign-in")
async def sign_in(request: Request) -> Response:
    """The ways in; whoever is in already goes on."""
    wanted = local_path(_asked(request, "next"))
    viewer: Viewer | None = request.state.viewer
    if viewer is not None and viewer.admin:
        return RedirectResponse(wanted, 303)
    return _page(request, wanted=wanted, unlisted=viewer is not None)


@router.get("/sign-in/link")
async def by_link(request: Request) -> Response:
    """Opens a session on this machine for whoever comes first with the link that `serve` printed."""
    entry = entry_of(request)
    if waiting := _too_often(request):
        return waiting
    here = entry.site.is_this_machine(request.headers.get("host", ""), peer_of(request), request.headers)
    if "link" not in entry.ways or not here:
        return _page(request, status=403, trouble="One-time links work on the server's own machine alone.")
    who = await take_link(entry.store, _asked(request, "key") or "")
    if who is None:
        return _refused(request, "link", "used, run out or unknown", WRONG_LINK)
    return await _signed_in(request, who, "link", "/")


@router.get("/sign-in/oidc")
async def to_provider(request: Request) -> Response:
    """Sends the browser to the identity provider."""
    entry = entry_of(request)
    if waiting := _too_often(request):
        return waiting
    if entry.provider is None:
        return _page(request, status=404, trouble="No identity provider is configured.")
    try:
        address, begun = await entry.provider.begin()
    except DependencyDown as down:
        return _provider_down(request, down)
    kept = cookie("sign-in", request)
    browser = kept.of(request) or new_secret()
    await underway.keep(entry.store, begun, browser, local_path(_asked(request, "next")))
    response = RedirectResponse(address, 303)
    kept.set(response, browser, underway.MINUTES * 60)
    return response


@router.get("/sign-in/callback")
async def from_provider(request: Request) -> Response:
    """The browser is back from the identity provider."""
    entry = entry_of(request)
    if waiting := _too_often(request):
        return waiting
    if entry.provider is None:
        return _page(request, status=404, trouble="No identity provider is configured.")
    kept = cookie("sign-in", request)
    begun = await underway.take(entry.store, _asked(request, "state") or "", kept.of(request))
    if begun is None:
        return _refused(request, "oidc", "state used, run out, unknown or of another browser", STALE)
    return await _finished(request, entry.provider, *begun)


async def _finished(request: Request, provider: Provider, begun: Underway, wanted: str) -> Response:
    code = _asked(request, "code")
    if code is None:
        return _refused(request, "oidc", "the provider gave no code", "The identity provider did not sign you in.")
    try:
        proven = await provider.finish(code, _asked(request, "iss"), begun)
    except NotProven as why:
        known = f"You cannot enter: {why}." if isinstance(why, NotVerified) else UNPROVEN
        return _refused(request, "oidc", str(why), known)
    except DependencyDown as down:
        return _provider_down(request, down)
    response = await _signed_in(request, proven.email, "oidc", wanted, proven.id_token)
    cookie("sign-in", request).clear(response)
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Ends the session, here and at the provider that it came from."""
    entry, kept = entry_of(request), cookie("session", request)
    viewer: Viewer | None = request.state.viewer
    if viewer is not None and viewer.way == "proxy":
        return _page(request, trouble="The proxy in front of this server signs you in: sign out there.")
    secret = kept.of(request)
    session = None if secret is None else await entry.store.end_session(hashed(secret))
    address = None
    if session is not None and secret is not None:
        structlog.get_logger().info("signed out", viewer=session.email, way=session.way)
        if session.way == "oidc" and entry.provider is not None:
            address = await entry.provider.sign_out_address(underway.unseal(session.sealed, secret))
    response = RedirectResponse(address or "/sign-in", 303)
    kept.clear(response)
    return response


def entry_of(request: Request) -> Entry:
    """What the guard of this application works with."""
    found: Entry = request.app.state.context.entry
    return found


def _asked(request: Request, name: str) -> str | None:
    """A parameter of the address; one that is given twice, or far too long, is none."""
    values = request.query_params.getlist(name)
    return values[0] if len(values) == 1 and len(values[0]) <= LONGEST_PARAMETER else None


def _too_often(request: Request) -> Response | None:
    """Counts an attempt; an answer where there were too many."""
    entry = entry_of(request)
    sender = entry.proxies.sender(peer_of(request), request.headers.getlist("x-forwarded-for"))
    seconds = entry.attempts.wait_seconds(sender)
    if not seconds:
        return None
    response = _page(request, status=429, trouble=f"Too many attempts to sign in. Try again in {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _refused(request: Request, way: Way, why: str, sentence: str) -> Response:
    structlog.get_logger().warning("sign-in refused", way=way, why=why, peer=peer_of(request))
    return _page(request, status=403, trouble=sentence)


def _provider_down(request: Request, down: DependencyDown) -> Response:
    structlog.get_logger().error("identity provider is down", why=str(down))
    return _page(request, status=503, trouble="The identity provider does not answer. Try again in a moment.")


async def _signed_in(request: Request, email: str, way: Way, wanted: str, id_token: str | None = None) -> Response:
    """Opens a session under a new secret, whatever the browser had before, and goes on."""
    entry, kept = entry_of(request), cookie("session", request)
    secret, before = new_secret(), kept.of(request)
    hours = entry.sessions.absolute_hours
    session = NewSession(
        hashed=hashed(secret),
        email=email,
        way=way,
        absolute_ms=hours * HOUR_MS,
        sealed=None if id_token is None else underway.seal(id_token, secret),
    )
    await entry.store.open_session(session, instead_of=None if before is None else hashed(before))
    structlog.get_logger().info("signed in", viewer=email, way=way)
    response = RedirectResponse(wanted, 303)
    kept.set(response, secret, hours * 3_600)
    return response


def _page(
    request: Request, *, status: int = 200, wanted: str = "/", trouble: str | None = None, unlisted: bool = False
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
        unlisted=unlisted,
    )
