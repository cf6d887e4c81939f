"""What has changed in the store since somebody looked, whichever process did it."""

from typing import Final

from sqlalchemy import Connection, func, select

from retrograph.jobs.queries import Changes, JobLine, Mark
from retrograph.jobs.sql.rows import JOB_COLUMNS, event_of, job_of
from retrograph.store.engine import Database
from retrograph.store.tables import events, jobs

SLACK_MS: Final = 2_000
SLACK_LINES: Final = 100
"""A transaction takes its time and its numbers before it commits: a younger one may be seen first, so each look goes
back a little, and whoever reads leaves out what it has seen."""


def changes(database: Database, connection: Connection, after: Mark | None, limit: int) -> Changes:
    """See `JobStore.changes`."""
    now = database.now(connection)
    last = connection.scalar(select(func.max(events.c.number))) or 0
    mark = Mark(at=now, number=last)
    if after is None:
        held = select(*JOB_COLUMNS).where(jobs.c.holder.is_not(None)).order_by(jobs.c.updated_at).limit(limit)
        return Changes(mark=mark, jobs=[job_of(row) for row in connection.execute(held).mappings()])
    wanted = select(*JOB_COLUMNS).where(jobs.c.updated_at >= after.at - SLACK_MS)
    rows = connection.execute(wanted.order_by(jobs.c.updated_at.desc()).limit(limit)).mappings()
    found = [job_of(row) for row in rows][::-1]
    since = events.c.number > after.number - SLACK_LINES
    lines = select(events, jobs.c.key).join(jobs, jobs.c.job_id == events.c.job_id).where(since)
    read = connection.execute(lines.order_by(events.c.number).limit(limit)).mappings()
    log = [JobLine(job_id=row["job_id"], key=row["key"], event=event_of(row)) for row in read]
    if len(log) == limit:  # the rest of the lines is read the next time
        mark = Mark(at=now, number=log[-1].event.number)
    return Changes(mark=mark, jobs=found, log=log)
