"""A job as one JSON object: what `jobs show --json`, the API and the console's stream all print."""

from dataclasses import asdict

from retrograph.clock import iso
from retrograph.jobs.job import Depth, Failure, Job, Json, LogEvent, Run, Sample
from retrograph.jobs.pressure import pressure_document
from retrograph.jobs.progress import eta_seconds
from retrograph.jobs.queries import FailureGroup, JobLine, JobTally
from retrograph.jobs.requests import StartAnswer
from retrograph.jobs.state import HELD
from retrograph.jobs.travel import present_depth


def job_as_json(job: Job) -> dict[str, Json]:
    """Instants are RFC 3339 in UTC. The first eleven names and the counts are relied on by other programs."""
    counts = job.counts
    running = job.state in HELD
    return {
        "job_id": job.job_id,
        "key": job.key,
        "kind": job.kind,
        "state": job.state.value,
        "reason": job.reason,
        "message": job.message,
        "phase": job.phase,
        "cursor": job.cursor,
        "total": job.total,
        "processed": counts.processed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "skipped_by": dict(counts.skipped_by),
        "refused": dict(counts.refused),
        "found": dict(counts.found),
        "percent": None if job.percent is None else round(job.percent, 1),
        "rate": None if job.rate is None or not running else round(job.rate, 2),
        "eta_seconds": _eta(job) if running else None,
        "pressure": pressure_document(job.pressure) if running else None,
        "sent": job.sent,
        "answered": job.answered,
        "depth": _depth(present_depth(job)),
        "elapsed_ms": job.elapsed_ms,
        "needs_attention": job.needs_attention,
        "archived": job.archived_at is not None,
        "graph_id": job.graph_id,
        "spec": {
            "source": dict(job.spec.source),
            "digest": job.spec.digest,
            "as_of": iso(job.spec.as_of),
            "lookback_days": job.spec.lookback_days,
            "dry_run": job.spec.dry_run,
            "bound": job.spec.bound,
        },
        "credentials": job.credentials,
        "parameters": dict(asdict(job.parameters)),
        "run": job.epoch,
        "lease": _lease(job),
        "created_by": job.created_by,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
    }


def backfill_as_json(job: Job, last_error: str | None) -> dict[str, Json]:
    """The same as the admin endpoints have always told it."""
    counts = job.counts
    return {
        "job_id": job.job_id,
        "job_key": job.key,
        "status": job.state.value,
        "total": job.total,
        "sent": max(counts.scanned, min(job.sent, job.total or job.sent)),
        "processed": counts.processed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "progress_percent": None if job.percent is None else round(job.percent, 1),
        "elapsed_seconds": round(job.elapsed_ms / 1000, 1),
        "eta_seconds": _eta(job) if job.state in HELD else None,
        "last_error": last_error,
        "created_by": job.created_by,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
    }


def answer_as_json(answer: StartAnswer) -> dict[str, Json]:
    """What became of a wish to start."""
    return {
        "started": answer.started,
        "running": answer.running,
        "reason": answer.reason,
        "message": answer.message,
        "forecast": answer.forecast,
        "clamped": list(answer.clamped),
        "job": job_as_json(answer.job),
    }


def failure_as_json(failure: Failure) -> dict[str, Json]:
    """One failure of a job."""
    return {
        "item": failure.item,
        "attempts": failure.attempts,
        "error_class": failure.error_class,
        "message": failure.message,
        "first_at": iso(failure.first_at),
        "last_at": iso(failure.last_at),
        "resolved_at": _iso(failure.resolved_at),
    }


def event_as_json(event: LogEvent) -> dict[str, Json]:
    """One line of a job's log."""
    return {
        "at": iso(event.at),
        "who": event.who,
        "what": event.what,
        "from": event.origin.value if event.origin else None,
        "to": event.target.value if event.target else None,
        "why": event.why,
    }


def line_as_json(line: JobLine) -> dict[str, Json]:
    """The same where it is not clear whose log it is."""
    return {"job_id": line.job_id, "key": line.key, **event_as_json(line.event)}


def run_as_json(run: Run) -> dict[str, Json]:
    """One run of a job."""
    return {
        "run": run.number,
        "holder": run.holder,
        "who": run.who,
        "started_at": iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "state": run.state.value,
        "reason": run.reason,
        "processed": run.processed,
        "failed": run.failed,
        "skipped": run.skipped,
        "parameters": dict(run.parameters),
    }


def sample_as_json(sample: Sample) -> dict[str, Json]:
    """The pace at one moment."""
    return {"at": iso(sample.at), "rate": sample.rate, "scanned": sample.scanned, "failed": sample.failed}


def group_as_json(group: FailureGroup) -> dict[str, Json]:
    """The unresolved failures of one cause."""
    return {
        "error_class": group.error_class,
        "cause": group.cause,
        "count": group.count,
        "first_at": iso(group.first_at),
        "last_at": iso(group.last_at),
        "item": group.item,
        "message": group.message,
    }


def cards_as_json(tally: JobTally, *, here: int) -> dict[str, Json]:
    """What the cards show; `here` is how many runs there are in this process."""
    return {
        "jobs": tally.total,
        "runs_here": here,
        "runs": tally.held,
        "needs_attention": tally.needs_attention,
        "dry_runs": tally.dry_runs,
        "by_state": {state.value: count for state, count in sorted(tally.by_state.items())},
        "by_kind": dict(sorted(tally.by_kind.items())),
        "held_by": dict(sorted(tally.held_by.items())),
    }


def _eta(job: Job) -> int | None:
    seconds = eta_seconds(job.counts.scanned, job.total, job.rate)
    return None if seconds is None else round(seconds)


def _lease(job: Job) -> Json:
    if job.holder is None:
        return None
    return {"holder": job.holder, "until": _iso(job.lease_until), "heartbeat_at": _iso(job.heartbeat_at)}


def _depth(depth: Depth | None) -> Json:
    if depth is None:
        return None
    return {"waiting": depth.waiting, "in_flight": depth.in_flight, "dead": depth.dead, "at": iso(depth.at)}


def _iso(millis: int | None) -> str | None:
    return None if millis is None else iso(millis)
