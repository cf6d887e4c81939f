"""The port of a queue: what workers and couriers ask of it, as verbs.

All verbs raise DependencyDown where the queue does not answer, NotPermitted where it refuses our credentials, and
NoSuchQueue where there is none of that name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from retrograph.errors import ConfigurationError
from retrograph.jobs.job import Depth

MOST_AT_ONCE: Final = 10
"""Messages in one call."""


class NoSuchQueue(ConfigurationError):
    """There is no queue at that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that this process has until its visibility ends. `handle` is good for this one delivery only."""

    body: str
    handle: str
    receives: int
    """How often it was delivered, this time included."""


class Queue(Protocol):
    """One queue."""

    @property
    def url(self) -> str:
        """Its address, for people."""
        ...

    async def send(self, bodies: Sequence[str]) -> Sequence[str | None]:
        """Sends at most ten; answers for each why it was not taken, `None` where it was."""
        ...

    async def receive(self, most: int, *, wait_seconds: int, visibility_seconds: int) -> Sequence[Received]:
        """At most that many, at most ten; waits for the first one. They are hidden from others for `visibility`."""
        ...

    async def extend(self, handle: str, seconds: int) -> bool:
        """Hides a message for so long from now on, 0 to show it at once. False where the handle is stale: its time
        was over, or the message is gone. Then others have it, which does no harm."""
        ...

    async def delete(self, handles: Sequence[str]) -> Sequence[str]:
        """Deletes at most ten; answers those handles that were not deleted and may be tried again. A stale handle
        counts as done: its message is another's now, or gone."""
        ...

    async def depth(self) -> Depth:
        """How full it and its dead-letter queue are, about."""
        ...

    async def dead_letters(self) -> "Queue | None":
        """Its dead-letter queue, where it has one."""
        ...

    async def ping(self) -> None:
        """Raises where it cannot be spoken to."""
        ...
