"""How fast calls may be made: a pace that halves when a server pushes back and recovers slowly.

`Pace` decides, as a pure value; `Pacer` lets callers through one after the other at that pace.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from retrograph.clock import Clock

FLOOR_PER_SECOND: Final = 0.5
"""Push-backs do not slow the pace below this; a pace that starts slower stays as it is."""

RECOVERY_SECONDS: Final = 10.0
"""Without a push-back for so long the pace recovers by a tenth of where it started, and again after as long."""

RECOVERY_SHARE: Final = 0.1

BURST_SECONDS: Final = 0.05
"""Turns that were not taken are kept for so long: a machine's timers are no finer, and calls must not come in heaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A rate over time, in turns per second; instants are monotonic seconds.

    All push-backs within one recovery interval after a halving count as that one: 32 calls in flight that are all
    refused at one moment say one thing, not 32. If they go on after it, the pace halves again.
    """

    start_rate: float
    rate: float
    since: float
    """When `rate` was settled: recovery counts from here."""
    halved_at: float | None = None

    @classmethod
    def start(cls, rate_per_second: float, now: float) -> "Pace":
        """A pace that begins at its full rate."""
        return cls(start_rate=rate_per_second, rate=rate_per_second, since=now)

    def at(self, now: float) -> float:
        """The rate at that moment."""
        if self.rate >= self.start_rate:
            return self.start_rate
        steps = max(0, int((now - self.since) / RECOVERY_SECONDS))
        return min(self.start_rate, self.rate + steps * RECOVERY_SHARE * self.start_rate)

    def pushed_back(self, now: float) -> "Pace":
        """The pace after a server said that it was too fast."""
        if self.halved_at is not None and now - self.halved_at < RECOVERY_SECONDS:
            # It may not recover while push-backs go on, even those that count as one.
            return replace(self, since=max(self.since, now))
        floor = min(FLOOR_PER_SECOND, self.start_rate)
        return replace(self, rate=max(floor, self.at(now) / 2), since=now, halved_at=now)


class Pacer:
    """Lets callers through at a pace, first come, first served.

    A call that finds `BURST_SECONDS` of unused turns takes one at once, so a thousand turns a second need no
    thousand timers; there is never a larger burst. A rate that changes while somebody waits counts at once.
    """

    def __init__(self, clock: Clock, rate_per_second: float) -> None:
        self._clock = clock
        self._pace = Pace.start(rate_per_second, clock.monotonic())
        self._turns = 1.0
        self._counted_at = clock.monotonic()
        self._queue = asyncio.Lock()
        self._pushed_back = 0

    @property
    def rate(self) -> float:
        """The present rate, in turns per second."""
        return self._pace.at(self._clock.monotonic())

    @property
    def reason(self) -> str | None:
        """Why the rate is lower than it started, as a sentence; `None` while it is not."""
        rate, full = self.rate, self._pace.start_rate
        if rate >= full:
            return None
        times = "once" if self._pushed_back == 1 else f"{self._pushed_back} times"
        return f"pushed back {times}: {rate:.3g} per second instead of {full:.3g}, recovering"

    def push_back(self) -> None:
        """The server asked for less."""
        self._pace = self._pace.pushed_back(self._clock.monotonic())
        self._pushed_back += 1

    async def turn(self) -> None:
        """Waits for a turn."""
        async with self._queue:
            while (wait := self.try_turn()) > 0:
                await self._clock.sleep(wait)

    def try_turn(self) -> float:
        """Takes a turn if there is one and answers 0, else answers how many seconds it will take at this pace."""
        now = self._clock.monotonic()
        rate = self._pace.at(now)
        burst = max(1.0, rate * BURST_SECONDS)
        self._turns = min(burst, self._turns + max(0.0, now - self._counted_at) * rate)
        self._counted_at = now
        if self._turns >= 1.0 - 1e-9:
            self._turns -= 1.0
            return 0.0
        return (1.0 - self._turns) / rate
