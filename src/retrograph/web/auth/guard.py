"""The one check in front of every route. What is not free by its exact path needs an admin, whatever it is.

It stands outside the routing and looks at nothing but the path that the routing will look at, so a route that is added
later is closed until somebody opens it here, on purpose.
"""

from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrograph.errors import RetrographError
from retrograph.web.auth import refusals
from retrograph.web.auth.entry import Entry
from retrograph.web.auth.identifying import bearer_of, peer_of
from retrograph.web.auth.refused import Refused
from retrograph.web.auth.site import SAFE_METHODS
from retrograph.web.auth.viewer import BY_BROWSER, Viewer

HEALTH: Final = frozenset({"/health/live", "/health/ready"})
SIGN_IN: Final = frozenset({"/sign-in", "/sign-in/oidc", "/sign-in/callback", "/sign-in/link", "/sign-out"})
STATIC: Final = "/static/"

RECHECK_SECONDS: Final = 15.0
"""How often an event stream, which is one long answer, is checked against the allow-list again."""
STREAM: Final = "text/event-stream"


class Guard:
    """Admits a request, or answers it."""

    def __init__(self, app: ASGIApp, entry: Entry) -> None:
        self._app = app
        self._entry = entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":  # there is no such route, and none shall be open by accident
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["viewer"] = None
        request = Request(scope, receive)
        try:
            viewer = await self._admitted(request)
        except Refused as refused:
            _note(request, refused)
            response = refusals.response(request, refused, self._entry.environment, self._entry.now())
            await response(scope, receive, send)
        except RetrographError as error:  # nobody can be told from anybody else
            await refusals.unavailable(request, error)(scope, receive, send)
        else:
            watched = send if viewer is None else _Watched(self._entry, request, send).send
            await self._app(self._entry.stripped(scope), receive, watched)

    async def _admitted(self, request: Request) -> Viewer | None:
        """The admin who asks, or `None` on what is free. Raises Refused, DependencyDown."""
        path = request.scope["path"]
        if path in HEALTH:
            return None
        self._check_host(request)
        if path.startswith(STATIC):
            return None
        if path in SIGN_IN:
            self._check_origin(request, None)
            request.state.viewer = await self._glimpsed(request)
            return None
        viewer = await self._entry.viewer(request)
        request.state.viewer = viewer
        if viewer is None:
            raise Refused(401, "UNAUTHENTICATED", "sign in first")
        if not viewer.admin:
            raise Refused(403, "FORBIDDEN", f"{viewer.email} is not on the list of those who may enter")
        self._check_origin(request, viewer)
        return viewer

    async def _glimpsed(self, request: Request) -> Viewer | None:
        """Who it is, where nobody has to be anybody."""
        try:
            return await self._entry.viewer(request, touch=False)
        except Refused:
            return None

    def _check_host(self, request: Request) -> None:
        # A program that shows a token may call the server by any name, as a scraper in a cluster does: no page can
        # make a browser send one.
        if bearer_of(request) is not None:
            return
        if not self._entry.site.answers_for(request.headers.get("host", "")):
            raise Refused(421, "MISDIRECTED", "this server does not answer for that host")

    def _check_origin(self, request: Request, viewer: Viewer | None) -> None:
        if request.method in SAFE_METHODS or (viewer is not None and viewer.way not in BY_BROWSER):
            return
        if not self._entry.site.is_own_page(request.headers.get("host", ""), request.headers):
            raise Refused(403, "CROSS_SITE", "a page of another site asked for this; use this server's own pages")


class _Watched:
    """Ends an event stream when its viewer may no longer see it. A download is one answer, and is given whole."""

    def __init__(self, entry: Entry, request: Request, send: Send) -> None:
        self._entry = entry
        self._request = request
        self._send = send
        self._checked = entry.clock.monotonic()
        self._goes_on = False
        self._ended = False

    async def send(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            self._goes_on = Headers(raw=message["headers"]).get("content-type", "").startswith(STREAM)
        elif self._goes_on and self._entry.clock.monotonic() - self._checked >= RECHECK_SECONDS:
            self._checked = self._entry.clock.monotonic()
            if not await self._may_stay():
                # The server underneath tells whoever writes that the other end has gone.
                self._ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _may_stay(self) -> bool:
        try:
            viewer = await self._entry.viewer(self._request, touch=False)
        except (Refused, RetrographError):
            return False
        return viewer is not None and viewer.admin


def _note(request: Request, refused: Refused) -> None:
    """What an operator would want to know of; that somebody is not signed in yet is nothing of the kind."""
    viewer = getattr(request.state, "viewer", None)
    if refused.code == "UNAUTHENTICATED" and "authorization" not in request.headers:
        return
    who = None if viewer is None else viewer.who
    structlog.get_logger().warning("entry refused", code=refused.code, viewer=who, peer=peer_of(request))
