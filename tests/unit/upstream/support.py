"""A clock that tells what was slept, a pace that only counts, and a server that answers as a test scripts it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from aiohttp import web

from retrograph.sandbox import SAMPLE
from retrograph.upstream.http import Endpoint, Http, HttpLimits, RetryCounts
from retrograph.upstream.service import Service

START = datetime(2018, 1, 2, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ManualClock:
    """Time passes only by sleeping, or by `pass_time`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += max(0.0, seconds)

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class CountingPace:
    turns: int = 0
    push_backs: int = 0

    async def turn(self) -> None:
        self.turns += 1

    def push_back(self) -> None:
        self.push_backs += 1


@dataclass
class Asked:
    """One service behind a session, with all that is injected into it."""

    service: Service
    clock: ManualClock
    pace: CountingPace
    retries: RetryCounts


@dataclass
class Scripted:
    """A server that answers each request with the next scripted response, and the last one for ever."""

    answers: list[web.Response | Handler]
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)  # type: ignore[arg-type]
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return await answer(request)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The base URL of a server with this handler."""
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def asking(
    url: str,
    *,
    service: str = "products",
    token: str | None = None,
    token_file: Path | None = None,
    limits: HttpLimits | None = None,
) -> AsyncIterator[Asked]:
    """A service at that URL whose waits last no time and are full (`chance` is always 1)."""
    clock, pace, retries = ManualClock(), CountingPace(), RetryCounts()
    http = Http(clock, limits=limits, watcher=retries, chance=lambda: 1.0)
    endpoint = Endpoint(
        service=service,
        url=url,
        url_setting="RETROGRAPH_PRODUCTS_URL",
        token_setting="RETROGRAPH_PRODUCTS_TOKEN",
        token=token,
        token_file=token_file,
    )
    try:
        yield Asked(Service(http, endpoint, pace), clock, pace, retries)
    finally:
        await http.close()


def json(text: str, status: int = 200, **headers: str) -> web.Response:
    """A JSON answer; underscores in header names become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": "application/json", **named})


@asynccontextmanager
async def scripted(*answers: web.Response | Handler) -> AsyncIterator[tuple[Asked, Scripted]]:
    """A service that answers as scripted."""
    script = Scripted(list(answers))
    async with serving(script.handle) as url, asking(url) as asked:
        yield asked, script


def rows(query: str) -> list[Any]:
    """What SQL says about the sample's files; `{}` stands for their folder."""
    return duckdb.execute(query.format(SAMPLE)).fetchall()
