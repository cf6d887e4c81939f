"""What every process that writes users without a job does beside it: it settles what depends on shared nodes."""

from typing import Final

import structlog

from retrograph.clock import Clock
from retrograph.errors import RetrographError
from retrograph.graph.recount import run_pass
from retrograph.graph.store import GraphStore

RECOUNT_SECONDS: Final = 60.0

_log = structlog.get_logger()


async def recounted(graph: GraphStore, clock: Clock) -> None:
    """Marks that live events leave are walked once a minute."""
    while True:
        await clock.sleep(RECOUNT_SECONDS)
        try:
            if await graph.marks():
                await run_pass(graph, clock)
        except RetrographError as error:
            _log.warning("recount-failed", error=str(error))
