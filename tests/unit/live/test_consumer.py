"""One member of a group over a log in memory: in order, committed only when written, and nothing left out."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from retrograph.errors import DependencyDown, UndecodableEvent
from retrograph.live.commits import MOST_UNCOMMITTED
from retrograph.live.consumer import Consumer
from retrograph.live.dead_letters import DeadLetter
from retrograph.live.lane import BUFFERED_BATCHES, Means, Tally
from retrograph.live.log import Member, Partition, Polled, Record
from retrograph.loading.events import Received, Refused, Written

pytestmark = pytest.mark.asyncio
FIRST, SECOND = Partition("topic", 0), Partition("topic", 1)
BATCH = 3


class HastyClock:
    """Every wait is over as soon as the others have had their turn."""

    def now(self) -> datetime:
        return datetime(2018, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class MemoryLog:
    """Two partitions; the group gives both, and takes what a test says."""

    def __init__(self) -> None:
        self.records: Mapping[Partition, list[Record]] = defaultdict(list)
        self.ends: Counter[Partition] = Counter()
        self.lost: dict[Partition, str] = {}
        self.committed: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.refuses_commits = 0
        self.commits: list[tuple[Partition, int]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.closed = False
        self.polls = 0
        self._member: Member
        self._news: list[Callable[[], Any]] = []

    def publish(self, partition: Partition, *events: str) -> None:
        for event in events:
            self.records[partition].append(Record(self.ends[partition], Received(event.encode(), 0)))
            self.ends[partition] += 1

    async def take(self, partition: Partition, *, lost: bool = False) -> None:
        """Returns when the member has let go, as the group's poll does."""
        gone = asyncio.Event()

        async def news() -> None:
            await self._member.taken([partition], lost=lost)
            gone.set()

        self._news.append(news)
        await gone.wait()

    def join(self, member: Member) -> None:
        self._member = member
        self._news.append(lambda: member.given([FIRST, SECOND]))

    async def poll(self) -> Polled:
        await asyncio.sleep(0)
        self.polls += 1
        while self._news:
            await self._news.pop(0)()
        found = {each: held[:] for each, held in self.records.items() if held and each not in self.paused}
        for partition in found:
            self.records[partition].clear()
        return Polled(found, self.lost)

    async def pause(self, partitions: Sequence[Partition]) -> None:
        self.paused.update(partitions)

    async def resume(self, partitions: Sequence[Partition]) -> None:
        self.paused.difference_update(partitions)

    async def commit(self, partition: Partition, offset: int) -> None:
        self.commits.append((partition, offset))
        await self.answers.wait()
        if self.refuses_commits:
            self.refuses_commits -= 1
            raise DependencyDown("kafka", "the group is being rearranged")
        self.committed[partition] = offset

    def interrupt(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        self.closed = True


class Graph:
    """Writes what it is given: `held` events wait until they are released, `bad` ones are refused."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.tried: Counter[str] = Counter()
        self.held: dict[str, asyncio.Event] = {}
        self.down = False

    def hold(self, event: str) -> asyncio.Event:
        return self.held.setdefault(event, asyncio.Event())

    async def write(self, events: Sequence[Received]) -> Written:
        names = [event.payload.decode() for event in events]
        self.tried.update(names)
        for name in names:
            if name in self.held:
                await self.held[name].wait()
        if self.down:
            raise DependencyDown("graph", "the graph does not answer")
        refused = [Refused(place, UndecodableEvent(name)) for place, name in enumerate(names) if name.startswith("bad")]
        self.written += [name for name in names if not name.startswith("bad")]
        return Written(counts=Counter(written=len(names) - len(refused)), refused=refused)


class Letters:
    """Acknowledges dead letters, unless it is away."""

    def __init__(self) -> None:
        self.sent: list[DeadLetter] = []
        self.tries = 0
        self.away = False

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        self.tries += 1
        if self.away:
            raise DependencyDown("kafka", "nobody acknowledges")
        self.sent += letters


class Scene:
    """A consumer that runs, and what it works with."""

    def __init__(self) -> None:
        self.log, self.graph, self.letters, self.tally = MemoryLog(), Graph(), Letters(), Tally()
        self.consumer = Consumer(
            Means(
                writes=self.graph,
                dead_letters=self.letters,
                log=self.log,
                clock=HastyClock(),
                tally=self.tally,
                batch=BATCH,
            )
        )

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(100_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came about")

    async def polls(self, count: int = 20) -> None:
        """The consumer has had so many turns: what it would do, it has done."""
        end = self.log.polls + count
        await self.until(lambda: self.log.polls >= end)


@asynccontextmanager
async def running() -> AsyncIterator[Scene]:
    scene = Scene()
    task = asyncio.create_task(scene.consumer.run())
    await scene.until(lambda: scene.tally.partitions == {FIRST, SECOND})
    yield scene
    scene.consumer.end()
    async with asyncio.timeout(5):
        await task
    assert scene.log.closed


async def test_offsets_are_committed_after_the_write_batch_by_batch_in_order() -> None:
    async with running() as scene:
        released = scene.graph.hold("b")
        scene.log.publish(FIRST, "a", "b", "c", "d")
        await scene.until(lambda: scene.graph.tried["a"])
        await scene.polls()
        assert scene.log.committed == {}
        released.set()
        await scene.until(lambda: scene.log.committed == {FIRST: 4})
        assert scene.graph.written == ["a", "b", "c", "d"]
        assert scene.tally.events == scene.tally.counts["written"] == 4


async def test_partitions_do_not_wait_for_one_another() -> None:
    async with running() as scene:
        released = scene.graph.hold("slow")
        scene.log.publish(FIRST, "slow")
        scene.log.publish(SECOND, "quick")
        await scene.until(lambda: scene.log.committed == {SECOND: 1})
        assert scene.graph.written == ["quick"]
        released.set()
        await scene.until(lambda: scene.log.committed == {FIRST: 1, SECOND: 1})


async def test_what_is_down_pauses_the_partition_and_the_same_batch_is_written_later() -> None:
    async with running() as scene:
        scene.graph.down = True
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: FIRST in scene.log.paused)
        assert scene.tally.waiting == {FIRST: "the graph does not answer"}
        scene.log.publish(FIRST, "b")
        before = scene.graph.tried["a"]
        await scene.until(lambda: scene.graph.tried["a"] > before + 3)
        assert (scene.log.committed, scene.graph.tried["b"]) == ({}, 0)
        scene.graph.down = False
        await scene.until(lambda: scene.log.committed == {FIRST: 2})
        assert scene.graph.written == ["a", "b"]
        assert (scene.tally.waiting, scene.log.paused) == ({}, set())


async def test_a_partition_with_enough_waiting_is_paused_until_it_has_room() -> None:
    async with running() as scene:
        released = scene.graph.hold("0")
        scene.log.publish(FIRST, *map(str, range(BATCH * (BUFFERED_BATCHES + 1))))
        await scene.until(lambda: FIRST in scene.log.paused)
        assert SECOND not in scene.log.paused
        released.set()
        await scene.until(lambda: scene.log.committed == {FIRST: BATCH * (BUFFERED_BATCHES + 1)})
        await scene.until(lambda: not scene.log.paused)


async def test_a_dead_letter_is_acknowledged_before_its_offset_is_committed() -> None:
    async with running() as scene:
        scene.letters.away = True
        scene.log.publish(FIRST, "a", "bad", "c")
        await scene.until(lambda: scene.letters.tries > 2)
        assert scene.log.committed == {}
        scene.letters.away = False
        await scene.until(lambda: scene.log.committed == {FIRST: 3})
        (letter,) = scene.letters.sent
        assert (letter.value, letter.offset, letter.error_class) == (b"bad", 1, "UndecodableEvent")
        assert scene.graph.tried["a"] == 1
        assert scene.tally.dead_letters == 1


async def test_a_commit_that_a_rebalance_refuses_is_repeated() -> None:
    async with running() as scene:
        scene.log.refuses_commits = 3
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: scene.log.committed == {FIRST: 1})
        assert scene.graph.written == ["a"]


async def test_the_next_batches_are_written_while_a_commit_is_under_way_and_one_commit_covers_them() -> None:
    async with running() as scene:
        scene.log.answers.clear()
        scene.log.publish(FIRST, *map(str, range(BATCH)))
        await scene.until(lambda: scene.log.commits)
        scene.log.publish(FIRST, *map(str, range(BATCH, 4 * BATCH)))
        await scene.until(lambda: len(scene.graph.written) == 4 * BATCH)
        await scene.polls()
        assert scene.log.commits == [(FIRST, BATCH)]
        assert (scene.log.committed, scene.tally.events) == ({}, 0)
        scene.log.answers.set()
        await scene.until(lambda: scene.tally.events == 4 * BATCH)
        assert scene.log.commits == [(FIRST, BATCH), (FIRST, 4 * BATCH)]
        assert scene.log.committed == {FIRST: 4 * BATCH}


async def test_what_is_written_and_not_committed_is_bounded() -> None:
    most = MOST_UNCOMMITTED * BATCH
    async with running() as scene:
        scene.log.answers.clear()
        scene.log.publish(FIRST, *map(str, range(most + 2 * BATCH)))
        await scene.until(lambda: len(scene.graph.written) == most)
        await scene.polls()
        assert len(scene.graph.written) == most
        scene.log.answers.set()
        await scene.until(lambda: scene.log.committed == {FIRST: most + 2 * BATCH})


async def test_nothing_is_begun_while_a_commit_is_refused_and_nothing_counts_as_done() -> None:
    async with running() as scene:
        scene.log.refuses_commits = 1_000_000
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: FIRST in scene.log.paused)
        assert scene.tally.waiting == {FIRST: "the group is being rearranged"}
        scene.log.publish(FIRST, "b")
        await scene.polls()
        assert (scene.graph.tried["b"], scene.tally.events, scene.log.committed) == (0, 0, {})
        scene.log.refuses_commits = 0
        await scene.until(lambda: scene.log.committed == {FIRST: 2})
        assert (scene.graph.written, scene.tally.events) == (["a", "b"], 2)
        await scene.until(lambda: not scene.log.paused)
        assert scene.tally.waiting == {}


async def test_a_partition_is_not_handed_over_before_its_last_commit_has_an_answer() -> None:
    async with running() as scene:
        scene.log.answers.clear()
        scene.log.publish(FIRST, "a", "b", "c")
        await scene.until(lambda: scene.log.commits)
        scene.log.publish(FIRST, "d")
        await scene.until(lambda: "d" in scene.graph.written)
        taking = asyncio.create_task(scene.log.take(FIRST))
        await scene.until(lambda: scene.log.commits[-1] == (FIRST, 4))
        assert not taking.done()
        scene.log.answers.set()
        await taking
        assert (scene.log.committed, scene.tally.events) == ({FIRST: 4}, 4)


async def test_a_batch_beside_a_commit_that_is_refused_is_finished_before_its_partition_is_handed_over() -> None:
    async with running() as scene:
        released = scene.graph.hold("d")
        scene.log.answers.clear()
        scene.log.publish(FIRST, "a", "b", "c", "d")
        await scene.until(lambda: scene.graph.tried["d"])
        scene.log.refuses_commits = 1_000_000
        scene.log.answers.set()
        await scene.until(lambda: scene.tally.waiting)
        taking = asyncio.create_task(scene.log.take(FIRST))
        await asyncio.sleep(0.01)
        assert not taking.done()
        scene.log.refuses_commits = 0
        released.set()
        await taking
        assert (scene.graph.written, scene.log.committed) == (["a", "b", "c", "d"], {FIRST: 4})


async def test_a_last_commit_that_is_refused_is_given_up_with_one_try() -> None:
    async with running() as scene:
        scene.log.refuses_commits = 1_000_000
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: scene.tally.waiting)
        before = len(scene.log.commits)
        await scene.log.take(FIRST)
        tries = len(scene.log.commits)
        assert before < tries
        await scene.polls()
        assert (len(scene.log.commits), scene.log.committed, scene.tally.events) == (tries, {}, 0)
        assert scene.tally.waiting == {}


async def test_a_partition_that_is_taken_in_mid_batch_finishes_that_batch_alone() -> None:
    async with running() as scene:
        released = scene.graph.hold("b")
        scene.log.publish(FIRST, "a", "b", "c", "d", "e")
        await scene.until(lambda: scene.graph.tried["b"])
        taking = asyncio.create_task(scene.log.take(FIRST))
        await asyncio.sleep(0.01)
        assert not taking.done()
        released.set()
        await taking
        assert scene.log.committed == {FIRST: 3}
        assert scene.graph.written == ["a", "b", "c"]
        assert scene.tally.partitions == {SECOND}
        scene.log.publish(SECOND, "of another")
        await scene.until(lambda: SECOND in scene.log.committed)
        assert scene.graph.tried["d"] == 0


async def test_a_partition_that_waits_is_handed_over_at_once_with_its_batch() -> None:
    async with running() as scene:
        scene.graph.down = True
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: scene.tally.waiting)
        await scene.log.take(FIRST)
        assert (scene.log.committed, scene.tally.waiting) == ({}, {})
        scene.graph.down = False
        await scene.polls()
        assert scene.graph.written == []


async def test_a_partition_that_is_lost_commits_nothing_any_more() -> None:
    async with running() as scene:
        released = scene.graph.hold("a")
        scene.log.publish(FIRST, "a")
        await scene.until(lambda: scene.graph.tried["a"])
        taking = asyncio.create_task(scene.log.take(FIRST, lost=True))
        await scene.until(lambda: scene.tally.partitions == {SECOND})
        released.set()
        await taking
        await scene.polls()
        assert scene.log.committed == {}


async def test_whoever_ends_it_finds_the_batch_under_way_written_and_committed() -> None:
    async with running() as scene:
        released = scene.graph.hold("a")
        scene.log.publish(FIRST, "a", "b", "c", "d")
        await scene.until(lambda: scene.graph.tried["a"])
        scene.consumer.end()
        await scene.until(lambda: not scene.tally.partitions)
        released.set()
    assert scene.log.committed == {FIRST: 3}
    assert scene.graph.written == ["a", "b", "c"]
    assert scene.tally.partitions == frozenset()


async def test_an_offset_that_is_lost_is_told_and_the_other_partition_goes_on() -> None:
    async with running() as scene:
        scene.log.lost[FIRST] = "say where to go on"
        scene.log.publish(SECOND, "a")
        await scene.until(lambda: scene.log.committed == {SECOND: 1})
        assert scene.tally.lost == {FIRST: "say where to go on"}
    assert scene.tally.lost == {}
