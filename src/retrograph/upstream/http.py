"""One HTTP session for all services: connections, limits, and what is injected into every call.

What one call does with it (tries, waits, statuses, errors) is in `service.py`.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp

from retrograph import __version__
from retrograph.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a service is and how to enter. The settings are named because errors tell people what to change."""

    service: str
    url: str
    url_setting: str
    token_setting: str
    token: str | None = None
    token_file: Path | None = None
    health_path: str = "/health"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bounds of one call. Times in seconds; `body_bytes` bounds an answer after decompression."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    ping_seconds: float = 10.0
    connections: int = 100
    body_bytes: int = 32 * 1024 * 1024


class Pace(Protocol):
    """The adaptive pace of one service, shared by all items."""

    async def turn(self) -> None:
        """Waits until the next item may begin its calls to the service."""
        ...

    def push_back(self) -> None:
        """The service said that it is asked too much."""
        ...


class CallWatcher(Protocol):
    """Whoever counts what calls cost: metrics."""

    def retried(self, service: str, kind: str, seconds: float) -> None:
        """A call is tried again in so many seconds; `kind` is a status, `timeout`, `connection`, `truncated` or
        `token`."""
        ...


class RetryCounts(Counter[tuple[str, str]]):
    """A watcher that only counts, by service and kind."""

    def retried(self, service: str, kind: str, seconds: float) -> None:
        del seconds
        self[service, kind] += 1


class Http:
    """The session and its connections. Clock and randomness are injected; `close` ends all connections."""

    def __init__(
        self,
        clock: Clock,
        *,
        limits: HttpLimits | None = None,
        watcher: CallWatcher | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.limits = limits or HttpLimits()
        self.watcher: CallWatcher = RetryCounts() if watcher is None else watcher
        self.chance = chance
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Made on first use, because aiohttp wants a running loop.

        There is no limit on the whole of a call: an answer may be long, and whoever loads an item bounds that.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.limits.connections, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "User-Agent": f"retrograph/{__version__}"},
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self.limits.connect_seconds, sock_read=self.limits.read_seconds
                ),
            )
        return self._session

    async def close(self) -> None:
        """Closes every connection; safe to call twice."""
        if self._session is not None:
            await self._session.close()
            self._session = None
