"""When services slowed a run down, and when it was at its full pace again: a line of the job's log for each."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from retrograph.errors import DependencyDown
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.wording import pace, service_named

SLOWED: Final = "slowed"
RECOVERED: Final = "recovered"
WHO: Final = "retrograph"

Note = Callable[[str, str], Awaitable[None]]
"""Adds to the job's log: what, and why."""


class Slowing:
    """Looks at what is told now and then; only a change is noted."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._service: str | None = None

    async def look(self, pressure: Pressure | None) -> None:
        """A store that is down loses the line, and nothing else."""
        if pressure is None or pressure.pace is None or pressure.full is None or pressure.pace >= pressure.full:
            if self._service is not None:
                await self._told(RECOVERED, f"{service_named(self._service)}: at full pace again")
            self._service = None
        elif self._service is None:
            self._service = pressure.service or ""
            slower = f"{pace(pressure.pace)} instead of {pace(pressure.full)} a second"
            await self._told(SLOWED, f"{service_named(pressure.service)} pushed back: {slower}")

    async def _told(self, what: str, why: str) -> None:
        with suppress(DependencyDown):
            await self._note(what, why)
