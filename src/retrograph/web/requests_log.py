"""Each request has an id, which its log lines and its answer carry; and one line says how it was answered."""

import time
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-request-id"
_LONGEST_ID: Final = 64
_QUIET: Final = ("/static/", "/health/", "/metrics")

_log = structlog.get_logger()


class RequestLog:
    """The outermost layer. The query is never logged: it may hold what only its sender should know."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500
        request_id = _given(scope) or uuid4().hex

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, answered)
            finally:
                _told(scope, status, time.monotonic() - began)


def _given(scope: Scope) -> str | None:
    """The id that a proxy in front has given, where it is one that a log can hold."""
    text = Headers(scope=scope).get(HEADER, "")
    return text if 8 <= len(text) <= _LONGEST_ID and text.isascii() and text.replace("-", "").isalnum() else None


def _told(scope: Scope, status: int, seconds: float) -> None:
    client = scope.get("client")
    viewer = scope.get("state", {}).get("viewer")
    # What only asks whether there is anything new would bury the rest.
    quiet = scope["path"].startswith(_QUIET) or Headers(scope=scope).get("x-fragment") == "live"
    tell = _log.debug if quiet and status < 400 else _log.info
    tell(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        client=client[0] if client else None,
        viewer=None if viewer is None else str(viewer),
    )
