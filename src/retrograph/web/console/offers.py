"""What can be done to a job in its state, and the question that is asked before it is done: what will happen, and what
stays. Pure; the verbs themselves are the service's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from retrograph.errors import NotFound
from retrograph.jobs.job import Job
from retrograph.jobs.state import HELD, RESUMABLE, JobState, may
from retrograph.web.console.formatting import plural

Verb: TypeAlias = Literal["stop", "cancel", "retry", "archive"]
VERBS: Final[tuple[Verb, ...]] = ("stop", "cancel", "retry", "archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One entry of a job's menu. `why_not` says why it is not possible now; empty: it is."""

    verb: Verb
    label: str
    why_not: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before it is done to these jobs."""

    verb: Verb
    title: str
    happens: Sequence[str]
    stays: Sequence[str]
    button: str
    danger: bool
    jobs: Sequence[Job]
    """Those that it will be done to."""
    left_out: Sequence[tuple[Job, str]]
    """Those that it cannot be done to, each with why."""


def verb_of(word: str) -> Verb:
    """Raises NotFound for a word that is no verb."""
    if word not in VERBS:
        raise NotFound(f"there is no action {word[:40]!r}")
    return word


def offers(job: Job) -> Sequence[Offer]:
    """The menu of a job; an ellipsis says that a question follows."""
    failed = f"Retry {plural(job.counts.failed, 'failure')}…" if job.counts.failed else "Retry failures…"
    labels: Mapping[Verb, str] = {"stop": "Stop…", "cancel": "Cancel job…", "retry": failed, "archive": "Archive…"}
    return [Offer(verb=verb, label=labels[verb], why_not=why_not(verb, job), danger=verb == "cancel") for verb in VERBS]


def why_not(verb: Verb, job: Job) -> str:
    """Why that cannot be done to the job as it is; empty where it can."""
    return _HINDRANCES[verb](job)


def _no_stop(job: Job) -> str:
    if job.state is JobState.STOPPING:
        return "it is stopping already"
    possible = may(job.state, JobState.STOPPING) or may(job.state, JobState.STOPPED)
    return "" if possible else f"it is {job.state}: there is nothing to stop"


def _no_cancel(job: Job) -> str:
    if job.state is JobState.CANCELING:
        return "it is being cancelled already"
    possible = may(job.state, JobState.CANCELING) or may(job.state, JobState.CANCELED)
    return "" if possible else f"it is {job.state}: there is nothing to cancel"


def _no_retry(job: Job) -> str:
    if not job.counts.failed:
        return "it has no failures"
    if job.state in HELD:
        return f"it is {job.state}: its failures can be retried when it rests"
    return "it is cancelled: it only starts anew, from the beginning" if job.state is JobState.CANCELED else ""


def _no_archive(job: Job) -> str:
    if job.archived_at is not None:
        return "it is archived already"
    return f"it is {job.state}: stop or cancel it first" if job.state in HELD else ""


_HINDRANCES: Final[Mapping[Verb, Callable[[Job], str]]] = {
    "stop": _no_stop,
    "cancel": _no_cancel,
    "retry": _no_retry,
    "archive": _no_archive,
}


def question(verb: Verb, jobs: Sequence[Job], *, failures: int | None = None) -> Question:
    """What to ask about these jobs. `failures` is how many a retry means; `None`: all that are open."""
    possible = [job for job in jobs if not why_not(verb, job)]
    count = failures if failures is not None else sum(job.counts.failed for job in possible)
    one = possible[0].key if len(possible) == 1 else plural(len(possible), "job")
    title, button = {
        "stop": (f"Stop {one}?", _button("Stop", possible)),
        "cancel": (f"Cancel {one}?", "Cancel job" if len(possible) == 1 else _button("Cancel", possible)),
        "retry": (f"Retry {plural(count, 'failure')} of {one}?", f"Retry {count:,}"),
        "archive": (f"Archive {one}?", _button("Archive", possible)),
    }[verb]
    return Question(
        verb=verb,
        title=title,
        happens=_HAPPENS[verb](possible),
        stays=_STAYS[verb],
        button=button,
        danger=verb == "cancel",
        jobs=possible,
        left_out=[(job, why_not(verb, job)) for job in jobs if job not in possible],
    )


def _button(verb: str, jobs: Sequence[Job]) -> str:
    return verb if len(jobs) == 1 else f"{verb} {plural(len(jobs), 'job')}"


def _stops(jobs: Sequence[Job]) -> Sequence[str]:
    said = []
    if any(job.state in HELD for job in jobs):
        most = max(job.parameters.concurrency for job in jobs if job.state in HELD)
        said.append(
            "Its process hears of it within seconds. Then no more items begin, and those under way "
            f"(at most {most}) are ended first. Until then it shows stopping."
        )
    if any(job.state in RESUMABLE for job in jobs):
        said.append("What rests now is stopped at once, and is no longer resumed by itself.")
    return said


def _cancels(jobs: Sequence[Job]) -> Sequence[str]:
    said = ["It ends for good: it cannot be resumed. Its key can only be started anew, from the beginning."]
    if any(job.state in HELD for job in jobs):
        said.append("Items under way are ended first. Until then it shows canceling.")
    return said


def _retries(jobs: Sequence[Job]) -> Sequence[str]:
    said = ["Each failed item is tried again now, at the job's own pace. What succeeds moves from failed to processed."]
    if any(not job.complete for job in jobs):
        said.append("Then it stops: the walk does not go on from the cursor.")
    return said


def _archives(jobs: Sequence[Job]) -> Sequence[str]:
    said = ["It leaves the list and the counts."]
    if any(job.state in RESUMABLE for job in jobs):
        said.append("What is paused or interrupted is no longer resumed by itself.")
    return said


_HAPPENS: Final[Mapping[Verb, Callable[[Sequence[Job]], Sequence[str]]]] = {
    "stop": _stops,
    "cancel": _cancels,
    "retry": _retries,
    "archive": _archives,
}
_STAYS: Final[Mapping[Verb, Sequence[str]]] = {
    "stop": ("Its cursor: the same key goes on from there.", "What was written stays written."),
    "cancel": ("What was written stays written.", "Its failures, its runs and its log are kept."),
    "retry": ("The cursor stays where it is.", "What was written stays written."),
    "archive": ("Its history, its failures and its log: find it under Archived.", "What was written stays written."),
}
