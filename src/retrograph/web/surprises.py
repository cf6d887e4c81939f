"""What nobody foresaw is answered inside the other layers, so that such an answer has their headers and its line in the
access log; the log tells what it was, whoever asked only that it happened."""

from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger()


class Surprises:
    """Answers 500 where nothing was answered yet; an answer that has begun is broken off."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            _log.error("request-broke-off", path=scope["path"], exc_info=error)
            await self._answer(Request(scope))(scope, receive, send)
