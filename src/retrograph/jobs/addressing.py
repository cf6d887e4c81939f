"""Which queue a job is sent through: it is the job's own, whichever process goes on with it and however that is set."""

from dataclasses import replace

from retrograph.errors import OtherWork, UsageError
from retrograph.jobs.courier import Couriers
from retrograph.jobs.job import Job, Parameters
from retrograph.jobs.parameters import Asked


async def wanted_of(
    job: Job | None, kind: str, asked: Asked, saved: Parameters, couriers: Couriers | None
) -> Parameters:
    """What the next run works with, the queue included where it goes through one. `job` is the one that goes on.

    A job that has a queue keeps it; a command may name another one when nothing is on its way through the first.
    Raises UsageError where there is no such queue, or none for that kind, OtherWork, DependencyDown.
    """
    wanted = asked.over(saved)
    if wanted.executor != "queue" or asked.dry_run:
        return wanted
    if couriers is None:
        raise UsageError("jobs cannot be sent through a queue from here", field="executor")
    couriers.check(kind)
    if wanted.queue is not None and asked.queue is None:
        return wanted
    address = await couriers.address(asked.queue)
    if job is not None and not asked.reset_cursor and wanted.queue not in (None, address):
        _check_empty(job)
    return replace(wanted, queue=address)


def _check_empty(job: Job) -> None:
    if left := job.sent - job.answered:
        raise OtherWork(
            f"job {job.key} is sent through {job.parameters.queue}, where {left:,} of its users have no outcome yet: "
            "leave the other queue out, or start over with reset_cursor"
        )
