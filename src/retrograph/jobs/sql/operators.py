"""What an operator does to a job: a request where a process holds it, at once where none does."""

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from retrograph.jobs.job import Job
from retrograph.jobs.sql.freezing import adopt
from retrograph.jobs.sql.moves import ENGINE, bury_one, locked_now, move, read_job, record
from retrograph.jobs.sql.rows import JOB_COLUMNS, job_of, parameters_text, spec_text
from retrograph.jobs.state import ENDED, HELD, JobState, NotPossible
from retrograph.jobs.store import NewJob
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import chunks, events, jobs


def accept(database: Database, connection: Connection, new: NewJob, who: str) -> Job:
    """See `JobStore.accept`."""
    now = database.now(connection)
    values = {
        "job_id": new.job_id,
        "graph_id": new.graph_id,
        "key": new.key,
        "kind": new.kind,
        "state": JobState.PENDING,
        "spec": spec_text(new.spec),
        "credentials": stored(new.spec.credentials, WORD_LENGTH),
        "parameters": parameters_text(new.parameters),
        "total": new.total,
        "whole": new.whole,
        "created_by": stored(who, WORD_LENGTH),
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(database.insert(jobs).values(values).on_conflict_do_nothing())
    wanted = select(*JOB_COLUMNS).where(jobs.c.graph_id == new.graph_id, jobs.c.key == new.key)
    job = job_of((connection.execute(wanted)).mappings().one())
    if job.job_id == new.job_id:
        record(connection, job.job_id, now, who=who, what="accepted", target=JobState.PENDING)
    return job


def seal(database: Database, connection: Connection, job_id: str, list_id: str, ids: int) -> Job:
    """See `JobStore.seal`."""
    row, now = locked_now(database, connection, job_id)
    if not row["whole"]:
        adopt(connection, job_id, list_id, ids)
        values = {"whole": True, "list_id": list_id, "total": ids, "updated_at": now}
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
        record(connection, job_id, now, who=ENGINE, what="ids frozen", why=f"{ids} ids")
    elif row["list_id"] != list_id:
        connection.execute(delete(chunks).where(chunks.c.list_id == list_id))
    return read_job(connection, job_id)


def discard(database: Database, connection: Connection, job_id: str, *, whole: bool) -> None:
    """See `JobStore.discard`."""
    row, _ = locked_now(database, connection, job_id)
    if row["state"] == JobState.PENDING and row["epoch"] == 0 and (whole or not row["whole"]):
        for table in (chunks, events, jobs):
            connection.execute(delete(table).where(table.c.job_id == job_id))


def stop(database: Database, connection: Connection, job_id: str, who: str, why: str) -> Job:
    """See `JobStore.stop`."""
    row, now = _present(database, connection, job_id)
    state = JobState(row["state"])
    if state is JobState.RUNNING:
        move(connection, row, JobState.STOPPING, now, who=who, what="stop asked", why=why or None)
    elif state in (JobState.PAUSED, JobState.INTERRUPTED):
        move(connection, row, JobState.STOPPED, now, who=who, what="stopped", why=why or None, **_SETTLED)
    elif state not in (JobState.STOPPING, JobState.STOPPED):
        raise NotPossible(_nothing_to("stop", row, state))
    return read_job(connection, job_id)


def cancel(database: Database, connection: Connection, job_id: str, who: str, why: str) -> Job:
    """See `JobStore.cancel`."""
    row, now = _present(database, connection, job_id)
    state = JobState(row["state"])
    if state in (JobState.RUNNING, JobState.STOPPING):
        move(connection, row, JobState.CANCELING, now, who=who, what="cancel asked", why=why or None)
    elif state not in HELD and state not in ENDED:
        move(connection, row, JobState.CANCELED, now, who=who, what="canceled", why=why or None, **_SETTLED)
    elif state not in (JobState.CANCELING, JobState.CANCELED):
        raise NotPossible(_nothing_to("cancel", row, state))
    return read_job(connection, job_id)


def fail(database: Database, connection: Connection, job_id: str, who: str, message: str) -> Job:
    """See `JobStore.fail`."""
    row, now = locked_now(database, connection, job_id)
    if row["state"] != JobState.PENDING or row["whole"]:
        return read_job(connection, job_id)
    move(connection, row, JobState.FAILED, now, who=who, what="failed", why=message, message=stored(message))
    return read_job(connection, job_id)


def archive(database: Database, connection: Connection, job_id: str, who: str) -> Job:
    """See `JobStore.archive`."""
    row, now = _present(database, connection, job_id)
    state = JobState(row["state"])
    if state in HELD:
        raise NotPossible(f"job {row['key']} is {state}: stop or cancel it before it is archived")
    if row["archived_at"] is None:
        values = {"archived_at": now, "updated_at": now}
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
        record(connection, job_id, now, who=who, what="archived")
    return read_job(connection, job_id)


def attend(database: Database, connection: Connection, job_id: str) -> Job:
    """See `JobStore.attend`."""
    row, now = locked_now(database, connection, job_id)
    if row["state"] in (JobState.PAUSED, JobState.INTERRUPTED) and not row["needs_attention"]:
        values = {"needs_attention": True, "updated_at": now}
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
        why = f"resumed {row['idle_tries']} times without progress"
        record(connection, job_id, now, who=ENGINE, what="needs attention", why=why)
    return read_job(connection, job_id)


_SETTLED: dict[str, Any] = {"reason": None, "needs_attention": False}


def _present(database: Database, connection: Connection, job_id: str) -> tuple[RowMapping, int]:
    """The job as it is once a dead holder is accounted for: a request to it would never be heard."""
    row, now = locked_now(database, connection, job_id)
    bury_one(connection, row, now)
    return locked_now(database, connection, job_id)


def _nothing_to(verb: str, row: RowMapping, state: JobState) -> str:
    if state is JobState.PENDING:
        return f"job {row['key']} has not begun: there is nothing to {verb}, but it can be cancelled"
    return f"job {row['key']} is {state}: there is nothing to {verb}"


def note(database: Database, connection: Connection, job_id: str, who: str, what: str, why: str | None) -> None:
    """See `JobStore.note`."""
    values = {"job_id": job_id, "at": database.now(connection), "who": stored(who, WORD_LENGTH), "what": what}
    connection.execute(insert(events).values(**values, why=None if why is None else stored(why)))
