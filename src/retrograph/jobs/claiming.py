"""Taking a lease that somebody may hold: whether the holder lives shows within one renewal."""

import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import uuid4

from retrograph.clock import Clock
from retrograph.errors import JobRefused
from retrograph.jobs.job import Job
from retrograph.jobs.runner import Taken
from retrograph.jobs.store import Claim, ClaimAnswer, Claimed, Held, JobStore, NotClaimable

RUNNING: Final = "running"
OTHER_RUNS: Final = "other-job-running"

POLL_SECONDS: Final = 0.25
"""Well under the second within which another process must have taken over a job whose lease has run out."""


def process_name() -> str:
    """Names this process in the store: host, process and start, and something no other one has. Each of its claims
    adds a number: a store that was restored may hand out the same epoch again, even to the same process."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(time.time())}:{uuid4().hex[:8]}"


class Refusal(JobRefused):
    """`job` is the one that runs: this very one, or the other one of its lane."""

    def __init__(self, reason: str, message: str, job: Job) -> None:
        super().__init__(reason, message)
        self.job = job


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

    Raises Refusal: `running` (this job), `other-job-running` (the lane's other one; at once without `wait`).
    """
    at = 0.0

    async def asked() -> ClaimAnswer:
        nonlocal at
        at = clock.monotonic()
        return await store.claim(claim)

    answer = await _unopposed(asked, clock, said, claim.lease_ms, wait=wait, alive=alive)
    if isinstance(answer, Held):
        raise _refusal(answer.job, itself=answer.job.job_id == claim.job_id)
    return Taken(claimed=answer, at=at) if isinstance(answer, Claimed) else answer


async def await_lane(
    store: JobStore,
    lane: str,
    clock: Clock,
    said: Callable[[str], None],
    lease_ms: int,
    *,
    alive: Callable[[Job], bool],
) -> None:
    """Sees that no job of the lane runs, before one is made. Raises Refusal: `other-job-running`."""
    held = await _unopposed(lambda: store.rival(lane), clock, said, lease_ms, wait=True, alive=alive)
    if held is not None:
        raise _refusal(held.job, itself=False)


Answer = TypeVar("Answer")


async def _unopposed(
    ask: Callable[[], Awaitable[Answer]],
    clock: Clock,
    said: Callable[[str], None],
    lease_ms: int,
    *,
    wait: bool,
    alive: Callable[[Job], bool],
) -> Answer:
    """The first answer that no lease stands against, or the one of a holder who is known to live."""
    seen: Job | None = None
    while True:
        answer = await ask()
        if not isinstance(answer, Held) or not wait or alive(answer.job) or _lives(seen, answer.job):
            return answer
        if seen is None or seen.job_id != answer.job.job_id:
            said(_waiting(answer.job, lease_ms))
            seen = answer.job
        await clock.sleep(POLL_SECONDS)


def _lives(seen: Job | None, now: Job) -> bool:
    """Whether the holder has shown that it lives: it has renewed the lease, or somebody has taken it since."""
    if seen is None or seen.job_id != now.job_id:
        return False
    return (seen.epoch, seen.lease_until) != (now.epoch, now.lease_until)


def _waiting(held: Job, lease_ms: int) -> str:
    what = f"job {held.key} is held by {held.holder}"
    return f"{what}: waiting to see whether that process lives, {lease_ms / 1000:g} s at the most"


def _refusal(job: Job, *, itself: bool) -> Refusal:
    if itself:
        return Refusal(RUNNING, f"job {job.key} is running already, held by {job.holder}", job)
    why = f"job {job.key} is running, and only one of kind {job.kind} runs at a time: wait for it or stop it"
    return Refusal(OTHER_RUNS, why, job)
