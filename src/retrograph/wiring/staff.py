"""Workers inside a serving process: they begin when the graph is there, and end with the process, in good order."""

import asyncio
from typing import Final

import structlog

from retrograph.config import Settings
from retrograph.errors import RetrographError
from retrograph.jobs.meter import Meter
from retrograph.wiring.service import Parts
from retrograph.wiring.worker import Workforce, open_workforce

TRY_SECONDS: Final = 5.0

_log = structlog.get_logger()


class Staff:
    """The lanes of all queues that are configured."""

    def __init__(self, settings: Settings, parts: Parts, meter: Meter) -> None:
        self._settings = settings
        self._parts = parts
        self._meter = meter
        self._force: Workforce | None = None
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def under_way(self) -> int:
        """How many messages are being worked on here."""
        return 0 if self._force is None else sum(worker.under_way for worker in self._force.workers)

    async def work(self) -> None:
        """Until `stop`: what ends the workers, such as a service that refuses us, is tried again."""
        told = ""
        while not self._stopping:
            try:
                await self._shift()
            except* RetrographError as errors:
                if str(errors.exceptions[0]) != told:
                    _log.warning("workers-not-at-work", error=str(errors.exceptions[0]))
                told = str(errors.exceptions[0])
            await self._parts.clock.sleep(0.0 if self._stopping else TRY_SECONDS)
        await asyncio.Event().wait()  # whoever keeps this would begin it anew

    async def stop(self) -> None:
        """Takes nothing further; returns when what is under way is done or given back."""
        self._stopping = True
        if self._force is not None:
            self._force.stop()
        await self._idle.wait()

    async def _shift(self) -> None:
        assert self._parts.target is not None
        self._idle.clear()
        try:
            async with open_workforce(self._settings, self._parts, self._parts.target, [], self._meter) as self._force:
                if not self._stopping:
                    await self._force.run()
        finally:
            self._force = None
            self._idle.set()
