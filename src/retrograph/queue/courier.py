"""Carries a job's items to the workers: one message for each attempt, and the dead letters back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from retrograph.clock import Clock, to_millis
from retrograph.errors import RetrographError
from retrograph.jobs.courier import Dead
from retrograph.jobs.job import Depth, Job
from retrograph.jobs.outcomes import Attempt
from retrograph.queue.message import LoadRequest, Undecodable, decode, encode, of_job, request_id
from retrograph.queue.queue import MOST_AT_ONCE, Queue, Received

LOOKED_THROUGH: Final = 1_000
"""Dead letters looked at in one pass; the next pass goes on with the rest."""

NEWLY_ENABLED: Final = "newly-enabled"
"""The kind of job whose requests say so."""

HIDDEN_SECONDS: Final = 60
"""How long a pass may take before others see the same dead letters."""


class QueueCourier:
    """`Courier` of one job over a queue; `close` gives back what was opened for it."""

    def __init__(self, queue: Queue, job: Job, clock: Clock, close: Callable[[], Awaitable[None]]) -> None:
        self._queue = queue
        self._job = job
        self._clock = clock
        self._close = close
        self._dead: Queue | None = None
        self._dead_known = False

    async def send(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
        answers = await self._queue.send([encode(self._request(attempt)) for attempt in attempts])
        return {attempt: why for attempt, why in zip(attempts, answers, strict=True) if why is not None}

    async def dead(self) -> Sequence[Dead]:
        """Those of this job. The others are shown again at once: they are somebody else's."""
        queue = await self._dead_letters()
        if queue is None:
            return []
        mine: list[Dead] = []
        others: list[Received] = []
        while len(mine) + len(others) < LOOKED_THROUGH:
            found = await queue.receive(MOST_AT_ONCE, wait_seconds=0, visibility_seconds=HIDDEN_SECONDS)
            if not found:
                break
            for message in found:
                attempt = self._attempt_of(message)
                if attempt is None:
                    others.append(message)
                else:
                    mine.append(Dead(attempt=attempt, handle=message.handle))
        for message in others:
            await queue.extend(message.handle, 0)
        return mine

    async def forget(self, dead: Sequence[Dead]) -> None:
        queue = await self._dead_letters()
        if queue is not None:
            for at in range(0, len(dead), MOST_AT_ONCE):
                await queue.delete([one.handle for one in dead[at : at + MOST_AT_ONCE]])

    async def depth(self) -> Depth:
        return await self._queue.depth()

    async def ping(self) -> bool:
        try:
            await self._queue.ping()
        except RetrographError:
            return False
        return True

    async def close(self) -> None:
        await self._close()

    def _request(self, attempt: Attempt) -> LoadRequest:
        job = self._job
        return of_job(
            job_id=job.job_id,
            job_key=job.key,
            graph_id=job.graph_id,
            user_id=attempt.item,
            attempt=attempt.attempt,
            as_of=job.spec.as_of,
            lookback_days=job.spec.lookback_days,
            now=to_millis(self._clock.now()),
            reason="newly_enabled" if job.kind == NEWLY_ENABLED else "batch_backfill",
        )

    def _attempt_of(self, message: Received) -> Attempt | None:
        """The attempt, where the message is one of this job's: its id proves it."""
        try:
            request = decode(message.body)
        except Undecodable:
            return None
        mine = request_id(self._job.job_id, request.user_id, request.attempt)
        return Attempt(request.user_id, request.attempt) if request.request_id == mine else None

    async def _dead_letters(self) -> Queue | None:
        if not self._dead_known:
            self._dead = await self._queue.dead_letters()
            self._dead_known = True
        return self._dead
