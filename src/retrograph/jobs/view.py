"""A job as one JSON object: what `jobs show --json`, the API and the console's stream all print."""

from dataclasses import asdict

from retrograph.clock import iso
from retrograph.jobs.job import Job, Json
from retrograph.jobs.pressure import pressure_document
from retrograph.jobs.progress import eta_seconds
from retrograph.jobs.state import HELD


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
        "percent": None if job.percent is None else round(job.percent, 1),
        "rate": None if job.rate is None or not running else round(job.rate, 2),
        "eta_seconds": _eta(job) if running else None,
        "pressure": pressure_document(job.pressure) if running else None,
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
        "parameters": dict(asdict(job.parameters)),
        "run": job.epoch,
        "lease": _lease(job),
        "created_by": job.created_by,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
    }


def _eta(job: Job) -> int | None:
    seconds = eta_seconds(job.counts.scanned, job.total, job.rate)
    return None if seconds is None else round(seconds)


def _lease(job: Job) -> Json:
    if job.holder is None:
        return None
    return {"holder": job.holder, "until": _iso(job.lease_until), "heartbeat_at": _iso(job.heartbeat_at)}


def _iso(millis: int | None) -> str | None:
    return None if millis is None else iso(millis)
