"""Who carries items to other processes, and what comes back of those that nobody could deliver.

A port: the queue implements it. A run that has a courier sends its items instead of doing them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from retrograph.jobs.job import Depth, Job
from retrograph.jobs.outcomes import Attempt

BATCH: Final = 10
"""How many requests travel together."""

QUEUE: Final = "queue"
"""The dependency that is down where nothing can be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A request of this job that was given up; `handle` is how the courier forgets it."""

    attempt: Attempt
    handle: str


class Courier(Protocol):
    """Carries the requests of one job. All verbs raise DependencyDown, and ConfigurationError where it is told off."""

    async def send(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
        """Sends at most `BATCH`; answers those that were not taken, and why. Sending again is harmless."""
        ...

    async def dead(self) -> Sequence[Dead]:
        """Requests of this job that were received too often; they stay until they are forgotten."""
        ...

    async def forget(self, dead: Sequence[Dead]) -> None:
        """These are in the books now."""
        ...

    async def depth(self) -> Depth:
        """How full the queue is, about."""
        ...

    async def ping(self) -> bool:
        """Whether it can be spoken to."""
        ...

    async def close(self) -> None:
        """Gives back its connections."""
        ...


class Couriers(Protocol):
    """Where couriers come from: what this process is configured to send through."""

    @property
    def retention_seconds(self) -> float:
        """What was sent so long ago, and nobody answered, is lost."""
        ...

    def check(self, kind: str) -> None:
        """Raises UsageError where jobs of that kind are not sent."""
        ...

    async def address(self, named: str | None) -> str:
        """The address of the queue of that name or address, or of the configured one, after it has answered. Raises
        UsageError where none is configured, NoSuchQueue, NotPermitted, DependencyDown."""
        ...

    async def open(self, job: Job) -> Courier:
        """The courier of a job, to the queue that is the job's own. Raises DependencyDown, ConfigurationError."""
        ...
