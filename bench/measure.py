"""Two ways of doing one piece of work, side by side: interleaved, so that whatever slows the machine slows both.

A row of the table is one such pair with what is compared. Each side runs once to warm up; then come the pairs, and
which side goes first alternates. A side prepares what it needs, times only the work (`Stopwatch`), and looks afterwards
whether the work was done.
"""

import gc
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final

PAIRS: Final = 5
"""Pairs of a row unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One side, done once: `amount` of the row's unit in `seconds`, with `cpu` seconds of this process in it.

    `counts`: whatever else a row tells of a side (transactions retried, deadlocks, megabytes).
    """

    seconds: float
    cpu: float
    amount: int
    counts: Mapping[str, float] = field(default_factory=dict)

    @property
    def speed(self) -> float:
        """Units a second."""
        return self.amount / self.seconds


class Stopwatch:
    """Times the blocks it surrounds, and adds them up."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """What was prepared is no part of the work: the collector shall not look through it meanwhile."""
        gc.collect()
        gc.freeze()
        began, used = time.perf_counter(), process_seconds()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began
            self.cpu += process_seconds() - used
            gc.unfreeze()

    def lap(self, amount: int, **counts: float) -> Lap:
        """What was timed so far, for so much work."""
        return Lap(seconds=self.seconds, cpu=self.cpu, amount=amount, counts=counts)


def process_seconds() -> float:
    """CPU of this process, all its threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


Side = Callable[[], Awaitable[Lap]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What a row compares, ready to run any number of times."""

    ours: Side
    reference: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pairs` of a row; `tiny`: a few users only, to see that the benchmark itself works; `heap` of the server.

    `users`: so many of the sample's users in the rows about loads into Neo4j, the first in order of id; all unless told
    otherwise.
    """

    pairs: int = PAIRS
    tiny: bool = False
    heap: str = "1g"
    users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the figure shall be: at least, or at most, so much."""

    bound: float
    at_most: bool = False
    unit: str = "×"

    def met(self, figure: float) -> bool:
        return figure <= self.bound if self.at_most else figure >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}{self.unit}"


def speed_ratio(ours: Lap, reference: Lap) -> float:
    """How many times as fast as the reference: the figure of most rows."""
    return ours.speed / reference.speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table. `figure` makes the one number that is judged out of the two laps of a pair."""

    name: str
    work: str
    reference: str
    goal: Goal | None
    unit: str
    sides: Callable[[Options], AbstractAsyncContextManager[Sides]]
    figure: Callable[[Lap, Lap], float] = speed_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All pairs of a row."""

    row: Row
    ours: list[Lap]
    reference: list[Lap]

    @property
    def figures(self) -> list[float]:
        return [self.row.figure(ours, reference) for ours, reference in zip(self.ours, self.reference, strict=True)]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)


async def run(row: Row, options: Options, tell: Callable[[str], None]) -> Result:
    """Warms both sides up, then runs the pairs."""
    ours: list[Lap] = []
    reference: list[Lap] = []
    async with row.sides(options) as sides:
        await sides.reference()
        await sides.ours()
        for number in range(options.pairs):
            for first in (number % 2 == 0, number % 2 == 1):
                (ours if first else reference).append(await (sides.ours if first else sides.reference)())
            tell(f"{row.name} {number + 1}/{options.pairs}: {row.figure(ours[-1], reference[-1]):.2f}{_unit(row)}")
    return Result(row=row, ours=ours, reference=reference)


def _unit(row: Row) -> str:
    return row.goal.unit if row.goal else "×"
