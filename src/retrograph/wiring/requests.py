"""Loads that enrolments and the detector ask for, done in this process: each batch is a job of a lane of its own."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from retrograph.enrolment.requests import Batch, Reason
from retrograph.jobs.requests import StartAnswer, StartRequest
from retrograph.wiring.purchases import FrozenUsers

KINDS: Final[Mapping[Reason, str]] = {"enrollment": "enrolment", "newly_enabled": "newly-enabled"}
"""The kind of job that a batch becomes: none of them counts among the jobs of which one may run at a time."""
_SOURCES: Final[Mapping[Reason, str]] = {"enrollment": "enrolled", "newly_enabled": "newly enabled"}


class JobRequests:
    """See `enrolment.requests.LoadRequests`. `start` is a fleet's, whose jobs run in the background, or one that runs
    the job to its end."""

    def __init__(
        self,
        start: Callable[[StartRequest], Awaitable[StartAnswer]],
        *,
        lookback_days: int,
        sent: Collection[Reason] = (),
    ) -> None:
        """Batches of the reasons in `sent` are sent to workers, through the bulk queue."""
        self._start = start
        self._lookback_days = lookback_days
        self._sent = sent

    async def request(self, batch: Batch) -> None:
        # A job of that key that is there already, running or done, is what a crash has left unnoted.
        source = FrozenUsers(
            digest=hashlib.sha256(batch.key.encode()).hexdigest(),
            source={_SOURCES[batch.reason]: batch.count},
            ids=batch.users,
        )
        parameters: dict[str, object] = {"lookback_days": self._lookback_days}
        if batch.reason in self._sent:
            parameters["executor"] = "queue"
        kind = KINDS[batch.reason]
        await self._start(StartRequest(kind=kind, source=source, parameters=parameters, key=batch.key, who=batch.who))
