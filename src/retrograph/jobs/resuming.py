"""What it means to start a key that may exist: which work it stands for, what is left to do, in which words. Pure."""

from retrograph.errors import OtherWork
from retrograph.jobs.claiming import RUNNING, Refusal
from retrograph.jobs.job import Job, Parameters
from retrograph.jobs.keys import derived_key, dry_key
from retrograph.jobs.kind import Kind, Resolved
from retrograph.jobs.parameters import Asked
from retrograph.jobs.progress import forecast
from retrograph.jobs.requests import StartAnswer
from retrograph.jobs.state import JobState, NotPossible, PauseReason
from retrograph.jobs.store import Selection


def key_of(kind: Kind, asked: Asked, resolved: Resolved) -> str:
    """The key of a start that names none: the same work has the same key."""
    key = derived_key(
        kind.name, resolved.digest, as_of=asked.as_of, lookback_days=asked.lookback_days, fixed=kind.fixed_key
    )
    return dry_key(key) if asked.dry_run else key


def check_same(job: Job, kind: Kind, asked: Asked, resolved: Resolved) -> None:
    """Raises OtherWork where the key stands for other work: its cursor would mean something else."""
    others = {
        "kind": job.kind != kind.name,
        "source": job.spec.digest != resolved.digest,
        "as_of": asked.as_of is not None and asked.as_of != job.spec.as_of,
        "lookback_days": asked.lookback_days is not None and asked.lookback_days != job.spec.lookback_days,
    }
    different = [name for name, differs in others.items() if differs]
    if different:
        what = " and ".join(different)
        raise OtherWork(f"job {job.key} exists with another {what}: give another key, or start over with reset_cursor")


def nothing_to_do(job: Job, wanted: Parameters, bound: str | None, asked: Asked) -> StartAnswer | None:
    """The answer to a start of a job that is complete; `None` where something is left."""
    if wanted.mode == "failed":
        if not job.counts.failed and job.epoch:
            raise NotPossible(f"job {job.key} has no unresolved failures")
        return None
    if not job.complete or job.state is not JobState.SUCCEEDED or bound not in (None, job.spec.bound):
        return None
    if job.counts.failed and wanted.mode == "full":
        return None
    message = f"job {job.key} is complete: load it again with reset_cursor (--reset-cursor)"
    return StartAnswer(started=False, running=False, reason="complete", message=message, job=job, clamped=asked.clamped)


def retry_of(job: Job, wanted: Parameters) -> Selection | None:
    """The pass over failures that a run begins with; an unfinished one goes on with its own cursor."""
    if not job.counts.failed or job.retry is not None or wanted.mode == "cursor":
        return None
    if wanted.mode == "failed":
        return Selection()
    if job.finishing or (job.state is JobState.PAUSED and job.reason == PauseReason.MAX_RUNTIME):
        return None  # the last run ended on its way, not because of failures
    return Selection() if wanted.retry_failed_before_cursor or job.complete else None


def not_claimable(job: Job) -> str:
    """Why a job cannot be started now."""
    if job.state is JobState.CANCELED:
        return f"job {job.key} was cancelled: start it anew with reset_cursor (--reset-cursor)"
    return f"job {job.key} is {job.state} and cannot be started now"


def named(selection: Selection) -> str:
    """A selection in words, for a sentence."""
    parts = []
    if selection.items:
        parts.append(f"of {', '.join(list(selection.items)[:5])}")
    if selection.error_class is not None:
        parts.append(f"of class {selection.error_class}")
    if selection.cause:
        parts.append(f"of the cause {selection.cause!r}")
    return "".join(f" {part}" for part in parts)


def forecast_of(job: Job) -> str | None:
    """How long the rest of a job should take at its pace."""
    if job.total is None:
        return None
    retried = job.counts.failed if job.retry is not None else 0
    return forecast(job.total - job.counts.scanned + retried, job.parameters.rate_limit)


def refused(refusal: Refusal, asked: Asked) -> StartAnswer:
    """The answer where this job, or another one of its lane, is held."""
    return StartAnswer(
        started=False,
        running=refusal.reason == RUNNING,
        reason=refusal.reason,
        message=str(refusal),
        job=refusal.job,
        clamped=asked.clamped,
    )
