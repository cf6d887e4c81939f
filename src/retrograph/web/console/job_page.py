"""What a job's page shows, as values: actions, facts, failures in groups. Pure; the template only lays out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import quote, urlencode

from retrograph.clock import from_millis
from retrograph.jobs.definitions import DEFINITIONS, Definition
from retrograph.jobs.findings import findings
from retrograph.jobs.job import Job, Run
from retrograph.jobs.queries import FailureGroup, FailureSummary
from retrograph.jobs.state import HELD, JobState
from retrograph.jobs.travel import depth_words, present_depth, travel_words
from retrograph.jobs.wording import noun
from retrograph.web.console.formatting import day, duration, number, plural, rate
from retrograph.web.console.offers import offers, why_not
from retrograph.web.console.start_kinds import KINDS

TABS: Final = ("Overview", "Objects", "Failures", "Spec", "Runs", "Log")

_ORDER: Final = ("retry", "stop", "archive", "cancel")

_ERRORS: Final[Mapping[str, str]] = {
    "ServiceFailed": "A service went on failing after every try",
    "MalformedAnswer": "A service answered with a document of the wrong shape",
    "WriteFailed": "The graph refused what was to be written",
    "UndecodableEvent": "An event was not what its contract says",
    "ObjectFailed": "An object could not be read, or is not what it says",
    "ItemError": "The user failed",
    "DeadLetter": "A message was received too often without an outcome",
    "Expired": "No worker took it in time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button of the page. `dialog`: it opens a dialog that says what will happen."""

    text: str
    href: str
    tone: str = ""
    dialog: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of a panel; `at` is an instant that follows the text, in milliseconds."""

    name: str
    text: str = ""
    note: str = ""
    code: bool = False
    at: int | None = None


def address(job: Job, tab: str = "Overview") -> str:
    """Where a tab of a job's page is."""
    return f"/jobs/{quote(job.job_id)}" + ("" if tab == "Overview" else f"/{tab.lower()}")


def tabs(job: Job) -> Sequence[tuple[str, str, int | None, str]]:
    """Name, address, a count, and how it is meant."""
    failed = job.counts.failed or None
    shown = [tab for tab in TABS if tab != "Objects" or job.kind == "events"]
    return [(tab, address(job, tab), failed if tab == "Failures" else None, "bad") for tab in shown]


def ask(verb: str, job: Job, **values: str) -> str:
    """Where a verb's dialog is."""
    return f"/actions/{verb}?" + urlencode({"job": job.job_id, "back": address(job), **values})


def actions(job: Job) -> Sequence[Action]:
    """What can be done about a job as it is, the most likely first."""
    return list(_actions(job))


def _actions(job: Job) -> Iterator[Action]:
    if job.spec.dry_run and job.state is JobState.SUCCEEDED and job.kind in KINDS:
        yield Action(text="Run for real…", href=again(job), tone="primary", dialog=False)
    elif job.state not in HELD and job.state is not JobState.SUCCEEDED and job.kind in KINDS:
        yield Action(text="Start again…", href=again(job), dialog=False)
    for offer in sorted(offers(job), key=lambda offer: _ORDER.index(offer.verb)):
        if not offer.why_not:
            yield Action(text=offer.label, href=ask(offer.verb, job), tone="danger" if offer.danger else "")


def again(job: Job) -> str:
    """The start form, filled in with this job: a dry run's users go into a real one."""
    return f"/start/{quote(job.kind)}?" + urlencode({"like": job.job_id})


def source_text(job: Job) -> tuple[str, bool]:
    """Where the items come from, and whether that is code."""
    source = job.spec.source
    for name in ("file", "object", "upload", "table"):
        if source.get(name):
            return str(source[name]), True
    if "graph" in source:
        return f"the {noun(job.kind)} that the graph holds", False
    if "inline" in source:
        return "ids given one by one", False
    return ", ".join(f"{name} {value}" for name, value in source.items()) or "–", False


def discovery(job: Job) -> Sequence[Fact]:
    """What was found to walk over."""
    words, code = source_text(job)
    facts = [Fact(name=f"{noun(job.kind).capitalize()} found", text=_found(job), note=_read(job))]
    facts.append(Fact(name="Source", text=words, code=code))
    if job.spec.bound is not None:
        facts.append(Fact(name="Up to", text=job.spec.bound, code=True))
    else:
        facts.append(Fact(name="Window", text=f"{plural(job.spec.lookback_days, 'day')} before {window(job)}"))
    identifiers = job.spec.source.get("identifiers")
    if isinstance(identifiers, Mapping) and identifiers:
        facts.append(Fact(name="Identifiers", text=", ".join(map(str, identifiers))))
    return [*facts, Fact(name="Created", note=f"by {job.created_by}", at=job.created_at)]


def _found(job: Job) -> str:
    if job.total is None:
        return "being counted" if job.state in HELD else "–"
    estimated = job.spec.bound is not None and not job.complete
    return f"{'≈ ' if estimated else ''}{number(job.total)}"


