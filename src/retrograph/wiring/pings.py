"""Whether each dependency answers now, and how fast: asked over what is open, and no oftener than useful."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from retrograph.clock import Clock
from retrograph.errors import RetrographError

MOST_SECONDS: Final = 3.0
"""What takes longer to say that it is there is as good as away."""

SERVED_SECONDS: Final = 2.0
"""One look serves all who ask within so long: anybody may ask."""

Ping = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How one dependency is asked, and whether this server can do nothing useful without it."""

    ping: Ping
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged:
    """One answer, and how long it took, in milliseconds."""

    up: bool
    milliseconds: float
    needed: bool


class Pings:
    """Asks them all at once."""

    def __init__(self, checks: Mapping[str, Check], clock: Clock) -> None:
        self._checks = checks
        self._clock = clock
        self._looking = asyncio.Lock()
        self._seen: Mapping[str, Pinged] = {}
        self._seen_at = float("-inf")

    async def look(self) -> Mapping[str, Pinged]:
        """How each is now, or was within the last two seconds."""
        async with self._looking:
            if self._clock.monotonic() - self._seen_at > SERVED_SECONDS:
                found = await asyncio.gather(*(self._asked(check) for check in self._checks.values()))
                self._seen = dict(zip(self._checks, found, strict=True))
                self._seen_at = self._clock.monotonic()
            return self._seen

    async def _asked(self, check: Check) -> Pinged:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(MOST_SECONDS):
                up = await check.ping()
        except (RetrographError, TimeoutError):
            up = False
        taken = round((self._clock.monotonic() - began) * 1000, 1)
        return Pinged(up=up, milliseconds=taken, needed=check.needed)


def answering(ping: Callable[[], Awaitable[None]]) -> Ping:
    """A ping that raises where there is no answer, as one that says so."""

    async def asked() -> bool:
        await ping()
        return True

    return asked
