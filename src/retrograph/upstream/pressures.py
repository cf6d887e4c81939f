"""What one run's calls tell of the services: their paces and what was tried again, for whoever asks why it is slow."""

from collections import Counter, defaultdict
from typing import Final

from retrograph.clock import Clock, to_millis
from retrograph.jobs.pacing import Pacer
from retrograph.jobs.pressure import Pressure, Waiting
from retrograph.upstream.http import CallWatcher

LEAST_WAIT_SECONDS: Final = 1.0
"""A shorter wait is over before anybody can read of it."""


class Pressures:
    """Makes the paces of one run's services, and watches their calls; `further` hears of them as well."""

    def __init__(self, rate_per_second: float, clock: Clock, further: CallWatcher) -> None:
        self._rate = rate_per_second
        self._clock = clock
        self._further = further
        self._pacers: dict[str, Pacer] = {}
        self._retried: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._waiting: Waiting | None = None

    def pacer(self, service: str) -> Pacer:
        """The pace of a service, which begins at the full rate."""
        return self._pacers.setdefault(service, Pacer(self._clock, self._rate))

    def retried(self, service: str, kind: str, seconds: float) -> None:
        """See `CallWatcher`. Of waits that overlap, the one that ends last is told."""
        self._further.retried(service, kind, seconds)
        self._retried[service][kind] += 1
        now = to_millis(self._clock.now())
        ends = 0.0 if self._waiting is None else self._waiting.at + 1000 * self._waiting.seconds
        if seconds >= LEAST_WAIT_SECONDS and now + 1000 * seconds > ends:
            self._waiting = Waiting(service=service, kind=kind, seconds=round(seconds, 1), at=now)

    def pressure(self) -> Pressure | None:
        """As it is now; `None` while nothing was slowed or tried again."""
        slowed = {name: pacer.rate for name, pacer in self._pacers.items() if pacer.rate < self._rate}
        if not slowed and not self._retried:
            return None
        slowest = min(slowed, key=lambda name: slowed[name], default=None)
        return Pressure(
            pace=None if slowest is None else round(slowed[slowest], 2),
            full=None if slowest is None else self._rate,
            service=slowest,
            retried={name: dict(kinds) for name, kinds in self._retried.items()},
            waiting=self._waiting,
        )
