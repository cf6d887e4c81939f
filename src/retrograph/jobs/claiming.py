"""Taking a lease that somebody may hold: whether the holder lives shows within one renewal."""

import os
import socket
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from retrograph.clock import Clock
from retrograph.errors import JobRefused
from retrograph.jobs.job import Job
from retrograph.jobs.runner import Taken
from retrograph.jobs.store import Claim, Claimed, Held, JobStore, NotClaimable

POLL_SECONDS: Final = 0.25
"""Well under the second within which another process must have taken over a job whose lease has run out."""


def process_name() -> str:
    """Names this process in the store: host, process and start, and something no other one has. Each of its claims
    adds a number: a store that was restored may hand out the same epoch again, even to the same process."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(time.time())}:{uuid4().hex[:8]}"


async def take(
    store: JobStore,
    claim: Claim,
    clock: Clock,
    said: Callable[[str], None],
    *,
    wait: bool = True,
    alive: Callable[[Job], bool] = lambda job: False,
) -> Taken | NotClaimable:
    """Claims; where another process holds the lease, waits until that is seen renewed, or has run out. `alive` knows
    some holders to live: those of this process.

    Raises JobRefused: `running` (this job), `other-job-running` (the lane's other one; at once without `wait`).
    """
    seen: Job | None = None
    while True:
        at = clock.monotonic()
        answer = await store.claim(claim)
        if isinstance(answer, Claimed):
            return Taken(claimed=answer, at=at)
        if isinstance(answer, NotClaimable):
            return answer
        if not wait or alive(answer.job) or _lives(seen, answer.job):
            raise _refusal(claim, answer)
        if seen is None or seen.job_id != answer.job.job_id:
            said(_waiting(claim, answer.job))
            seen = answer.job
        await clock.sleep(POLL_SECONDS)


def _lives(seen: Job | None, now: Job) -> bool:
    """Whether the holder has shown that it lives: it has renewed the lease, or somebody has taken it since."""
    if seen is None or seen.job_id != now.job_id:
        return False
    return (seen.epoch, seen.lease_until) != (now.epoch, now.lease_until)


def _waiting(claim: Claim, held: Job) -> str:
    what = f"job {held.key} is held by {held.holder}"
    return f"{what}: waiting to see whether that process lives, {claim.lease_ms / 1000:g} s at the most"


def _refusal(claim: Claim, held: Held) -> JobRefused:
    job = held.job
    if job.job_id == claim.job_id:
        return JobRefused("running", f"job {job.key} is running already, held by {job.holder}")
    return JobRefused(
        "other-job-running",
        f"job {job.key} is running, and only one of kind {job.kind} runs at a time: wait for it or stop it",
    )
