"""Everything that decides who may enter, made once from the settings. Where nobody could be told from anybody else,
nothing is made: the server does not listen beyond loopback."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from retrograph.clock import Clock, to_millis
from retrograph.config import SessionSettings, Settings
from retrograph.config.entry import is_loopback
from retrograph.entry.allow_list import AllowList, allow_list
from retrograph.entry.links import make_link
from retrograph.entry.store import EntryStore
from retrograph.errors import ConfigurationError
from retrograph.web.auth.attempts import Attempts
from retrograph.web.auth.identifying import Identifying
from retrograph.web.auth.oidc import Provider
from retrograph.web.auth.proxy import TrustedProxy
from retrograph.web.auth.site import Site
from retrograph.web.auth.viewer import Viewer, Way

_NO_WAY: Final = (
    "a server on {host} needs a way to sign in: set RETROGRAPH_OIDC_ISSUER and RETROGRAPH_OIDC_CLIENT_ID, or "
    "RETROGRAPH_PROXY_HEADER and RETROGRAPH_PROXY_NETWORKS, or make a token with retrograph tokens create; or listen "
    "on 127.0.0.1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The parts that the guard and the sign-in pages work with."""

    store: EntryStore
    clock: Clock
    site: Site
    allow_list: AllowList
    sessions: SessionSettings
    ways: frozenset[Way]
    identifying: Identifying
    attempts: Attempts
    proxies: TrustedProxy
    """Those in front of this server, whether or not they sign people in."""
    environment: str
    proxy: TrustedProxy | None = None
    provider: Provider | None = None

    def now(self) -> int:
        """The clock's time in milliseconds."""
        return to_millis(self.clock.now())

    async def viewer(self, request: Request, *, touch: bool = True) -> Viewer | None:
        """See `Identifying.viewer`."""
        return await self.identifying.viewer(request, touch=touch)

    def stripped(self, scope: Scope) -> Scope:
        """The request without the proxy's header: nothing behind the guard can be deceived by it."""
        if self.proxy is None:
            return scope
        name = self.proxy.header.encode("latin-1")
        return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() != name]}

    async def one_time_link(self, address: str, who: str) -> str | None:
        """A link that lets whoever opens it first in, on this machine and soon; `None` where there is no such way."""
        return await make_link(self.store, address, who) if "link" in self.ways else None


async def build_entry(settings: Settings, store: EntryStore, clock: Clock, *, host: str) -> Entry:
    """What guards a server that listens on `host`. Raises ConfigurationError where nobody could enter it safely."""
    refuse_open_door(settings, host)
    on_loopback = is_loopback(host)
    ways = _ways(settings, on_loopback)
    if not on_loopback and ways == {"token"} and await store.valid_tokens() == 0:
        raise ConfigurationError(_NO_WAY.format(host=host))
    site = Site(on_loopback=on_loopback, public_url=settings.public_url)
    admins = allow_list(settings.admins)
    proxy = TrustedProxy(settings.proxy) if settings.proxy.header else None
    return Entry(
        store=store,
        clock=clock,
        site=site,
        allow_list=admins,
        sessions=settings.sessions,
        ways=ways,
        identifying=Identifying(store, admins, site, proxy, settings.sessions, ways),
        attempts=Attempts(settings.sessions.sign_ins_per_minute),
        proxies=TrustedProxy(settings.proxy),
        environment=settings.environment,
        proxy=proxy,
        provider=Provider(settings.oidc, settings.public_url or "", clock) if "oidc" in ways else None,
    )


def _ways(settings: Settings, on_loopback: bool) -> frozenset[Way]:
    ways: set[Way] = {"token"}
    if settings.oidc.issuer is not None:
        ways.add("oidc")
    if settings.proxy.header is not None:
        ways.add("proxy")
    if on_loopback and ways == {"token"}:  # whoever can sign in by name does so
        ways.add("link")
    return frozenset(ways)


def refuse_open_door(settings: Settings, host: str) -> None:
    """What can be said before any server or file is touched. Raises ConfigurationError."""
    if settings.oidc.issuer is not None and settings.public_url is None:
        raise ConfigurationError(
            "RETROGRAPH_OIDC_ISSUER needs RETROGRAPH_PUBLIC_URL: the provider sends people back to it"
        )
    if not is_loopback(host) and settings.admins is None:
        raise ConfigurationError(
            f"nobody could enter a server on {host}: set RETROGRAPH_ADMINS to who may, and a way to sign in "
            "(RETROGRAPH_OIDC_…, RETROGRAPH_PROXY_…, or retrograph tokens create); or listen on 127.0.0.1"
        )
