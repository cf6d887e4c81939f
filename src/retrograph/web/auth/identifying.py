"""Who sent a request: by a token, by a trusted proxy, or by a session, in this order. Whoever shows something that does
not hold is refused, and not asked for the next thing."""

from collections.abc import Sequence

from starlette.requests import Request

from retrograph.config import SessionSettings
from retrograph.entry.allow_list import AllowList
from retrograph.entry.secrets import hashed
from retrograph.entry.store import EntryStore
from retrograph.web.auth.cookies import cookie
from retrograph.web.auth.proxy import TrustedProxy
from retrograph.web.auth.refused import Refused
from retrograph.web.auth.site import Site
from retrograph.web.auth.viewer import Viewer, Way

_WRONG_TOKEN = "the token is unknown, expired or revoked"


class Identifying:
    """Finds the viewer of a request."""

    def __init__(
        self,
        store: EntryStore,
        allow_list: AllowList,
        site: Site,
        proxy: TrustedProxy | None,
        sessions: SessionSettings,
        ways: frozenset[Way],
    ) -> None:
        self._store = store
        self._allow_list = allow_list
        self._site = site
        self._proxy = proxy
        self._idle_ms = sessions.idle_minutes * 60_000
        self._ways = ways

    async def viewer(self, request: Request, *, touch: bool = True) -> Viewer | None:
        """Who it is; `None` where the request shows nothing. Raises Refused, DependencyDown.

        `touch`: this is somebody's doing, and keeps their session from growing idle.
        """
        vouched = self._vouched(request)
        bearer = bearer_of(request)
        if bearer is not None:
            return await self._by_token(bearer)
        if vouched is not None:
            return self._known(vouched, "proxy")
        return await self._by_session(request, touch)

    def _vouched(self, request: Request) -> str | None:
        if self._proxy is None:
            return None
        return self._proxy.email(request.headers.getlist(self._proxy.header), peer_of(request))

    def _known(self, email: str, way: Way, token: str | None = None) -> Viewer:
        return Viewer(email=email, way=way, admin=self._allow_list.holds(email), token=token)

    async def _by_token(self, secret: str) -> Viewer:
        found = await self._store.token(hashed(secret))
        if found is None:
            raise Refused(401, "UNAUTHENTICATED", _WRONG_TOKEN)
        return self._known(found.email, "token", found.name)

    async def _by_session(self, request: Request, touch: bool) -> Viewer | None:
        secret = cookie("session", request).of(request)
        if secret is None:
            return None
        found = await self._store.session(hashed(secret), self._idle_ms, touch=touch)
        if found is None:
            return None
        if found.way == "link":
            return self._by_link(request, found.email)
        # A way that was taken out of the settings is closed to those, too, who came by it before.
        return self._known(found.email, "oidc") if found.way == "oidc" and "oidc" in self._ways else None

    def _by_link(self, request: Request, who: str) -> Viewer | None:
        here = self._site.is_this_machine(request.headers.get("host", ""), peer_of(request), request.headers)
        return Viewer(email=who, way="link", admin=True) if here and "link" in self._ways else None


def peer_of(request: Request) -> str:
    """The address of the other end of the connection."""
    return request.client.host if request.client else ""


def bearer_of(request: Request) -> str | None:
    """The bearer token that a request shows; other schemes are somebody else's. Raises Refused where there are two."""
    found: Sequence[str] = request.headers.getlist("authorization")
    bearers = [value for value in found if value[:6].lower() == "bearer"]
    if not bearers:
        return None
    if len(found) > 1:
        raise Refused(401, "UNAUTHENTICATED", "there is more than one Authorization header")
    return bearers[0][6:].strip()
