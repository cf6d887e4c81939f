"""Admits requests of this machine alone: what stands in front of the routes where no way to sign in is configured."""

from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from retrograph.web.api.problems import forbidden


class LoopbackGuard:
    """Refuses every request that does not come over loopback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_loopback(scope):
            await self._app(scope, receive, send)
        else:
            await forbidden(Request(scope))(scope, receive, send)


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ip_address(client[0]).is_loopback
    except ValueError:
        return False
