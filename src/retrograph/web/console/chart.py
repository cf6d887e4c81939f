"""Pace and failures over time as lines: figures for a template, which only draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from retrograph.jobs.job import Sample
from retrograph.jobs.wording import pace

WIDTH: Final = 1_000
HEIGHT: Final = 100
MOST_POINTS: Final = 400
"""More than a screen has room for; a day of samples is drawn as means of so many stretches."""

GAP_MS: Final = 45_000
"""Samples that lie further apart belong to different runs: no line joins them."""

_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines as the `points` of polylines, in a box of `WIDTH` by `HEIGHT`; instants in milliseconds."""

    rates: Sequence[str]
    failures: Sequence[str]
    top: str
    middle: str
    since: int
    between: int
    until: int
    label: str
    """The same in words, for those who do not see it."""


@dataclass(frozen=True, slots=True)
class _Point:
    at: int
    rate: float
    failing: float


def chart(samples: Sequence[Sample]) -> Chart | None:
    """`None` while there are too few samples to draw a line."""
    stretches = [stretch for stretch in _stretches(samples) if len(stretch) > 1]
    if not stretches:
        return None
    every = [point for stretch in stretches for point in stretch]
    since, until = every[0].at, every[-1].at
    top = ceiling(max(max(point.rate, point.failing) for point in every))
    drawn = [_thinned(stretch, MOST_POINTS * len(stretch) // len(every) + 2) for stretch in stretches]
    return Chart(
        rates=[_line([(point.at, point.rate) for point in stretch], since, until, top) for stretch in drawn],
        failures=[_line([(point.at, point.failing) for point in stretch], since, until, top) for stretch in drawn],
        top=pace(top),
        middle=pace(top / 2),
        since=since,
        between=(since + until) // 2,
        until=until,
        label=_label(every, samples),
    )


def ceiling(value: float) -> float:
    """The next round figure, for the top of an axis: 1, 2, 2.5, 5 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 0.1
    while value < power:
        power /= 10
    return next(step * power for step in _STEPS if value <= step * power * 1.0001)


def _stretches(samples: Sequence[Sample]) -> list[list[_Point]]:
    found: list[list[_Point]] = []
    last: Sample | None = None
    for sample in samples:
        joined = last is not None and sample.at - last.at <= GAP_MS
        failing = 0.0
        if joined and last is not None and sample.at > last.at:
            failing = max(0, sample.failed - last.failed) / ((sample.at - last.at) / 1000)
        point = _Point(sample.at, sample.rate, failing)
        if joined:
            found[-1].append(point)
        else:
            found.append([point])
        last = sample
    return found


def _thinned(points: Sequence[_Point], most: int) -> Sequence[_Point]:
    """At most so many points, each the mean of its neighbours; the first and the last stay."""
    if len(points) <= most:
        return points
    size = -(-len(points) // most)
    means = [_mean(points[at : at + size]) for at in range(0, len(points), size)]
    return [points[0], *means[1:-1], points[-1]]


def _mean(points: Sequence[_Point]) -> _Point:
    count = len(points)
    rate = sum(point.rate for point in points) / count
    return _Point(points[count // 2].at, rate, sum(point.failing for point in points) / count)


def _line(points: Sequence[tuple[int, float]], since: int, until: int, top: float) -> str:
    width = max(1, until - since)
    return " ".join(
        f"{WIDTH * (at - since) / width:.1f},{HEIGHT - HEIGHT * min(value, top) / top:.1f}" for at, value in points
    )


def _label(points: Sequence[_Point], samples: Sequence[Sample]) -> str:
    rates = [point.rate for point in points]
    new = sum(max(0, after.failed - before.failed) for before, after in pairwise(samples))
    return f"Between {pace(min(rates))} and {pace(max(rates))} a second, at last {pace(rates[-1])}; {new:,} failures"
