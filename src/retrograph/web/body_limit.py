"""Bounds every body, counted as it arrives: what its length header says is believed only where it is too much."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrograph.errors import TooLarge
from retrograph.web.api import problems

MOST_BYTES: Final = 50_000_000


class BodyLimit:
    """Answers 413 to what is larger, and 400 to what has two lengths or breaks off, and reads no further."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            # A proxy in front may have believed the other one: what follows could be somebody else's request.
            await _ambiguous()(scope, receive, send)
            return
        if _said(headers) > self._most:
            await self._refused(scope, receive, send)
            return
        came, answered = 0, False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                if came > self._most:
                    raise TooLarge(self._sentence)
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except TooLarge:
            if answered:
                raise
            await self._refused(scope, receive, send)
        except ClientDisconnect:
            if answered:
                raise
            await _broken_off()(scope, receive, send)

    @property
    def _sentence(self) -> str:
        return f"the body is larger than {self._most:,} bytes: send less at once"

    async def _refused(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problems.of_error(TooLarge(self._sentence))
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


def _ambiguous() -> Response:
    return problems.problem(
        400, "the body has a length and comes in pieces: send one of both", headers={"Connection": "close"}
    )


def _broken_off() -> Response:
    """Nobody may be there to read it, but the access log says that it was the sender's doing."""
    return problems.problem(400, "the body ended before its end: send it again", headers={"Connection": "close"})


def _said(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
