"""A job's state as shape, word and tone, and its reason in words: pure, so that no page decides it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from retrograph.jobs.findings import nothing_found
from retrograph.jobs.job import Job
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.state import HELD, JobState
from retrograph.jobs.wording import refused_how, service_named
from retrograph.web.console.formatting import rate

Tone: TypeAlias = Literal["moving", "waiting", "done", "failed", "still"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """What a state looks like. `shape` names a symbol of the page's sprite."""

    shape: str
    word: str
    tone: Tone
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a job is in its state; `at` is the instant that ends the sentence, in milliseconds."""

    text: str
    at: int | None = None


_S = JobState

BADGES: Final[Mapping[JobState, Badge]] = {
    _S.PENDING: Badge(shape="ring", word="Pending", tone="still", meaning="Accepted, not yet started"),
    _S.RUNNING: Badge(shape="disc", word="Running", tone="moving", meaning="A process works on it"),
    _S.STOPPING: Badge(shape="half", word="Stopping", tone="waiting", meaning="It ends after the current items"),
    _S.CANCELING: Badge(shape="half", word="Canceling", tone="waiting", meaning="It ends for good shortly"),
    _S.STOPPED: Badge(shape="square", word="Stopped", tone="still", meaning="A start goes on from its cursor"),
    _S.PAUSED: Badge(shape="pause", word="Paused", tone="waiting", meaning="It paused itself and is resumed by itself"),
    _S.INTERRUPTED: Badge(
        shape="broken", word="Interrupted", tone="waiting", meaning="Its process died; a server takes it over"
    ),
    _S.SUCCEEDED: Badge(shape="check", word="Succeeded", tone="done", meaning="Walked to the end"),
    _S.FAILED: Badge(shape="cross", word="Failed", tone="failed", meaning="It met an error that no retry mends"),
    _S.CANCELED: Badge(
        shape="barred", word="Canceled", tone="still", meaning="Ended for good; what was written stays written"
    ),
}

ATTENTION: Final = Badge(
    shape="alert", word="Needs attention", tone="failed", meaning="It was resumed ten times without progress"
)

REASONS: Final[Mapping[str, str]] = {
    "max-runtime": "runtime cap",
    "consecutive-failures": "too many failures in a row",
    "dependency-down": "a dependency is down",
    "shutdown": "its server stopped",
    "retried": "failures retried; the walk is not at its end",
}


def badge(job: Job) -> Badge:
    """What the job's state looks like; *Needs attention* outranks the state it rests in."""
    return ATTENTION if job.needs_attention else BADGES[job.state]


def reason(job: Job, now: int, resumes_at: int | None = None) -> Reason | None:
    """The line under the state at that instant; `resumes_at` is when a watchdog takes the job up again."""
    if job.archived_at is not None:
        return Reason(text="archived")
    if job.needs_attention:
        return Reason(text=f"{_why(job)} · {job.idle_tries} tries")
    if job.state in HELD:
        return _activity(job, now)
    text = _why(job) if job.reason else ""
    if job.state is JobState.SUCCEEDED and nothing_found(job) is not None:
        return Reason(text="nothing was found")
    if resumes_at is not None and job.state in (JobState.PAUSED, JobState.INTERRUPTED):
        before = f"{text} · " if text else ""
        overdue = resumes_at <= now
        return Reason(text=f"{before}{'resumes soon' if overdue else 'resumes'}", at=None if overdue else resumes_at)
    return Reason(text=text) if text else None


def _why(job: Job) -> str:
    return REASONS.get(job.reason or "", job.reason or "no progress")


def _activity(job: Job, now: int) -> Reason | None:
    if (slowed := _slowed(job.pressure, now)) is not None:
        return Reason(text=slowed)
    if job.finishing:
        return Reason(text="finishing")
    if job.retry is not None:
        return Reason(text="retries failures")
    return Reason(text="discovery") if job.phase == "discovery" else None


def _slowed(pressure: Pressure | None, now: int) -> str | None:
    if pressure is None:
        return None
    wait = pressure.waiting
    if wait is not None and now < wait.at + 1000 * wait.seconds:
        return f"waits: {service_named(wait.service)} {refused_how(wait.kind)}"
    if pressure.pace is not None and pressure.full is not None and pressure.pace < pressure.full:
        return f"slowed to {rate(pressure.pace)}: {service_named(pressure.service)} pushed back"
    return None
