"""What people read about items that travel through a queue. Pure."""

from retrograph.jobs.job import Depth, Job
from retrograph.jobs.state import HELD


def travel_words(job: Job) -> str | None:
    """`150 sent, 12 without an outcome yet`; `None` where nothing was sent."""
    if not job.sent:
        return None
    left = job.sent - job.answered
    return f"{job.sent:,} sent, " + (f"{left:,} without an outcome yet" if left else "each has its outcome")


def present_depth(job: Job) -> Depth | None:
    """How full the queue is, while a run looks at it: afterwards it is only how full it once was."""
    return job.depth if job.state in HELD else None


def depth_words(depth: Depth | None) -> str | None:
    """`12 waiting, 5 in flight, 0 dead`."""
    if depth is None:
        return None
    return f"{depth.waiting:,} waiting, {depth.in_flight:,} in flight, {depth.dead:,} dead"
