"""Counts what came of the items that a run has sent, and knows when there is nothing left to wait for.

An attempt ends by its outcome, by its message being given up, or because the queue has forgotten it: whichever is
first. All three are rows of the same table, so that the job ends exactly when each request has one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, RetrographError
from retrograph.jobs.courier import Courier, Dead
from retrograph.jobs.halt import Halt
from retrograph.jobs.job import Job
from retrograph.jobs.ledger import Ledger
from retrograph.jobs.outcomes import DEAD_LETTER, ItemOutcome, Settled
from retrograph.jobs.state import PauseReason
from retrograph.jobs.store import JobStore

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
DEPTH_SECONDS: Final = 5.0
DEAD_SECONDS: Final = 10.0
EXPIRE_SECONDS: Final = 60.0


class Settlement:
    """The outcomes of one job, while a run of it goes on. Without a courier it only waits for them."""

    def __init__(
        self,
        store: JobStore,
        job: Job,
        courier: Courier | None,
        ledger: Ledger,
        halt: Halt,
        clock: Clock,
        retention_seconds: float,
    ) -> None:
        self._store = store
        self._job = job
        self._courier = courier
        self._ledger = ledger
        self._halt = halt
        self._clock = clock
        self._retention_ms = int(retention_seconds * 1000)
        self._looked: dict[str, float] = {}
        self._in_a_row = 0
        self._looking = asyncio.Lock()

    async def keep(self) -> None:
        """Counts until cancelled, beside the sending."""
        while True:
            await self._patiently()
            await self._clock.sleep(LOOK_SECONDS)

    async def to_the_end(self) -> None:
        """Returns when everything that was sent is counted; what was sent must have been saved before."""
        while not self._halt.asked and ((settled := await self._patiently()) is None or settled.outstanding):
            await self._clock.sleep(LOOK_SECONDS)

    async def _patiently(self) -> Settled | None:
        """A store that is away is asked again: whoever keeps the lease decides how long that may go on."""
        try:
            return await self.look()
        except DependencyDown as error:
            log.debug("job %s: outcomes cannot be counted: %s", self._job.key, error)
            return None

    async def look(self) -> Settled:
        """Counts what is there. Raises DependencyDown where the store is away."""
        async with self._looking:
            await self._beside("expiring", EXPIRE_SECONDS, self._expire)
            if self._courier is not None:
                await self._beside("dead letters", DEAD_SECONDS, self._bury)
                await self._beside("depth", DEPTH_SECONDS, self._measure)
            while True:
                settled = await self._store.settle(self._job.job_id)
                self._ledger.tally.adopt(settled.counts)
                self._judge(settled)
                if not settled.more:
                    return settled

    def _judge(self, settled: Settled) -> None:
        """Too many failures in a row, in order of completion, mean that something else is broken."""
        for status in settled.statuses:
            self._in_a_row = self._in_a_row + 1 if status == "failed" else 0
            if self._in_a_row >= self._job.parameters.max_consecutive_failures:
                why = f"{self._in_a_row} items failed in a row, the last with: {settled.last_error}"
                self._halt.pause(PauseReason.CONSECUTIVE_FAILURES, why)

    async def _beside(self, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        now = self._clock.monotonic()
        if now - self._looked.get(name, float("-inf")) < seconds:
            return
        self._looked[name] = now
        try:
            await work()
        except RetrographError as error:
            log.debug("job %s: %s: %s", self._job.key, name, error)

    async def _expire(self) -> None:
        await self._store.expire(self._job.job_id, self._retention_ms)

    async def _measure(self) -> None:
        assert self._courier is not None
        self._ledger.depth = await self._courier.depth()

    async def _bury(self) -> None:
        """First the books, then the message: a crash between the two buries it once more, which changes nothing."""
        assert self._courier is not None
        if dead := await self._courier.dead():
            await self._store.record(self._job.job_id, [_failed(one) for one in dead])
            await self._courier.forget(dead)


def _failed(dead: Dead) -> ItemOutcome:
    message = "its message was received too often without an outcome: the workers that had it died, or took too long"
    return ItemOutcome(
        item=dead.attempt.item,
        attempt=dead.attempt.attempt,
        status="failed",
        error_class=DEAD_LETTER,
        message=message,
    )
