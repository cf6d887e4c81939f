"""What a start would do with a key now: said before anybody starts, in the same words wherever it is asked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from retrograph.jobs.cursors import cursor_words
from retrograph.jobs.job import Job, Mode
from retrograph.jobs.resuming import retry_of
from retrograph.jobs.sentence import where
from retrograph.jobs.state import HELD, JobState
from retrograph.jobs.wording import counted, noun


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """For one key: where its cursor stands, and what each choice of the form comes to."""

    cursor: str
    modes: Mapping[str, str]
    """What a start does now, by mode."""
    retry_failed: str
    reset: str
    running: bool = False
    """A start would change nothing: it runs already."""
    needs_reset: bool = False
    """Only a start from the beginning is possible."""
    refused: str | None = None
    """Why no choice starts anything now."""


def outlook(job: Job | None, kind: str, *, grows: bool, rival: Job | None = None) -> Outlook:
    """`job` is what the key stands for now, if anything; `grows`: the kind's source may have new items. `rival` runs,
    and only one of its kind may."""
    if job is not None and job.kind != kind:
        return _of_another_kind(job)
    found = _outlook(job, kind, grows)
    if rival is None or (job is not None and rival.job_id == job.job_id):
        return found
    only = f"only one of kind {rival.kind} runs at a time"
    why = f"Job {rival.key} is running, and {only}: a start is refused while it does."
    return replace(found, refused=why)


def _outlook(job: Job | None, kind: str, grows: bool) -> Outlook:
    if job is None:
        return _unknown(kind)
    retry_failed, reset = _retry_failed(job), _reset(job)
    if job.state in HELD:
        same = "It is running: a start changes nothing, and says so."
        return Outlook(
            cursor=_cursor(job),
            modes=dict.fromkeys(("full", "cursor", "failed"), same),
            retry_failed=retry_failed,
            reset="It is running: stop it first.",
            running=True,
        )
    if job.state is JobState.CANCELED:
        same = "It was cancelled: it only starts anew, with Reset cursor."
        modes = dict.fromkeys(("full", "cursor", "failed"), same)
        return Outlook(cursor=_cursor(job), modes=modes, retry_failed=retry_failed, reset=reset, needs_reset=True)
    modes = {"full": _full(job, grows), "cursor": _onwards(job, grows), "failed": _failed(job)}
    return Outlook(cursor=_cursor(job), modes=modes, retry_failed=retry_failed, reset=reset)


def _of_another_kind(job: Job) -> Outlook:
    same = f"It is of kind {job.kind}: give another key."
    return Outlook(
        cursor=_cursor(job),
        modes=dict.fromkeys(("full", "cursor", "failed"), same),
        retry_failed=same,
        reset=same,
        refused=f"This key stands for a job of kind {job.kind}.",
    )


def _unknown(kind: str) -> Outlook:
    begin = f"Begins with the first of the {noun(kind)}."
    nothing = f"Makes the job and stops before the first of the {noun(kind)}: nothing has failed yet."
    return Outlook(
        cursor="There is no job of this key yet: a start makes it.",
        modes={"full": begin, "cursor": begin, "failed": nothing},
        retry_failed="There are no failures yet.",
        reset="There is nothing to reset.",
    )


def _cursor(job: Job) -> str:
    if job.cursor is None:
        return f"The cursor stands at the beginning, before the first of {_total(job)}."
    end = ", at the end" if job.complete else ""
    return f"The cursor is {cursor_words(job) or job.cursor}{end}: {where(job)} are scanned."


def _total(job: Job) -> str:
    return noun(job.kind) if job.total is None else counted(job.kind, job.total)


def _left(job: Job) -> str:
    if job.total is None:
        return f"the {noun(job.kind)} after the cursor"
    return counted(job.kind, max(0, job.total - job.counts.scanned))


def _failures(job: Job) -> str:
    return f"{counted(job.kind, job.counts.failed)} that failed"


def _retries(job: Job, mode: Mode) -> bool:
    return job.retry is not None or retry_of(job, replace(job.parameters, mode=mode)) is not None


def _full(job: Job, grows: bool) -> str:
    if job.complete and not grows and not job.counts.failed:
        return "Nothing is left to do: it is complete. Reset cursor loads it again."
    if job.complete:
        fresh = f"the {noun(job.kind)} that are new since the last run"
        if not job.counts.failed:
            return f"Walks {fresh}."
        again = f"Retries the {_failures(job)}"
        return f"{again}, then walks {fresh}." if grows else f"{again}; nothing else is left."
    first = f"Retries the {_failures(job)} first, then goes on" if _retries(job, "full") else "Goes on"
    return f"{first} from the cursor: {_left(job)} left."


def _onwards(job: Job, grows: bool) -> str:
    kept = f", and leaves the {_failures(job)} alone" if job.counts.failed else ""
    if job.complete:
        if not grows:
            return "Nothing is left to do after the cursor: it is complete."
        return f"Walks the {noun(job.kind)} that are new since the last run{kept}."
    return f"Goes on from the cursor: {_left(job)} left{kept}."


def _failed(job: Job) -> str:
    if not job.counts.failed:
        return "There are no failures to retry: choose another mode."
    then = "" if job.complete else ", then stops: the cursor stays where it is"
    return f"Retries the {_failures(job)}{then}."


def _retry_failed(job: Job) -> str:
    if not job.counts.failed:
        return "No failures are recorded."
    return f"{counted(job.kind, job.counts.failed).capitalize()} failed, and would be tried again before the walk."


def _reset(job: Job) -> str:
    forgotten = f"Starts over before the first of the {noun(job.kind)}, looked up anew; "
    counts = f"the counts of {where(job)} begin at zero. " if job.counts.scanned else "the counts begin at zero. "
    return f"{forgotten}{counts}What was written stays written, and the log goes on."
