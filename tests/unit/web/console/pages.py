"""The pages over a real embedded store and graph, asked as a browser asks, without a server in between."""

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
from retrograph.graph.store import GraphStore
from retrograph.jobs.fleet import Fleet
from retrograph.service import Service
from retrograph.web.console.routes import router
from retrograph.web.context import WebContext
from tests.unit.jobs.clocks import SteppedClock
from tests.unit.jobs.engine import World


@dataclass(frozen=True, kw_only=True)
class _Context:
    """The parts of a server that pages use."""

    settings: Settings
    clock: SteppedClock
    service: Service
    fleet: Fleet
    graph: GraphReader


class Pages:
    """A world of jobs, a graph, and whoever asks for pages about them."""

    def __init__(self, world: World, graph: GraphStore, client: httpx2.AsyncClient) -> None:
        self.world = world
        self.graph = graph
        self.client = client

    async def text(self, path: str, **headers: str) -> str:
        """A page that must be there."""
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Pages]:
    """All of it, closed where the block ends."""
    async with World(path) as world, Fleet(world.service, world.clock) as fleet:
        graph = SqliteGraph(path / "graph.db", durable=False, clock=world.clock)
        await graph.open()
        app = FastAPI()
        app.include_router(router)
        context = _Context(
            settings=Settings(),
            clock=world.clock,
            service=world.service,
            fleet=fleet,
            graph=GraphReader(graph, DEFAULT_LIMITS),
        )
        app.state.context = cast(WebContext, context)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pages.example") as client:
            yield Pages(world, graph, client)
        await graph.close()
