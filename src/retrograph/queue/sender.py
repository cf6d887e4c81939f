"""Sends requests that belong to no job: enrolments, and users whom somebody else wants loaded.

The same batch sent again is the same requests: their ids are derived from its key.
"""

from collections.abc import AsyncIterable, Sequence
from typing import Final, Protocol
from uuid import UUID, uuid5

from retrograph.clock import Clock, iso, to_millis
from retrograph.errors import DependencyDown
from retrograph.jobs.courier import QUEUE
from retrograph.jobs.definitions import DEFAULT_LOOKBACK_DAYS
from retrograph.queue.message import LoadRequest, Priority, Reason, encode
from retrograph.queue.queue import MOST_AT_ONCE, Queue

TRIES: Final = 4
FIRST_REST_SECONDS: Final = 0.25
_NAMESPACE: Final = UUID("0d1f3f52-7f2e-5c55-8d2b-0c7c1f1b6a34")


class Wanted(Protocol):
    """Users to load for one reason. The same key stands for the same users."""

    @property
    def key(self) -> str: ...

    @property
    def reason(self) -> Reason: ...

    @property
    def users(self) -> AsyncIterable[str]: ...

    @property
    def priority(self) -> Priority: ...


class RequestSender:
    """Sends to one queue, for one graph."""

    def __init__(
        self, queue: Queue, graph_id: str, clock: Clock, *, lookback_days: int = DEFAULT_LOOKBACK_DAYS
    ) -> None:
        self._queue = queue
        self._graph_id = graph_id
        self._clock = clock
        self._lookback_days = lookback_days

    async def request(self, batch: Wanted) -> None:
        """Returns once the queue has taken every request. Raises DependencyDown where it does not; what it took stays
        taken, and sending all of them again is harmless."""
        some: list[str] = []
        async for user_id in batch.users:
            some.append(encode(self._request(batch, user_id)))
            if len(some) == MOST_AT_ONCE:
                await self._sent(some)
                some = []
        if some:
            await self._sent(some)

    async def _sent(self, bodies: Sequence[str]) -> None:
        left, rest = list(bodies), FIRST_REST_SECONDS
        for attempt in range(1, TRIES + 1):
            answers = await self._queue.send(left)
            refused = [why for why in answers if why is not None]
            left = [body for body, why in zip(left, answers, strict=True) if why is not None]
            if not left:
                return
            if attempt < TRIES:
                await self._clock.sleep(rest)
                rest *= 2
        raise DependencyDown(QUEUE, f"the queue did not take {len(left)} of {len(bodies)} messages: {refused[0]}")

    def _request(self, batch: Wanted, user_id: str) -> LoadRequest:
        return LoadRequest(
            user_id=user_id,
            reason=batch.reason,
            requested_at=iso(to_millis(self._clock.now())),
            lookback_days=self._lookback_days,
            request_id=f"{batch.reason}-{uuid5(_NAMESPACE, f'{batch.key}/{user_id}')}",
            priority=batch.priority,
            graph_id=self._graph_id,
        )
