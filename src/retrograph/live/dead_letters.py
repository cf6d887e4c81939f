"""Dead letters: events that could not be decoded, or that the graph refused. They keep their bytes, key and instant.

They go to `<topic>.dead-letter` with the reason in headers, and can be listed, and sent again to the topic they are of.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from retrograph.clock import iso
from retrograph.live.log import Partition, Record

SUFFIX: Final = ".dead-letter"
LONGEST_MESSAGE: Final = 1_000


def dead_letter_topic(topic: str) -> str:
    """Where the dead letters of a topic go."""
    return topic + SUFFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One event, unchanged, and why it is here. Instants are milliseconds.

    Its record's own instant travels in a header: were it the dead letter's, a topic that forgets what is old would
    forget the dead letter of an old event at once.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    recorded_at: int
    error_class: str
    error_message: str
    failed_at: int

    @property
    def headers(self) -> dict[str, str]:
        """As the contract names them."""
        return {
            "error-class": self.error_class,
            "error-message": self.error_message,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "failed-at": iso(self.failed_at),
            "recorded-at": str(self.recorded_at),
        }


def dead_letter(partition: Partition, record: Record, error: Exception, failed_at: int) -> DeadLetter:
    """The dead letter of a record that an error has ended."""
    return DeadLetter(
        topic=partition.topic,
        partition=partition.number,
        offset=record.offset,
        key=record.event.key,
        value=record.event.payload,
        recorded_at=record.event.recorded_at,
        error_class=type(error).__name__,
        error_message=str(error)[:LONGEST_MESSAGE],
        failed_at=failed_at,
    )


class Filed(NamedTuple):
    """A dead letter as its topic holds it. `place` names it; the headers are what was found, complete or not."""

    place: tuple[int, int]
    key: bytes | None
    value: bytes
    recorded_at: int
    headers: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """As `live dead-letters list --json` prints it."""
        return {
            "partition": self.place[0],
            "offset": self.place[1],
            "key": None if self.key is None else self.key.decode("utf-8", "replace"),
            "headers": dict(self.headers),
            "value": self.value.decode("utf-8", "replace"),
        }


class DeadLetters(Protocol):
    """Where they are kept."""

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Returns when all are acknowledged. Raises DependencyDown."""
        ...


class DeadLetterFile(Protocol):
    """What an operator does with them."""

    def filed(self, topic: str) -> AsyncIterator[Filed]:
        """Those of a topic that there are now, partition by partition, oldest first. Raises DependencyDown."""
        ...

    async def replay(self, topic: str) -> int:
        """Sends those that were not replayed yet to their topic again; returns how many. One that fails again comes
        back as a new dead letter. Raises DependencyDown."""
        ...
