"""What a serving process holds open for as long as it lives: the service, its fleet of jobs, and the watchdog."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.graph.reading import GraphReader
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.job import Json
from retrograph.jobs.news import News
from retrograph.jobs.view import cards_as_json
from retrograph.jobs.watchdog import Watchdog
from retrograph.service import Service
from retrograph.wiring.service import open_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Everything that is opened once; whoever serves runs `watchdog.watch()` and `news.watch()` beside its answers."""

    settings: Settings
    clock: Clock
    service: Service
    fleet: Fleet
    watchdog: Watchdog
    news: News
    graph: GraphReader


@asynccontextmanager
async def open_served(settings: Settings, *, migrate: bool = False) -> AsyncIterator[Served]:
    """Opens it all; leaving pauses the jobs that run here and closes it. Raises DependencyDown, ConfigurationError."""
    async with open_parts(settings, starts=True, graph=True, migrate=migrate) as parts:
        assert parts.graph is not None
        async with Fleet(parts.service, parts.clock) as fleet:

            async def cards() -> dict[str, Json]:
                return cards_as_json(await parts.service.tally(), here=len(fleet.running))

            yield Served(
                settings=settings,
                clock=parts.clock,
                service=parts.service,
                fleet=fleet,
                watchdog=Watchdog(parts.store, parts.clock, parts.graph_id, fleet.resume),
                news=News(parts.store, cards, parts.clock),
                graph=GraphReader(parts.graph, settings.identifiers.limits),
            )
