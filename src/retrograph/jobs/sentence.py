"""What a job is doing now, in one sentence, and why it is not faster. Pure: for every state and reason there is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from retrograph.jobs.findings import nothing_found
from retrograph.jobs.job import Job
from retrograph.jobs.progress import eta_seconds
from retrograph.jobs.state import RETRIED, JobState, PauseReason
from retrograph.jobs.watchdog import Patience, resumes_at
from retrograph.jobs.wording import (
    At,
    Part,
    counted,
    doing,
    ended,
    failed,
    lasted,
    noun,
    pace,
    plain,
    refused_how,
    service_named,
    span,
)

Tone = Literal["moves", "waits", "failed", "done", "rests"]

_HELD_SHARE: Final = 0.9
"""A rate this near to its limit is held by it; a windowed rate is never exactly there."""

_CRAWLING: Final = 0.1
"""Below this share of its limit a job that waits is said to wait, not to load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """The words, with instants in their places, and how they are meant."""

    parts: tuple[Part, ...]
    tone: Tone

    def __str__(self) -> str:
        return plain(self.parts)


def sentence_of(job: Job, now: int, patience: Patience | None = None) -> Sentence:
    """What the job is doing at that instant (milliseconds). `patience` is the watchdog's."""
    if job.needs_attention:
        return _attention(job)
    if job.state in (JobState.PAUSED, JobState.INTERRUPTED):
        return _resting(job, now, patience or Patience())
    return _SAYINGS[job.state](job, now)


def _say(tone: Tone, *parts: Part) -> Sentence:
    return Sentence(parts=parts, tone=tone)


def where(job: Job) -> str:
    """`34,412 of 75,000 users`."""
    if job.total is None:
        return counted(job.kind, job.counts.scanned)
    return f"{job.counts.scanned:,} of {counted(job.kind, job.total)}"


def _pending(job: Job, now: int) -> Sentence:
    del now
    if not job.whole:
        return _say("waits", f"Accepted; the ids of its {noun(job.kind)} are being read and frozen.")
    return _say("waits", "Accepted, and not yet started.")


def _running(job: Job, now: int) -> Sentence:
    if job.lease_until is not None and job.lease_until <= now:
        return _say("waits", "Its process has not been heard of for ", _since(job, now), ": it is being taken over.")
    if job.finishing:
        return _say(
            "moves", f"Every one of its {noun(job.kind)} is done; what depends on all of them is being settled."
        )
    if job.phase == "discovery":
        return _say("moves", f"Finding out which {noun(job.kind)} there are.")
    if (waiting := _waiting(job, now)) is not None:
        return waiting
    if job.sent and job.parameters.executor == "queue":
        return _sent_away(job, now)
    return _say("moves", *_pace_words(job), *_left(job, now), ".")


def _sent_away(job: Job, now: int) -> Sentence:
    """Where workers do the work: how much is on its way, and whether anybody takes it."""
    left, depth = job.sent - job.answered, job.depth
    if left and depth is not None and depth.waiting and not depth.in_flight and not job.rate:
        return _say("waits", f"{counted(job.kind, left)} wait in the queue, and no worker takes them.")
    everything = job.total is not None and job.sent >= job.total and job.retry is None
    begun = "Everything is sent" if everything else f"Sending to workers: {job.sent:,} sent"
    return _say("moves", f"{begun}, {left:,} without an outcome yet{_rate(job)}", *_left(job, now), ".")


def _since(job: Job, now: int) -> str:
    return span((now - (job.heartbeat_at or job.updated_at)) / 1000)


def _waiting(job: Job, now: int) -> Sentence | None:
    """Where next to nothing happens because a service asked for time."""
    wait = None if job.pressure is None else job.pressure.waiting
    if wait is None or now >= wait.at + 1000 * wait.seconds:
        return None
    if (job.rate or 0) > _CRAWLING * (job.parameters.rate_limit or 1):
        return None
    until = At(int(wait.at + 1000 * wait.seconds))
    why = f"Waits: {service_named(wait.service)} {refused_how(wait.kind)}; the next try is in "
    return _say("waits", f"{why}{span((until.millis - now) / 1000)}.")


def _pace_words(job: Job) -> tuple[Part, ...]:
    if job.retry is not None and job.parameters.mode != "cursor":
        after = "stops then" if job.parameters.mode == "failed" and not job.complete else "goes on from the cursor then"
        after = "ends then" if job.complete else after
        again = "the chosen failures" if job.retry.selected else failed(job.kind, job.counts.failed)
        return (f"Retrying {again}{_rate(job)}{_why_not_faster(job)}; {after}",)
    if job.rate is None:
        return (f"{doing(job.kind, dry_run=job.spec.dry_run)}; the first of this run are under way",)
    if not job.rate:
        return (f"{doing(job.kind, dry_run=job.spec.dry_run)}; none ended in the last minute{_why_not_faster(job)}",)
    return (f"{doing(job.kind, dry_run=job.spec.dry_run)}{_rate(job)}{_why_not_faster(job)}",)


def _rate(job: Job) -> str:
    return f" at {pace(job.rate)} a second" if job.rate else ""


