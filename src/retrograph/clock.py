"""Time, injected: nothing else in Retrograph asks the machine for it, so tests decide what time it is."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

MILLIS_PER_DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What the product knows of time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits that long; negative counts as zero."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def to_millis(instant: datetime) -> int:
    """Milliseconds since the epoch, truncated; a naive instant counts as UTC."""
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    delta = aware - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_millis(millis: int) -> datetime:
    """The UTC instant of milliseconds since the epoch."""
    seconds, rest = divmod(millis, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def iso(millis: int) -> str:
    """RFC 3339 in UTC, to the millisecond: `2018-01-02T00:00:00.000Z`."""
    return from_millis(millis).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}Z"


def day_of(millis: int) -> int:
    """The UTC day of an instant, in days since 1970-01-01."""
    return millis // MILLIS_PER_DAY
