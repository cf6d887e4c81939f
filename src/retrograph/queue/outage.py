"""Which servers are down, as the loads of a worker find out: while one is, nothing is received and loads wait.

A load that waits keeps its message, so an outage uses up no receives.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from retrograph.clock import Clock
from retrograph.errors import RetrographError

FIRST_ASK_SECONDS: Final = 1.0
LONGEST_ASK_SECONDS: Final = 15.0

_log = structlog.get_logger()


class Outages:
    """The outages that this process knows of; `ping` answers whether a dependency is up."""

    def __init__(self, ping: Callable[[str], Awaitable[bool]], clock: Clock) -> None:
        self._ping = ping
        self._clock = clock
        self._down: dict[str, str] = {}
        self._up = asyncio.Event()
        self._up.set()

    @property
    def down(self) -> list[str]:
        """The dependencies that are down."""
        return sorted(self._down)

    async def answers(self, dependency: str) -> bool:
        """Asks now; an error of the ping itself counts as down."""
        try:
            return await self._ping(dependency)
        except RetrographError:
            return False

    def begin(self, dependency: str, why: str) -> None:
        """Somebody found it down."""
        if dependency not in self._down:
            _log.warning("dependency-down", dependency=dependency, error=why)
        self._down[dependency] = why
        self._up.clear()

    async def over(self) -> None:
        """Until everything answers again."""
        await self._up.wait()

    async def keep_asking(self) -> None:
        """Asks those that are down, until cancelled."""
        wait = FIRST_ASK_SECONDS
        while True:
            await self._clock.sleep(wait)
            for dependency in self.down:
                if await self.answers(dependency):
                    _log.info("dependency-up", dependency=dependency)
                    del self._down[dependency]
            if self._down:
                wait = min(2 * wait, LONGEST_ASK_SECONDS)
            else:
                wait = FIRST_ASK_SECONDS
                self._up.set()