def _why_not_faster(job: Job) -> str:
    pressure, limit, rate = job.pressure, job.parameters.rate_limit, job.rate or 0.0
    if pressure is not None and pressure.pace is not None and pressure.full is not None:
        slowed = f"{pace(pressure.pace)} instead of {pace(pressure.full)}"
        return f", slowed to {slowed} because {service_named(pressure.service)} pushed back, recovering"
    if limit is not None and rate >= _HELD_SHARE * limit:
        return f", held at {pace(limit)} by the rate limit"
    if job.parameters.sleep_ms and not job.spec.dry_run:
        return (
            f", with {job.parameters.sleep_ms:,} ms of rest after each {counted(job.kind, job.parameters.batch_size)}"
        )
    if limit is not None and rate:
        return f", as fast as {job.parameters.concurrency} at a time are answered (the limit is {pace(limit)})"
    return ""


def _left(job: Job, now: int) -> tuple[Part, ...]:
    seconds = eta_seconds(job.counts.scanned, job.total, job.rate)
    if seconds is None or job.retry is not None:
        return ()
    return f"; about {span(seconds)} left, done near ", At(now + int(1000 * seconds))


def _asked(what: str) -> Callable[[Job, int], Sentence]:
    def say(job: Job, now: int) -> Sentence:
        if job.lease_until is not None and job.lease_until <= now:
            return _say("waits", f"{what}: its process has not been heard of for ", _since(job, now), ".")
        return _say("waits", f"{what}: no more {noun(job.kind)} begin, and those under way are ended first.")

    return say


def _stopped(job: Job, now: int) -> Sentence:
    del now
    if job.reason == RETRIED:
        return _say("rests", f"Its failures were tried again; it stands at {where(job)}. The same key goes on.")
    return _say("rests", f"Stopped at {where(job)}. The same key goes on from there.")


def _resting(job: Job, now: int, patience: Patience) -> Sentence:
    if job.state is JobState.INTERRUPTED:
        why = "Its process died"
    else:
        why = _PAUSES[PauseReason(job.reason)](job) if job.reason in set(PauseReason) else "Paused"
    due = resumes_at(job, patience)
    if due is None:
        rest = "a dry run is not resumed by itself" if job.spec.dry_run else "it is not resumed by itself"
        return _say("rests", f"{why}; {rest}: the same key goes on from {where(job)}.")
    if due <= now:
        return _say("waits", f"{why}; it is resumed as soon as a server has room for it.")
    return _say("waits", f"{why}, resumes at ", At(due), ".")


def _dependency(job: Job) -> str:
    return f"Paused because something it needs is down ({(job.message or 'no answer').strip().rstrip('.')})"


_PAUSES: Final[Mapping[PauseReason, Callable[[Job], str]]] = {
    PauseReason.MAX_RUNTIME: lambda job: f"Paused at its runtime cap of {span(job.parameters.max_runtime_ms / 1000)}",
    PauseReason.CONSECUTIVE_FAILURES: lambda job: "Paused because " + (job.message or "too many failed in a row"),
    PauseReason.DEPENDENCY_DOWN: _dependency,
    PauseReason.SHUTDOWN: lambda job: "Paused because its server shut down",
}


def _attention(job: Job) -> Sentence:
    tries = f"it was resumed {job.idle_tries} times without one of its {noun(job.kind)} done"
    last = "" if not job.message else f" The last time: {ended(job.message)}"
    return _say("failed", f"Needs attention: {tries}, and is resumed no more by itself.{last}")


def _succeeded(job: Job, now: int) -> Sentence:
    del now
    counts, took = job.counts, lasted(job.elapsed_ms / 1000)
    if job.spec.dry_run:
        found = counted(job.kind, counts.skipped_by.get("dry-run", counts.skipped))
        return _say("done", f"The dry run is over: it walked {found}. No service was called and nothing was written.")
    tail = "".join(
        f", {count:,} {word}" for count, word in ((counts.failed, "failed"), (counts.skipped, "skipped")) if count
    )
    done = f"Done: {counted(job.kind, counts.processed)} processed{tail}, in {took}."
    nothing = nothing_found(job)
    return _say("done", done) if nothing is None else _say("waits", f"{done} {nothing}")


def _failed(job: Job, now: int) -> Sentence:
    del now
    why = ended(job.message or "no reason was recorded")
    return _say("failed", f"Failed at {where(job)}: {why} The same key goes on from there once that is mended.")


def _canceled(job: Job, now: int) -> Sentence:
    del now
    return _say(
        "rests", f"Cancelled at {where(job)}; what was written stays written. Only Reset cursor starts it anew."
    )


_SAYINGS: Final[Mapping[JobState, Callable[[Job, int], Sentence]]] = {
    JobState.PENDING: _pending,
    JobState.RUNNING: _running,
    JobState.STOPPING: _asked("Stopping"),
    JobState.CANCELING: _asked("Cancelling"),
    JobState.STOPPED: _stopped,
    JobState.SUCCEEDED: _succeeded,
    JobState.FAILED: _failed,
    JobState.CANCELED: _canceled,
}
