"""The one place where a job's state is written: only along the table of states, and never without a line in the log."""

from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from retrograph.errors import NotFound
from retrograph.jobs.job import Job
from retrograph.jobs.sql.rows import JOB_COLUMNS, job_of
from retrograph.jobs.state import HELD, JobState, NotPossible, after_death, may
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import events, jobs, runs

ENGINE = "retrograph"
"""Who did it, where no person did."""


def locked(connection: Connection, job_id: str) -> RowMapping:
    """A job's row, locked until the transaction ends. Raises NotFound."""
    found = connection.execute(select(jobs).where(jobs.c.job_id == job_id).with_for_update())
    row = found.mappings().first()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return row


def read_job(connection: Connection, job_id: str) -> Job:
    """A job as the transaction sees it. Raises NotFound."""
    found = connection.execute(select(*JOB_COLUMNS).where(jobs.c.job_id == job_id))
    row = found.mappings().first()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return job_of(row)


def move(
    connection: Connection,
    row: RowMapping,
    target: JobState,
    now: int,
    *,
    who: str,
    what: str,
    why: str | None = None,
    reset: bool = False,
    **values: Any,
) -> None:
    """Writes a state and what goes with it, and the event. Raises NotPossible where the table has no such edge."""
    origin = JobState(row["state"])
    if not may(origin, target, reset=reset):
        raise NotPossible(f"job {row['key']} is {origin}: it cannot become {target}")
    connection.execute(
        update(jobs).where(jobs.c.job_id == row["job_id"]).values(state=target, updated_at=now, **values)
    )
    record(connection, row["job_id"], now, who=who, what=what, why=why, origin=origin, target=target)


def record(
    connection: Connection,
    job_id: str,
    now: int,
    *,
    who: str,
    what: str,
    why: str | None = None,
    origin: JobState | None = None,
    target: JobState | None = None,
) -> None:
    """Adds a line to the job's log."""
    connection.execute(
        insert(events).values(
            job_id=job_id,
            at=now,
            who=stored(who, WORD_LENGTH),
            what=what,
            why=None if why is None else stored(why),
            origin=origin,
            target=target,
        )
    )


def lease_holds(row: RowMapping, now: int) -> bool:
    """Whether somebody holds the job's lease at that moment."""
    return row["holder"] is not None and row["lease_until"] > now


def bury_one(connection: Connection, row: RowMapping, now: int) -> JobState:
    """Records what became of a locked job whose lease ran out; answers the state it has now."""
    state = JobState(row["state"])
    if state not in HELD or lease_holds(row, now):
        return state
    target = after_death(state)
    message = f"its process ({row['holder']}) died or was cut off: the lease ran out"
    values: dict[str, Any] = {"holder": None, "lease_until": None, "paused_at": now, "reason": None, "message": message}
    move(connection, row, target, now, who=ENGINE, what="lease ran out", why=message, **values)
    end_run(connection, row, now, target, None)
    return target


def end_run(connection: Connection, row: RowMapping, now: int, state: JobState, reason: str | None) -> None:
    """Closes the run of the job's present epoch."""
    mine = (runs.c.job_id == row["job_id"]) & (runs.c.number == row["epoch"]) & runs.c.ended_at.is_(None)
    connection.execute(update(runs).where(mine).values(ended_at=now, state=state, reason=reason))


def locked_now(database: Database, connection: Connection, job_id: str) -> tuple[RowMapping, int]:
    """A job's row under its lock, and then the time: in this order, or a wait for the lock would make it stale."""
    row = locked(connection, job_id)
    now = database.now(connection)
    if row["holder"] is None or row["heartbeat_at"] <= now:
        return row, now
    # The clock was stepped back: a lease may not last longer than it was given for. A living holder renews it.
    values = {"heartbeat_at": now, "lease_until": now + row["lease_until"] - row["heartbeat_at"]}
    connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
    return locked(connection, job_id), now


def bury(database: Database, connection: Connection, job_id: str) -> Job:
    """See `JobStore.bury`, for one job."""
    row, now = locked_now(database, connection, job_id)
    bury_one(connection, row, now)
    return read_job(connection, job_id)
