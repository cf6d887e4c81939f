"""A Kafka cluster with one topic and one group: partitions, committed offsets, and members that come, go and die.

A rearrangement is cooperative: a partition that moves stays with its owner until that one has let go of it, or is taken
for dead. Nobody commits what is not theirs.
"""

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Final, NamedTuple, TypeVar

from retrograph.errors import DependencyDown
from retrograph.live.dead_letters import DeadLetter
from retrograph.live.log import DEPENDENCY, Member, Partition, Polled, Record
from retrograph.loading.events import Received
from tests.simulation.process import EPOCH_MILLIS, Process, ProcessClock, Witness

T = TypeVar("T")

TOPIC: Final = "events"
SESSION_SECONDS: Final = 6.0
FETCHED: Final = 4
POLL_SECONDS: Final = 0.5


class Seat:
    """A member as the cluster sees it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.seen_at = 0.0


class News(NamedTuple):
    """What a poll brings."""

    lost: bool
    revoked: Sequence[int]
    given: dict[int, int]
    records: dict[int, Sequence[Record]]


class Broker:
    """The cluster. `problems` takes what must never happen."""

    def __init__(self, random: Random, witness: Witness, partitions: int, problems: list[str]) -> None:
        self._random = random
        self._witness = witness
        self._problems = problems
        self.records: list[list[Record]] = [[] for _ in range(partitions)]
        self.committed = [0] * partitions
        self.owner: list[Seat | None] = [None] * partitions
        self.wanted: list[Seat | None] = [None] * partitions
        self.seats: list[Seat] = []
        self.dead_letters: list[DeadLetter] = []
        self.down = False

    @property
    def behind(self) -> int:
        """Records that are not done with."""
        return sum(len(found) - done for found, done in zip(self.records, self.committed, strict=True))

    def append(self, user_id: str, payload: bytes, now: float) -> None:
        """A user's events are in one partition."""
        records = self.records[zlib.crc32(user_id.encode()) % len(self.records)]
        received = Received(payload, EPOCH_MILLIS + int(now * 1000), user_id.encode())
        records.append(Record(len(records), received))

    def answer(self) -> None:
        """Raises DependencyDown while it is down."""
        if self.down:
            raise DependencyDown(DEPENDENCY, "the cluster does not answer")

    def join(self, seat: Seat, now: float) -> None:
        seat.seen_at = now
        if seat not in self.seats:
            self.seats.append(seat)
            self._deal()

    def leave(self, seat: Seat) -> None:
        """What it had is anybody's."""
        if seat in self.seats:
            self.seats.remove(seat)
        self.owner = [None if owner is seat else owner for owner in self.owner]
        self._deal()

    def release(self, seat: Seat, partitions: Sequence[int]) -> None:
        """A member has let go of these."""
        for number in partitions:
            if self.owner[number] is seat:
                self.owner[number] = None
        self._settle()

    def replay(self) -> None:
        """The group is stopped, its offsets are set to 0, and it begins again."""
        for seat in list(self.seats):
            self.leave(seat)
        self.committed = [0] * len(self.records)

    def look(self, now: float) -> None:
        """Takes those for dead that were not heard of for long."""
        for seat in list(self.seats):
            if not (seat.process.dead or seat.process.frozen):
                seat.seen_at = now
            elif now - seat.seen_at > SESSION_SECONDS:
                self._witness.saw("kafka", f"takes {seat.process.name} for dead")
                self.leave(seat)

    def commit(self, seat: Seat, number: int, offset: int) -> None:
        """Raises DependencyDown where the partition is not that member's."""
        self.answer()
        if self.owner[number] is not seat:
            raise DependencyDown(DEPENDENCY, "the group is being rearranged")
        # One that comes late was sent over a connection that is gone.
        self.committed[number] = max(offset, self.committed[number])

    def judge(self, seat: Seat, number: int, offset: int, before: int) -> None:
        """Nobody wants to go back."""
        if offset < before:
            self._problems.append(f"{seat.process.name} committed {offset} of {number} after {before}")

    def fetch(self, seat: Seat, held: dict[int, int], paused: set[int], now: float) -> News:
        """`held`: where the member is in what it believes to have."""
        self.answer()
        expelled = seat not in self.seats
        self.join(seat, now)
        if expelled and held:
            return News(True, (), {}, {})
        mine = {number for number, owner in enumerate(self.owner) if owner is seat}
        revoked = [number for number in sorted(mine) if self.wanted[number] is not seat]
        given = {number: self.committed[number] for number in sorted(mine - held.keys()) if number not in revoked}
        positions = {number: at for number, at in (held | given).items() if number in mine and number not in revoked}
        records = {
            number: self.records[number][at : at + 1 + self._random.randrange(FETCHED)]
            for number, at in positions.items()
            if number not in paused
        }
        return News(False, revoked, given, {number: found for number, found in records.items() if found})

    def _deal(self) -> None:
        seats = list(self.seats)
        self._random.shuffle(seats)
        self.wanted = [seats[number % len(seats)] if seats else None for number in range(len(self.records))]
        self._settle()

    def _settle(self) -> None:
        for number, wanted in enumerate(self.wanted):
            if self.owner[number] is None:
                self.owner[number] = wanted