def _read(job: Job) -> str:
    """How the list was read: `(75,214 lines, 198 repeated, 16 blank)`."""
    counts = [(name, job.spec.source.get(name)) for name in ("lines", "repeated", "blank")]
    listed = ", ".join(f"{value:,} {name}" for name, value in counts if isinstance(value, int) and value)
    return f"({listed})" if listed else ""


def processing(job: Job, run: Run | None) -> Sequence[Fact]:
    """How it goes, or went."""
    counts, limit = job.counts, job.parameters.rate_limit
    facts = [Fact(name="Processed", text=number(counts.processed), note=_by_reason("skipped", counts.skipped_by))]
    facts += [Fact(name=finding.name, text=finding.text) for finding in findings(job)]
    if counts.refused:
        left_out = plural(sum(counts.refused.values()), "fact")
        facts.append(Fact(name="Left out", text=left_out, note=_by_reason("", counts.refused)))
    facts += list(_travel(job))
    pace = f"{rate(job.rate)} now, " if job.state in HELD and job.rate is not None else ""
    bound = "no rate limit" if limit is None else f"at most {rate(limit)}"
    facts.append(Fact(name="Pace", text=f"{pace}{bound}", note=f"{job.parameters.concurrency} at a time"))
    facts.append(Fact(name="Retried calls", text=_retried(job)[0], note=_retried(job)[1]))
    if run is not None:
        which = f"run {run.number:,} of this job"
        facts.append(Fact(name="Run began", note=which, at=run.started_at))
    facts.append(Fact(name="Time in runs", text=duration(job.elapsed_ms / 1000)))
    return [*facts, Fact(name="Last updated", at=job.updated_at)]


def _travel(job: Job) -> Iterator[Fact]:
    """What lies in the queue, where the users are loaded by workers."""
    if (sent := travel_words(job)) is not None:
        yield Fact(name="Sent to workers", text=sent)
    depth = present_depth(job)
    if depth is not None and (words := depth_words(depth)) is not None:
        yield Fact(name="Queue", text=words, at=depth.at)


def _by_reason(word: str, counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f"{word} {listed}".strip() if listed else ""


def _retried(job: Job) -> tuple[str, str]:
    """How many calls of the last run were tried again, and why."""
    if job.pressure is None or not job.pressure.retried:
        return "0", ""
    kinds: dict[str, int] = {}
    for counts in job.pressure.retried.values():
        for kind, count in counts.items():
            kinds[kind] = kinds.get(kind, 0) + count
    listed = ", ".join(f"{kind}: {count:,}" for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]))
    return number(sum(kinds.values())), f"({listed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Failures of one cause."""

    error_class: str
    cause: str
    title: str
    kind: str
    """What sort of error it is, in words."""
    count: int
    first_at: int
    last_at: int
    item: str
    message: str
    href: str
    """Those failures, one by one."""
    retry: str | None
    """The dialog that retries them; `None` while the job runs."""


def groups(job: Job, summary: FailureSummary) -> Sequence[Group]:
    """The failures by error, the most frequent first."""
    return [
        Group(
            error_class=found.error_class,
            cause=found.cause,
            title=found.cause or _ERRORS.get(found.error_class, found.error_class),
            kind=_ERRORS.get(found.error_class, found.error_class) if found.cause else "",
            count=found.count,
            first_at=found.first_at,
            last_at=found.last_at,
            item=found.item,
            message=found.message,
            href=f"{address(job, 'Failures')}?" + urlencode(_means(found)),
            retry=retry(job, **_means(found)),
        )
        for found in summary.groups
    ]


def _means(found: FailureGroup) -> dict[str, str]:
    """How an address names a group; failures that were recorded without a cause are those of their class."""
    return {"error_class": found.error_class, **({"cause": found.cause} if found.cause else {})}


def chosen(error_class: str, cause: str | None) -> str:
    """The part of an address that keeps a list to one class or cause; it begins with `&`, or is empty."""
    given = {"error_class": error_class or None, "cause": cause}
    kept = urlencode({name: value for name, value in given.items() if value is not None})
    return f"&{kept}" if kept else ""


def retry(job: Job, tab: str = "Failures", **values: str) -> str | None:
    """The dialog that retries some failures and comes back to that tab; `None` while the job runs."""
    if why_not("retry", job):
        return None
    return ask("retry", job, **{**values, "back": address(job, tab)})


def holder(job: Job, now: int) -> str:
    """`lease worker-a, 13 s`."""
    if job.holder is None or job.lease_until is None:
        return ""
    left = max(0, job.lease_until - now) // 1000
    return f"lease {job.holder.split(':')[0]}, {left} s"


def parameters(job: Job) -> Sequence[tuple[Definition, str]]:
    """What its runs work with, in the order in which people decide about it."""
    values = asdict(job.parameters)
    return [(known, _text(values[name])) for name, known in DEFINITIONS.items() if name in values]


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)


def window(job: Job) -> str:
    """The end of the window: it means an instant of UTC, wherever it is read."""
    instant = from_millis(job.spec.as_of)
    return f"{day(instant)}, {instant:%H:%M} UTC"
