"""What happened while a chart was drawn: pauses, stops, retries, changes of the pace; out of the job's log. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from retrograph.jobs.job import LogEvent, Run
from retrograph.jobs.slowing import RECOVERED, SLOWED
from retrograph.jobs.wording import pace, span
from retrograph.web.console.chart import WIDTH
from retrograph.web.console.formatting import capitalised

MOST_MARKS: Final = 12
"""The latest; more would be neither told apart nor read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened: where it stands in the chart (0 to `WIDTH`), when (milliseconds), and in words."""

    x: str
    at: int
    text: str
    tone: str = ""


def marks(log: Sequence[LogEvent], runs: Sequence[Run], since: int, until: int) -> Sequence[Mark]:
    """Those between two instants, the earliest first."""
    found = [*_of_log(sorted(log, key=lambda event: event.number)), *_of_runs(sorted(runs, key=lambda run: run.number))]
    within = sorted((at, text, tone) for at, text, tone in found if since <= at <= until)
    width = max(1, until - since)
    return [
        Mark(x=f"{WIDTH * (at - since) / width:.1f}", at=at, text=text, tone=tone)
        for at, text, tone in within[-MOST_MARKS:]
    ]


_Told = tuple[int, str, str]


def _of_log(log: Sequence[LogEvent]) -> list[_Told]:
    found: list[_Told] = []
    for place, event in enumerate(log):
        if event.what == SLOWED:
            found.append((event.at, _slowed(event, log[place + 1 :]), "warn"))
        elif (said := _WORDS.get(event.what)) is not None:
            found.append((event.at, *said(event)))
    return found


def _slowed(event: LogEvent, later: Sequence[LogEvent]) -> str:
    """With how long it lasted, where that is over: until the pace was full again, or the run ended."""
    end = next((other.at for other in later if other.what == RECOVERED or other.target is not None), None)
    lasted = "" if end is None else f", for {span((end - event.at) / 1000)}"
    return capitalised(event.why or "slowed") + lasted


def _because(word: str, tone: str = "") -> Callable[[LogEvent], tuple[str, str]]:
    return lambda event: (f"{word}: {event.why}" if event.why else word, tone)


def _resumed(event: LogEvent) -> tuple[str, str]:
    return ("Failures retried" if event.why == "retry of failures" else f"Resumed by {event.who}", "")


_WORDS: Final[Mapping[str, Callable[[LogEvent], tuple[str, str]]]] = {
    "paused": _because("Paused", "warn"),
    "lease ran out": _because("Its process died", "warn"),
    "stop asked": lambda event: (f"{event.who} asked it to stop", ""),
    "stopped": _because("Stopped"),
    "failed": _because("Failed", "bad"),
    "resumed": _resumed,
}


def _of_runs(runs: Sequence[Run]) -> list[_Told]:
    """Where a run began with another rate limit than the one before."""
    found: list[_Told] = []
    for before, after in pairwise(runs):
        limits = [run.parameters.get("rate_limit") for run in (before, after)]
        if limits[0] != limits[1]:
            words = [pace(limit) if isinstance(limit, int | float) else "none" for limit in limits]
            found.append((after.started_at, f"Rate limit changed from {words[0]} to {words[1]}", ""))
    return found
