"""What a list shows beside each job, for all jobs of a page at once."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, func, select

from retrograph.jobs.job import Failure, Sample
from retrograph.jobs.queries import Glance
from retrograph.jobs.sql.rows import failure_of, sample_of
from retrograph.store.tables import failures, jobs, samples


def glances(connection: Connection, job_ids: Sequence[str], since: int) -> Mapping[str, Glance]:
    """See `JobStore.glances`."""
    paces, latest = _paces(connection, job_ids, since), _latest(connection, job_ids)
    return {job_id: Glance(samples=paces.get(job_id, []), failure=latest.get(job_id)) for job_id in job_ids}


def _paces(connection: Connection, job_ids: Sequence[str], since: int) -> dict[str, list[Sample]]:
    wanted = select(samples).where(samples.c.job_id.in_(job_ids), samples.c.at >= since)
    found: dict[str, list[Sample]] = {}
    for row in connection.execute(wanted.order_by(samples.c.job_id, samples.c.at)).mappings():
        found.setdefault(row["job_id"], []).append(sample_of(row))
    return found


def _latest(connection: Connection, job_ids: Sequence[str]) -> dict[str, Failure]:
    other = failures.alias()
    number = (
        select(func.max(other.c.number))
        .where(other.c.job_id == jobs.c.job_id, other.c.resolved_at.is_(None))
        .correlate(jobs)
        .scalar_subquery()
    )
    last = and_(failures.c.job_id == jobs.c.job_id, failures.c.number == number)
    wanted = select(failures).select_from(jobs.join(failures, last))
    found = connection.execute(wanted.where(jobs.c.job_id.in_(job_ids), jobs.c.failed > 0))
    return {row["job_id"]: failure_of(row) for row in found.mappings()}