class BrokerLog:
    """One member's view; see `live.log.Log`."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self._broker = broker
        self._process = process
        self._clock = ProcessClock(process)
        self._seat = Seat(process)
        self._member: Member | None = None
        self._positions: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._paused: set[int] = set()
        self._interrupted = False

    def join(self, member: Member) -> None:
        self._member = member

    async def poll(self) -> Polled:
        assert self._member is not None
        try:
            news = await self._ask("poll", self._fetched)
        except DependencyDown:
            news = News(False, (), {}, {})
        if news.lost:
            await self._dropped(list(self._positions), lost=True)
        if news.revoked:
            await self._dropped([number for number in news.revoked if number in self._positions], lost=False)
            await self._released(news.revoked)
        if news.given:
            self._positions.update(news.given)
            self._committed.update(news.given)
            self._paused.difference_update(news.given)
            await self._member.given([Partition(TOPIC, number) for number in news.given])
        for number, found in news.records.items():
            self._positions[number] = found[-1].offset + 1
        if not news.records and not self._interrupted:
            await self._clock.sleep(POLL_SECONDS)
        return Polled({Partition(TOPIC, number): found for number, found in news.records.items()}, {})

    async def pause(self, partitions: Sequence[Partition]) -> None:
        self._paused.update(partition.number for partition in partitions)

    async def resume(self, partitions: Sequence[Partition]) -> None:
        self._paused.difference_update(partition.number for partition in partitions)

    async def commit(self, partition: Partition, offset: int) -> None:
        number = partition.number
        self._broker.judge(self._seat, number, offset, self._committed.get(number, 0))
        self._committed[number] = offset
        await self._ask("commit", lambda: self._broker.commit(self._seat, number, offset))

    def interrupt(self) -> None:
        self._interrupted = True

    async def close(self) -> None:
        try:
            await self._ask("leave", lambda: self._broker.leave(self._seat))
        except DependencyDown:
            self._broker.leave(self._seat)  # its session ends by itself

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """See `live.dead_letters.DeadLetters`."""

        def kept() -> None:
            self._broker.answer()
            self._broker.dead_letters.extend(letters)

        await self._ask("dead letters", kept)

    def _fetched(self) -> News:
        now = self._process.loop.time()
        return self._broker.fetch(self._seat, dict(self._positions), set(self._paused), now)

    async def _dropped(self, numbers: Sequence[int], *, lost: bool) -> None:
        assert self._member is not None
        await self._member.taken([Partition(TOPIC, number) for number in numbers], lost=lost)
        for number in numbers:
            self._positions.pop(number, None)

    async def _released(self, numbers: Sequence[int]) -> None:
        try:
            await self._ask("release", lambda: self._broker.release(self._seat, numbers))
        except DependencyDown:
            return  # they are revoked once more

    async def _ask(self, what: str, work: Callable[[], T]) -> T:
        async def served() -> T:
            return work()

        return await self._process.ask(f"kafka.{what}", served, partial(DependencyDown, DEPENDENCY), lambda: None)
