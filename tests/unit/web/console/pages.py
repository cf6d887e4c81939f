"""The pages over a real embedded store and graph, asked as a browser asks, without a server in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
from fastapi import FastAPI

from retrograph.config import Settings
from retrograph.graph.clusters import DEFAULT_LIMITS
from retrograph.graph.reading import GraphReader
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.kind import Resolved
from retrograph.service import Service
from retrograph.web.console.routes import router
from retrograph.web.context import WebContext
from retrograph.wiring.identity import ConfiguredUsers
from retrograph.wiring.purchases import FrozenUsers, ListedUsers, UploadedUsers
from tests.unit.jobs.clocks import SteppedClock
from tests.unit.jobs.engine import Scripted, World


@dataclass(frozen=True, kw_only=True)
class _Context:
    """The parts of a server that pages use."""

    settings: Settings
    clock: SteppedClock
    service: Service
    fleet: Fleet
    graph: GraphReader
    window_ends: str | None = None
    board: None = None


class Pages:
    """A world of jobs, a graph, and whoever asks for pages about them."""

    def __init__(self, world: World, graph: GraphReader, client: httpx2.AsyncClient) -> None:
        self.world = world
        self.graph = graph
        self.client = client

    async def text(self, path: str, **headers: str) -> str:
        """A page that must be there."""
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


class Typed(Scripted):
    """A kind of the world whose sources are those that doors choose."""

    async def resolve(self, source: object) -> Resolved:
        match source:
            case ListedUsers():
                return Resolved(source=source.source, digest=source.ids.digest, ids=source.ids.each())
            case UploadedUsers():
                return Resolved(source={"upload": source.upload.name}, digest=source.upload.digest, ids=source.ids)
            case FrozenUsers():
                return Resolved(source=source.source, digest=source.digest, ids=source.ids)
            case ConfiguredUsers():
                return Resolved(digest="table", bound="10")
        return await super().resolve(source)


@asynccontextmanager
async def opened(path: Path, settings: Settings | None = None, window_ends: str | None = None) -> AsyncIterator[Pages]:
    """All of it, closed where the block ends."""
    world = World(path)
    world.kinds = {
        "purchases": Typed("purchases", world.load),
        "identity": Typed("identity", world.load, grows=True),
    }
    async with world, Fleet(world.service, world.clock) as fleet:
        graph = SqliteGraph(path / "graph.db", durable=False, clock=world.clock)
        await graph.open()
        app = FastAPI()
        app.include_router(router)
        context = _Context(
            settings=settings or Settings(),
            clock=world.clock,
            service=world.service,
            fleet=fleet,
            graph=GraphReader(graph, DEFAULT_LIMITS),
            window_ends=window_ends,
        )
        app.state.context = cast(WebContext, context)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pages.example") as client:
            yield Pages(world, context.graph, client)
        while fleet.running:  # what still runs ends before its store does
            world.clock.advance(1.0)
            await asyncio.sleep(0.001)
        await graph.close()
