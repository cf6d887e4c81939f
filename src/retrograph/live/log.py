"""The port of a log of events: what a member of a consumer group asks it, and is told by it.

A record is done with when its offset is committed; one that was not comes again, to this member or to another.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from retrograph.loading.events import Received

DEPENDENCY = "kafka"
"""Its name among the dependencies."""


class Partition(NamedTuple):
    """One part of a topic, whose records are in order."""

    topic: str
    number: int


class Record(NamedTuple):
    """One event at its place in a partition."""

    offset: int
    event: Received


class Polled(NamedTuple):
    """What has come. `lost`: partitions of which the topic no longer holds the committed offset, or never did: they
    are not read until an operator has said where to go on."""

    records: Mapping[Partition, Sequence[Record]]
    lost: Mapping[Partition, str]


class Member(Protocol):
    """Whoever reads the partitions that the group gives it; told from `poll` and `close`."""

    async def given(self, partitions: Sequence[Partition]) -> None:
        """These are ours from now on."""
        ...

    async def taken(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """These shall go to another member: returns when no batch of theirs is under way, and what has ended is
        committed. `lost`: they have gone already, so nothing can be committed."""
        ...


class Log(Protocol):
    """One member's view of one topic."""

    def join(self, member: Member) -> None:
        """Enters the group; partitions are given while it is polled."""
        ...

    async def poll(self) -> Polled:
        """What has come since, or within a fraction of a second. Must be called all the time, so that the group
        takes the member for alive. Raises DependencyDown where the member must be made anew."""
        ...

    async def pause(self, partitions: Sequence[Partition]) -> None:
        """Nothing of these comes until they are resumed."""
        ...

    async def resume(self, partitions: Sequence[Partition]) -> None:
        """They go on where they were."""
        ...

    async def commit(self, partition: Partition, offset: int) -> None:
        """All before that offset is done with. Raises DependencyDown, also while the group is being rearranged: then
        it is repeated as long as the partition is ours."""
        ...

    def interrupt(self) -> None:
        """Nothing more is wanted: a poll that waits for a cluster that is away returns soon."""
        ...

    async def close(self) -> None:
        """Leaves the group, so that others take over at once."""
        ...
