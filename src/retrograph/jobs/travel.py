"""What people read about items that travel through a queue. Pure."""

from retrograph.jobs.job import Depth, Job


def travel_words(job: Job) -> str | None:
    """`150 sent, 12 without an outcome yet`; `None` where nothing was sent."""
    if not job.sent:
        return None
    left = job.sent - job.answered
    return f"{job.sent:,} sent, " + (f"{left:,} without an outcome yet" if left else "each has its outcome")


def depth_words(depth: Depth | None) -> str | None:
    """`12 waiting, 5 in flight, 0 dead`."""
    if depth is None:
        return None
    return f"{depth.waiting:,} waiting, {depth.in_flight:,} in flight, {depth.dead:,} dead"
