"""What the holder of a lease writes: renewals, checkpoints and a run's end. None holds longer than the lease."""

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from retrograph.clock import MILLIS_PER_DAY
from retrograph.errors import LeaseLost
from retrograph.jobs.job import Job, Sample
from retrograph.jobs.pressure import pressure_document
from retrograph.jobs.sql.failing import add_failures, resolve
from retrograph.jobs.sql.moves import ENGINE, end_run, lease_holds, locked_now, move, read_job
from retrograph.jobs.sql.outcomes import add_sent
from retrograph.jobs.sql.rows import depth_text, packed, summed, to_json
from retrograph.jobs.state import HELD, JobState, settle
from retrograph.jobs.store import Asked, Checkpoint, Ending, Lease
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import jobs, runs, samples


def renew(database: Database, connection: Connection, lease: Lease, lease_ms: int) -> Asked | None:
    """See `JobStore.renew`."""
    row, now = _held(database, connection, lease)
    _update(connection, lease, heartbeat_at=now, lease_until=now + lease_ms)
    _still_held(database, connection, row)
    return _asked(row)


def checkpoint(
    database: Database, connection: Connection, lease: Lease, wanted: Checkpoint, lease_ms: int
) -> Asked | None:
    """See `JobStore.checkpoint`."""
    row, now = _held(database, connection, lease)
    if row["checkpoints"] != wanted.number:
        _check_order(row, wanted)
        values = _apply(database, connection, row, now, wanted)
        _update(connection, lease, heartbeat_at=now, lease_until=now + lease_ms, updated_at=now, **values)
    _still_held(database, connection, row)
    return _asked(row)


def end(database: Database, connection: Connection, lease: Lease, wanted: Checkpoint, ending: Ending) -> Job:
    """See `JobStore.end`."""
    row, now = locked_now(database, connection, lease.job_id)
    if row["holder"] is None and row["checkpoints"] == wanted.number and _was_run_of(connection, row, lease):
        return read_job(connection, lease.job_id)  # it was written before, and only the answer was lost
    _check(row, lease, now)
    _check_order(row, wanted)
    values = _apply(database, connection, row, now, wanted)
    if ending.state is JobState.STOPPED and row["state"] == JobState.RUNNING:
        # Nobody asked: the run did what it was started for, and must not come back by itself.
        move(connection, row, JobState.STOPPING, now, who=ENGINE, what="stop", why=ending.message)
        row, now = locked_now(database, connection, lease.job_id)
    target = settle(JobState(row["state"]), ending.state)
    reason = ending.reason if target is ending.state else None
    values |= {
        "holder": None,
        "lease_until": None,
        "phase": None,
        "paused_at": now,
        "reason": reason,
        "message": None if ending.message is None else stored(ending.message),
    }
    if target is JobState.SUCCEEDED:
        values |= {"complete": True, "finishing": False, "retry_cursor": None, "retry_last": None}
    why = ": ".join(part for part in (reason, ending.message) if part) or None
    move(connection, row, target, now, who=ENGINE, what=target.value, why=why, **values)
    end_run(connection, row, now, target, reason)
    _still_held(database, connection, row)
    return read_job(connection, lease.job_id)


def _held(database: Database, connection: Connection, lease: Lease) -> tuple[RowMapping, int]:
    row, now = locked_now(database, connection, lease.job_id)
    _check(row, lease, now)
    return row, now


def _check(row: RowMapping, lease: Lease, now: int) -> None:
    """Both conditions: an epoch of its own, and time left, even if nobody has taken the job over.

    The holder's name is looked at as well: a database restored to a moment before a claim, or failed over to a copy
    that had not seen it, gives that claim's epoch away a second time.
    """
    mine = row["epoch"] == lease.epoch and row["holder"] == stored(lease.holder, WORD_LENGTH)
    if not mine or JobState(row["state"]) not in HELD or not lease_holds(row, now):
        raise LeaseLost(f"this process no longer holds job {row['key']}: its lease ran out or was taken over")


