"""The real application behind its guard, over a store of its own, as any peer and by any name."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from retrograph.clock import SystemClock
from retrograph.config import Settings, Url
from retrograph.entry.links import make_link
from retrograph.entry.secrets import hashed, new_secret
from retrograph.entry.store import EntryStore, NewSession
from retrograph.entry.tokens import create_token
from retrograph.web.app import create_app
from retrograph.web.auth.entry import Entry, build_entry
from retrograph.web.context import context_of
from retrograph.wiring.entry import open_entry_store
from retrograph.wiring.served import open_served

ANN, EVE = "ann@example.com", "eve@example.com"
HERE = "http://127.0.0.1:8080"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
PROGRAMS = ("/api/", "/admin/", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A server that is about to be entered."""

    app: Any
    entry: Entry
    store: EntryStore

    def caller(self, *, peer: str = "127.0.0.1", base: str = HERE, **headers: str) -> httpx2.AsyncClient:
        """Somebody who calls it from an address, by a name; redirects are not followed."""
        transport = httpx2.ASGITransport(self.app, client=(peer, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=base, headers=headers)

    async def token(self, email: str = ANN, name: str = "deploy", expires: str = "1h") -> str:
        minted = await create_token(self.store, email=email, name=name, expires=expires, created_by="test")
        return minted.secret

    async def link(self, base: str = HERE) -> str:
        return (await make_link(self.store, base, "root@here")).removeprefix(base)

    async def session(self, email: str = ANN, way: str = "oidc", absolute_ms: int = 3_600_000) -> str:
        """The secret of a session that somebody has."""
        secret = new_secret()
        await self.store.open_session(NewSession(hashed=hashed(secret), email=email, way=way, absolute_ms=absolute_ms))
        return secret


@asynccontextmanager
async def opened(
    folder: Path, values: Mapping[str, Any] | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[Door]:
    """A door over a new store, which listens on `host` and has these settings."""
    url = Url(f"sqlite:///{folder / 'door.db'}")
    settings = Settings(graph=url, store=url, **{"admins": ANN, **(values or {})})
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_entry_store(settings))
        entry = await build_entry(settings, store, SystemClock(), host=host)
        served = await stack.enter_async_context(open_served(settings))
        context = context_of(served, entry)
        yield Door(app=create_app(context), entry=entry, store=store)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie_of(secret: str, base: str = HERE) -> dict[str, str]:
    """A session's cookie, as the browser sends it to that address."""
    url = httpx2.URL(base)
    name = f"retrograph-session-{url.port or 80}" if url.host == "127.0.0.1" else "__Host-retrograph-session"
    return {"Cookie": f"{name}={secret}"}
