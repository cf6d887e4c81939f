"""The objects of a job over event files, as its page shows them: discovery, processing, and each object. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from retrograph.jobs.job import Job
from retrograph.jobs.objects import Entry, ObjectQuery, ObjectState, Totals
from retrograph.jobs.progress import eta_seconds
from retrograph.jobs.state import HELD
from retrograph.web.console import job_page
from retrograph.web.console.formatting import duration, number
from retrograph.web.console.job_page import Fact
from retrograph.web.console.states import Badge

PER_PAGE: Final = 100
_NAMES: Final[Mapping[str, str]] = {
    "uri": "Where",
    "pattern": "Pattern",
    "events": "Events",
    "credentials": "Credentials",
    "role_arn": "Role",
    "gate": "Gate",
    "since": "Modified since",
    "until": "Modified before",
}


_BADGES: Final[Mapping[ObjectState, Badge]] = {
    ObjectState.PENDING: Badge(shape="ring", word="Pending", tone="still", meaning="Found, not read to its end yet"),
    ObjectState.INGESTED: Badge(shape="check", word="Ingested", tone="done", meaning="Its events are in the graph"),
    ObjectState.UNCHANGED: Badge(
        shape="square", word="Unchanged", tone="still", meaning="An earlier job has ingested the very same content"
    ),
    ObjectState.FAILED: Badge(shape="cross", word="Failed", tone="failed", meaning="It failed alone; a retry reads it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """An earlier job over the same files, and what that means for this one."""

    key: str
    href: str
    text: str


def same_as(job: Job, totals: Totals | None, told: str | None) -> Same | None:
    """What whoever submits the same again is told; `told` is what discovery found to be unchanged, in words."""
    key = job.spec.source.get("same_as")
    if not isinstance(key, str):
        return None
    return Same(key=key, href=f"/jobs/{quote(key)}", text=_unchanged_words(job, totals, told))


def _unchanged_words(job: Job, totals: Totals | None, told: str | None) -> str:
    if told is None and totals is not None and totals.unchanged:
        told = f"{totals.unchanged:,} of its {totals.objects:,} objects are unchanged"
    if told is not None:
        then = "They are read again, as asked." if job.spec.source.get("again") else "They are passed over."
        return f"{told}. {then}"
    listed = job.phase == "processing" or job.complete
    return (
        "none of its objects is unchanged." if listed else "what is unchanged is counted when its objects are listed."
    )


def discovery(job: Job, totals: Totals) -> Sequence[Fact]:
    """What was found, and where, under the labels that operators know."""
    source = job.spec.source
    return [
        Fact(name="Objects discovered", text=number(totals.objects)),
        Fact(name="Total size (bytes)", text=number(totals.size)),
        *(Fact(name=label, text=str(source[name]), code=True) for name, label in _NAMES.items() if name in source),
        Fact(name="Created at", at=totals.created_at),
        Fact(name="Last updated at", at=totals.discovered_at),
    ]


def processing(job: Job, totals: Totals) -> Sequence[Fact]:
    """How far it is. A job that was cancelled before it read anything shows no dates."""
    facts = [
        Fact(name="Objects processed", text=number(totals.processed), note=_unchanged(totals)),
        Fact(name="Objects failed", text=number(totals.failed)),
        Fact(name="Events ingested", text=number(totals.events)),
        Fact(name="Events skipped", text=number(totals.skipped), note=_gated(totals)),
        Fact(name="Events undecodable", text=number(totals.undecodable)),
        Fact(name="Processed size (bytes)", text=f"{number(totals.read)} of {number(totals.size)}"),
    ]
    if (pace := _bytes_per_second(job, totals)) is not None:
        facts.append(Fact(name="Bytes a second", text=number(int(pace)), note=_left(job, totals, pace)))
    if totals.started_at is not None:
        facts.append(Fact(name="Started at", at=totals.started_at))
        facts.append(Fact(name="Last updated at", at=totals.updated_at))
    return facts


def _unchanged(totals: Totals) -> str:
    return f"{totals.unchanged:,} unchanged" if totals.unchanged else ""


def _gated(totals: Totals) -> str:
    return f"{totals.gated:,} by the gate" if totals.gated else ""


def _bytes_per_second(job: Job, totals: Totals) -> float | None:
    """Over all runs: what was read in the time that they took."""
    return totals.read * 1000 / job.elapsed_ms if job.elapsed_ms >= 1000 and totals.read else None


def _left(job: Job, totals: Totals, pace: float) -> str:
    seconds = eta_seconds(totals.read, totals.size, pace) if job.state in HELD else None
    return "" if seconds is None else f"about {duration(seconds)} left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object. `retry` is the dialog that reads it again; `None` where it did not fail, or while the job runs."""

    entry: Entry
    badge: Badge
    retry: str | None


def rows(job: Job, entries: Sequence[Entry]) -> Sequence[Row]:
    """The objects of one page."""
    return [Row(entry=entry, badge=_BADGES[entry.state], retry=_retry(job, entry)) for entry in entries]


def _retry(job: Job, entry: Entry) -> str | None:
    return job_page.retry(job, "Objects", item=entry.key) if entry.state is ObjectState.FAILED else None


def chips(job: Job, query: ObjectQuery, totals: Totals) -> Sequence[Mapping[str, Any]]:
    """The states to choose from, and how many objects each has."""
    ended = {"ingested": totals.processed, "failed": totals.failed, "unchanged": totals.unchanged}
    counts = {"pending": totals.objects - sum(ended.values()), **ended}
    here = job_page.address(job, "Objects")
    every = {"text": "All", "count": totals.objects, "href": f"{here}?{_words(query, None)}"}
    return [
        {**every, "current": query.state is None},
        *(
            {
                "text": name.capitalize(),
                "count": count,
                "href": f"{here}?{_words(query, name)}",
                "current": query.state is not None and query.state.value == name,
            }
            for name, count in counts.items()
        ),
    ]


def following(query: ObjectQuery, after: int) -> str:
    """The query of the next page."""
    return _words(query, None if query.state is None else query.state.value) + f"&after={after}"


def _words(query: ObjectQuery, state: str | None) -> str:
    return urlencode({name: value for name, value in (("state", state), ("q", query.search)) if value})
