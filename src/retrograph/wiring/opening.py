"""A graph that a server opens as soon as it is there: until then the jobs can be looked at, and what needs the graph
is told that it is down."""

import asyncio
from typing import Final

import structlog

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, RetrographError
from retrograph.graph.store import GraphStore

TRY_SECONDS: Final = 5.0

_log = structlog.get_logger()


class Opening:
    """Opens a graph once, whenever that succeeds."""

    def __init__(self, graph: GraphStore, *, migrate: bool) -> None:
        self.graph = graph
        self._migrate = migrate
        self._opened = False
        self._trying = asyncio.Lock()

    async def graph_id(self) -> str:
        """The graph's id; opens it first where it is not open yet. Raises DependencyDown."""
        async with self._trying:
            if not self._opened:
                await self._open()
        return self.graph.identity.graph_id

    async def _open(self) -> None:
        try:
            await self.graph.open(migrate=self._migrate)
        except BaseException:
            await self.graph.close()
            raise
        self._opened = True

    async def at_once_or_later(self) -> None:
        """Opens it now if it is there. Raises what waiting does not mend: ConfigurationError, IncompatibleGraph."""
        try:
            await self.graph_id()
        except DependencyDown as down:
            _log.warning("graph-down", error=str(down))

    async def keep_trying(self, clock: Clock) -> None:
        """Until it is open."""
        told = ""
        while not self._opened:
            try:
                await self.graph_id()
                _log.info("graph-up", graph=self.graph.url)
            except RetrographError as error:  # also one that waiting does not mend, such as a graph to be migrated
                if str(error) != told:
                    _log.warning("graph-not-open", error=str(error))
                told = str(error)
            await clock.sleep(TRY_SECONDS)
