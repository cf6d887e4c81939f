"""How far a job is, how fast it goes and when it ends: pure figures, and the sentences made of them."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from retrograph.jobs.job import Counts, Phase

WINDOW_SECONDS: Final = 60.0
"""A rate looks this far back: long enough to be calm, short enough to notice a change."""

LEAST_SHARE: Final = 0.01
"""Below 1 % an estimate of the end would be a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a job that runs in this process."""

    key: str
    phase: Phase
    counts: Counts
    total: int | None
    cursor: str | None
    rate: float | None
    """Items per second over the last minute; `None` until two looks were taken."""
    elapsed_ms: int
    """Time spent in this job's runs."""
    retrying: bool = False
    finishing: bool = False

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the end at the present rate; `None` while that would be a guess."""
        return eta_seconds(self.counts.scanned, self.total, self.rate)


class Watch(Protocol):
    """Whoever looks on while a job runs. Called from the event loop; must not block."""

    def progressed(self, progress: Progress) -> None:
        """About twice a second, and at the end of each run."""
        ...

    def said(self, sentence: str) -> None:
        """Something a person wants to know: what is waited for, why it paused, that it goes on."""
        ...


class Silent:
    """Nobody looks on."""

    def progressed(self, progress: Progress) -> None:
        del progress

    def said(self, sentence: str) -> None:
        del sentence


def eta_seconds(scanned: int, total: int | None, rate: float | None) -> float | None:
    """Seconds until the end; `None` without a total or a rate, or below 1 %."""
    if not total or not rate or scanned < total * LEAST_SHARE:
        return None
    return max(0, total - scanned) / rate


class Rates:
    """A windowed rate out of (time, scanned) pairs; times are monotonic seconds."""

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, scanned: int) -> None:
        """Takes a look; the oldest one kept is the last that lies outside the window."""
        self._seen.append((now, scanned))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()

    def rate(self) -> float | None:
        """Items per second over the window; `None` before two looks at different times."""
        if len(self._seen) < 2:
            return None
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return max(0.0, (after - before) / (last - first)) if last > first else None


def duration(seconds: float) -> str:
    """`8m20s`, `2h05m`, `45s`, `3d04h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def line(progress: Progress) -> str:
    """`Sent 5000/75000 (6.7%), elapsed 8m20s, 10.0/s, ETA 1h56m`, with failed and skipped items where there are any."""
    scanned, total = progress.counts.scanned, progress.total
    share = f"/{total} ({100 * scanned / total:.1f}%)" if total else ""
    parts = [f"Sent {scanned}{share}", f"elapsed {duration(progress.elapsed_ms / 1000)}"]
    if progress.rate is not None:
        parts.append(f"{progress.rate:.1f}/s")
    eta = progress.eta_seconds
    if eta is not None:
        parts.append(f"ETA {duration(eta)}")
    parts += [f"{count} {name}" for name, count in _exceptions(progress.counts) if count]
    return ", ".join(parts)


def _exceptions(counts: Counts) -> tuple[tuple[str, int], ...]:
    return (("failed", counts.failed), ("skipped", counts.skipped))


def forecast(remaining: int | None, rate_limit: float | None) -> str | None:
    """How long a run should take at its pace, before it starts; `None` where nothing bounds it or is known."""
    if not remaining or rate_limit is None:
        return None
    items = "1 item" if remaining == 1 else f"{remaining:,} items"
    return f"{items} at {rate_limit:g} per second: about {duration(max(1.0, remaining / rate_limit))}"


class Lines:
    """Decides when a log line is due: every 1,000 items or 10 s, whichever is first."""

    def __init__(self, *, items: int = 1_000, seconds: float = 10.0) -> None:
        self._items = items
        self._seconds = seconds
        self._last: tuple[float, int] | None = None

    def due(self, progress: Progress, now: float) -> str | None:
        """The line, or `None` while it is too early; `now` is monotonic seconds."""
        scanned = progress.counts.scanned
        if self._last is None:
            self._last = (now, scanned)
            return None
        then, before = self._last
        if scanned // self._items == before // self._items and now - then < self._seconds:
            return None
        self._last = (now, scanned)
        return line(progress)
