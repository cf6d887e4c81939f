"""What a job's items brought, in words: figures that loads count by name, and the sentence where there was nothing.

A figure that is not known here is shown under its own name: a new kind of job needs no entry.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from retrograph.clock import iso
from retrograph.jobs.job import Job
from retrograph.jobs.wording import counted

PURCHASES: Final = "purchases"
RETRACTIONS: Final = "retractions"
IDENTIFIERS: Final = "identifiers"
EVENTS: Final = "events"
WRITTEN: Final = "edges-written"
"""Edges that loads made, changed or took away: none in a replay. What a process wrote just before it died is not in
it, because whoever does that item again finds it there."""
NO_HISTORY: Final = "users-without-history"
NO_IDENTIFIERS: Final = "users-without-identifiers"

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    PURCHASES: ("purchase", "purchases"),
    RETRACTIONS: ("retraction", "retractions"),
    IDENTIFIERS: ("identifier", "identifiers"),
    EVENTS: ("event joined", "events joined"),
}
_NOTHING: Final = frozenset({NO_HISTORY, NO_IDENTIFIERS})


class Finding(NamedTuple):
    """A line about what a job found: its name, and what there is to say."""

    name: str
    text: str


def findings(job: Job) -> list[Finding]:
    """What was found, what of it was written, and whom nobody knew; empty where nothing is counted yet."""
    found = job.counts.found
    lines: list[Finding] = []
    brought = [_worded(name, count) for name, count in found.items() if name != WRITTEN and name not in _NOTHING]
    if brought:
        lines.append(Finding("Found", ", ".join(brought)))
    if WRITTEN in found and any(count for name, count in found.items() if name not in _NOTHING):
        lines.append(Finding("Written", _edges(found[WRITTEN])))
    if found.get(NO_HISTORY):
        lines.append(Finding("Unknown", f"{counted(job.kind, found[NO_HISTORY])} of whom no service knew anything"))
    if found.get(NO_IDENTIFIERS):
        lines.append(Finding("Unnamed", f"{counted(job.kind, found[NO_IDENTIFIERS])} without any identifier"))
    return lines


def nothing_found(job: Job) -> str | None:
    """A sentence where a job has processed items and none of them brought anything; `None` otherwise."""
    counts = job.counts
    if not counts.processed or any(count for name, count in counts.found.items() if name not in _NOTHING):
        return None
    many = counted(job.kind, counts.processed)
    who = f"this {many.partition(' ')[2]}" if counts.processed == 1 else f"any of these {many}"
    if counts.found.get(NO_HISTORY, 0) >= counts.processed:
        return f"No service knew {who} in {_window(job)}: check the ids, and the end of the window (as_of)."
    if PURCHASES in counts.found:
        return f"Nothing that {who} bought lies in {_window(job)}: check the end of the window (as_of)."
    if IDENTIFIERS in counts.found:
        return f"The table gave no identifier that counts for {who}: check the mapping of its columns."
    if EVENTS in counts.found:
        return f"No event of {who} was joined: what they hold is left out by reason, or not for this graph's users."
    return None


def _window(job: Job) -> str:
    days, end = job.spec.lookback_days, iso(job.spec.as_of).replace("T00:00:00.000Z", "")
    return f"the {'day' if days == 1 else f'{days:,} days'} before {end}"


def _worded(name: str, count: int) -> str:
    one, many = _WORDS.get(name, (name, name))
    return f"{count:,} {one if count == 1 else many}"


def _edges(count: int) -> str:
    if not count:
        return "nothing: the graph held all of it already"
    return f"{count:,} {'edge' if count == 1 else 'edges'} made or changed"
