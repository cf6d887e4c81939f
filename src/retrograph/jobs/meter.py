"""Counting at the port: every load of this process passes here once, whatever kind of job it belongs to."""

from collections.abc import Callable
from typing import Protocol

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, ItemError
from retrograph.jobs.pressure import Pressed, Pressure
from retrograph.jobs.work import Load, Outcome, Permit, unconditionally


class Meter(Protocol):
    """Whoever counts. Called from the event loop; must not block."""

    def item(self, kind: str, outcome: str, seconds: float) -> None:
        """An item ended: `processed`, `skipped`, `failed`, or `uncharged` where a dependency was down."""
        ...

    def opened(self, key: str, pressure: Callable[[], Pressure | None]) -> None:
        """A run of that job began; it can be asked what slows it down."""
        ...

    def closed(self, key: str) -> None:
        """That run has ended."""
        ...


class MeteredLoad:
    """A `Load` that tells a meter how each item of the one inside ended."""

    def __init__(self, load: Load, meter: Meter, clock: Clock, *, kind: str, key: str) -> None:
        self._load = load
        self._meter = meter
        self._clock = clock
        self._kind = kind
        self._key = key
        meter.opened(key, self.pressure)

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        began, outcome = self._clock.monotonic(), "broken"
        try:
            done = await self._load.load(key, permit)
            outcome = done.status
            return done
        except ItemError:
            outcome = "failed"
            raise
        except DependencyDown:
            outcome = "uncharged"
            raise
        finally:
            self._meter.item(self._kind, outcome, self._clock.monotonic() - began)

    async def ping(self, dependency: str) -> bool:
        return await self._load.ping(dependency)

    def pressure(self) -> Pressure | None:
        return self._load.pressure() if isinstance(self._load, Pressed) else None

    async def finish(self) -> None:
        await self._load.finish()

    async def close(self) -> None:
        self._meter.closed(self._key)
        await self._load.close()
