"""What is shown of one job: found through an index, never more than asked for."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, false, func, or_, select

from retrograph.jobs.job import Failure, Job, LogEvent, Run, Sample
from retrograph.jobs.sql.claims import CAUSE, selected
from retrograph.jobs.sql.rows import JOB_COLUMNS, event_of, failure_of, job_of, run_of, sample_of
from retrograph.jobs.state import TAKEN_UP
from retrograph.jobs.store import FailureGroup, FailureQuery, FailureSummary, Selection
from retrograph.store.engine import Database
from retrograph.store.tables import events, failures, jobs, runs, samples

MOST_GROUPS: Final = 50


def find(connection: Connection, graph_id: str, key: str) -> Job | None:
    """See `JobStore.find`."""
    return next(iter(_jobs(connection, (jobs.c.graph_id == graph_id) & (jobs.c.key == key))), None)


def named(connection: Connection, key: str) -> Sequence[Job]:
    """See `JobStore.named`."""
    return _jobs(connection, or_(jobs.c.key == key, jobs.c.job_id == key))


def several(connection: Connection, job_ids: Sequence[str]) -> Sequence[Job]:
    """See `JobStore.several`."""
    found = {job.job_id: job for job in _jobs(connection, jobs.c.job_id.in_(job_ids))}
    return [found[job_id] for job_id in job_ids if job_id in found]


def resumable(connection: Connection) -> Sequence[Job]:
    """See `JobStore.resumable`."""
    listed = jobs.c.archived_at.is_(None) & (jobs.c.needs_attention == false())
    return _jobs(connection, jobs.c.state.in_(TAKEN_UP) & jobs.c.whole & listed)


def expired(database: Database, connection: Connection) -> Sequence[str]:
    """The jobs whose holder's lease ran out, or lasts too long because the clock was stepped back."""
    now = database.now(connection)
    ended = (jobs.c.lease_until <= now) | (jobs.c.heartbeat_at > now)
    wanted = select(jobs.c.job_id).where(jobs.c.holder.is_not(None), ended)
    return (connection.scalars(wanted)).all()


def _jobs(connection: Connection, condition: ColumnElement[bool]) -> Sequence[Job]:
    wanted = select(*JOB_COLUMNS).where(condition).order_by(jobs.c.updated_at.desc(), jobs.c.job_id)
    return [job_of(row) for row in (connection.execute(wanted)).mappings()]


def list_failures(connection: Connection, job_id: str, query: FailureQuery) -> Sequence[Failure]:
    """See `JobStore.failures`."""
    number = failures.c.number
    wanted = select(failures).where(failures.c.job_id == job_id)
    if query.error_class is not None:
        wanted = wanted.where(failures.c.error_class == query.error_class)
    if query.cause is not None:
        wanted = wanted.where(CAUSE.in_([query.cause]))
    if query.resolved is not None:
        done = failures.c.resolved_at
        wanted = wanted.where(done.is_not(None) if query.resolved else done.is_(None))
    if query.selected:
        wanted = wanted.where(failures.c.selected)
    if query.last is not None:
        wanted = wanted.where(number <= query.last)
    if query.after is not None:
        wanted = wanted.where(number < query.after if query.latest_first else number > query.after)
    wanted = wanted.order_by(number.desc() if query.latest_first else number).limit(max(1, query.limit))
    return [failure_of(row) for row in (connection.execute(wanted)).mappings()]


def count_failures(connection: Connection, job_id: str, selection: Selection) -> int:
    """See `JobStore.count_failures`."""
    found = 0
    for condition in selected(job_id, selection):
        found += connection.scalar(select(func.count()).select_from(failures).where(condition)) or 0
    return found


def failure_summary(connection: Connection, job_id: str) -> FailureSummary:
    """See `JobStore.failure_summary`."""
    kind, number, mine = failures.c.error_class, failures.c.number, failures.c.job_id == job_id
    unresolved = mine & failures.c.resolved_at.is_(None)
    totals = connection.execute(select(kind, func.count()).where(unresolved).group_by(kind)).all()
    figures = (kind, CAUSE, func.count(), func.min(failures.c.first_at), func.max(failures.c.last_at), func.max(number))
    grouped = select(*figures).where(unresolved).group_by(kind, CAUSE).order_by(func.count().desc(), kind, CAUSE)
    found = connection.execute(grouped.limit(MOST_GROUPS)).all()
    example = select(number, failures.c.item, failures.c.message).where(mine, number.in_([row[5] for row in found]))
    words = {row[0]: (row[1], row[2]) for row in connection.execute(example)}
    return FailureSummary(
        by_class={row[0]: row[1] for row in sorted(totals, key=lambda row: (-row[1], row[0]))},
        groups=[_group(tuple(row), *words.get(row[5], ("", ""))) for row in found],
    )


def _group(row: Sequence[Any], item: str, message: str) -> FailureGroup:
    return FailureGroup(
        error_class=row[0],
        cause=row[1],
        count=row[2],
        first_at=row[3],
        last_at=row[4],
        item=item,
        message=message,
    )


def log(connection: Connection, job_id: str, after: int, limit: int) -> Sequence[LogEvent]:
    """See `JobStore.log`."""
    wanted = select(events).where(events.c.job_id == job_id, events.c.number > after)
    rows = connection.execute(wanted.order_by(events.c.number).limit(limit))
    return [event_of(row) for row in rows.mappings()]


def latest_log(connection: Connection, job_id: str, limit: int) -> Sequence[LogEvent]:
    """See `JobStore.latest_log`."""
    wanted = select(events).where(events.c.job_id == job_id).order_by(events.c.number.desc()).limit(limit)
    return [event_of(row) for row in connection.execute(wanted).mappings()]


def list_runs(connection: Connection, job_id: str, limit: int) -> Sequence[Run]:
    """See `JobStore.runs`."""
    wanted = select(runs).where(runs.c.job_id == job_id).order_by(runs.c.number.desc()).limit(limit)
    return [run_of(row) for row in (connection.execute(wanted)).mappings()]


def list_samples(connection: Connection, job_id: str, since: int) -> Sequence[Sample]:
    """See `JobStore.samples`."""
    wanted = select(samples).where(samples.c.job_id == job_id, samples.c.at >= since).order_by(samples.c.at)
    return [sample_of(row) for row in (connection.execute(wanted)).mappings()]