def _check_order(row: RowMapping, wanted: Checkpoint) -> None:
    """A store that was restored, or failed over to a copy that lags, has lost checkpoints that were confirmed: what
    they counted is not in this one, so the work since then is to be done again, from the cursor that the store has."""
    if row["checkpoints"] != wanted.number - 1:
        raise LeaseLost(f"the store has lost checkpoints of job {row['key']}: it goes on from the last that is there")


def _was_run_of(connection: Connection, row: RowMapping, lease: Lease) -> bool:
    """Whether the job's present epoch is this very claim's."""
    if row["epoch"] != lease.epoch:
        return False
    mine = select(runs.c.holder).where(runs.c.job_id == lease.job_id, runs.c.number == lease.epoch)
    return bool(connection.scalar(mine) == stored(lease.holder, WORD_LENGTH))


def _still_held(database: Database, connection: Connection, row: RowMapping) -> None:
    # A process frozen since the lease was judged would commit when it wakes. SQLite cannot end its transaction, so
    # the time is read again as the last thing before the commit. PostgreSQL ends an idle transaction by itself.
    if database.now(connection) >= row["lease_until"]:
        raise LeaseLost(f"this process no longer holds job {row['key']}: its lease ran out while it wrote")


def _asked(row: RowMapping) -> Asked | None:
    asked: dict[str, Asked] = {JobState.STOPPING: "stop", JobState.CANCELING: "cancel"}
    return asked.get(row["state"])


def _update(connection: Connection, lease: Lease, **values: Any) -> None:
    connection.execute(update(jobs).where(jobs.c.job_id == lease.job_id).values(**values))


def _apply(database: Database, connection: Connection, row: RowMapping, now: int, wanted: Checkpoint) -> dict[str, Any]:
    """Writes what lies beside the job's row, and answers what changes in it."""
    numbered, failed = add_failures(connection, row, wanted.failures)
    resolved = resolve(connection, row["job_id"], wanted.resolved, now)
    added, retry = wanted.added, wanted.retry
    counts = {
        "processed": row["processed"] + added.processed,
        "failed": max(0, row["failed"] + failed - resolved),
        "skipped": row["skipped"] + added.skipped,
    }
    count_run(connection, row, {name: counts[name] - row[name] for name in counts})
    if wanted.sample is not None:
        _sample(connection, row["job_id"], wanted.sample)
    return {
        **counts,
        "checkpoints": wanted.number,
        "idle_tries": 0 if added.processed or added.skipped else row["idle_tries"],
        "skipped_by": summed(row["skipped_by"], added.skipped_by),
        "refused": summed(row["refused"], added.refused),
        "found": summed(row["found"], added.found),
        "failures_numbered": numbered,
        "phase": wanted.phase,
        "sent": row["sent"] + add_sent(database, connection, row["job_id"], wanted.sent, now),
        "depth": depth_text(wanted.depth),
        "cursor": wanted.cursor,
        "done_above": packed(wanted.above),
        "retry_cursor": None if retry is None else retry.cursor,
        "retry_last": None if retry is None else retry.last,
        "retry_selected": retry is not None and retry.selected,
        "retried_above": packed(wanted.retried_above),
        "total": wanted.total,
        "finishing": wanted.finishing,
        "elapsed_ms": row["elapsed_ms"] + wanted.elapsed_ms,
        "rate": wanted.rate,
        "pressure": None if wanted.pressure is None else to_json(pressure_document(wanted.pressure)),
    }


def count_run(connection: Connection, row: RowMapping, added: dict[str, int]) -> None:
    if any(added.values()):
        mine = (runs.c.job_id == row["job_id"]) & (runs.c.number == row["epoch"])
        connection.execute(
            update(runs).where(mine).values({name: runs.c[name] + count for name, count in added.items()})
        )


def _sample(connection: Connection, job_id: str, sample: Sample) -> None:
    mine = samples.c.job_id == job_id
    connection.execute(delete(samples).where(mine, samples.c.at.in_((sample.at,))))
    connection.execute(delete(samples).where(mine, samples.c.at < sample.at - MILLIS_PER_DAY))
    values = {"at": sample.at, "rate": sample.rate, "scanned": sample.scanned, "failed": sample.failed}
    connection.execute(insert(samples).values(job_id=job_id, **values))
