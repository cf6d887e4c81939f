"""Kafka as a log: one member of one consumer group, on confluent-kafka.

The client blocks, so it is polled in a thread of its own, in which it also tells what the group gives and takes; that
thread waits there until the batches under way have ended. Commits go through a second thread, because they are what
it waits for. Cancelling a poll would not end its thread, so it is short.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from retrograph.errors import DependencyDown
from retrograph.live.cluster import Topic
from retrograph.live.kafka.client import down, made
from retrograph.live.log import DEPENDENCY, Member, Partition, Polled, Record
from retrograph.loading.events import Received

POLL_SECONDS: Final = 0.1
COMMITTED_SECONDS: Final = 3.0
MOST_POLLED: Final = 2_000
CLOSE_SECONDS: Final = 30.0
"""How long leaving the group may take. The client has been seen not to return from it where a rebalance was under way;
a member that is gone without it is missed after its session's time, and what it had not committed comes again."""

_LOST: Final = "its committed offset is not in the topic any more: say where to go on with `retrograph live reset`"

_log = structlog.get_logger()


class KafkaLog:
    """See `live.log.Log`."""

    def __init__(self, topic: Topic, *, session_seconds: float = 45.0, close_seconds: float = CLOSE_SECONDS) -> None:
        self._topic = topic
        self._close_seconds = close_seconds
        self._polls = ThreadPoolExecutor(1, f"kafka-{topic.name}")
        self._commits = ThreadPoolExecutor(1, f"kafka-{topic.name}-commits")
        self._told: dict[int, float] = {}
        self._fatal: KafkaError | None = None
        self._interrupted = False
        self._member: Member
        self._loop: asyncio.AbstractEventLoop
        self._consumer = made(
            Consumer,
            topic.cluster,
            {
                "group.id": topic.group,
                "partition.assignment.strategy": "cooperative-sticky",
                "auto.offset.reset": "error",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "session.timeout.ms": int(session_seconds * 1000),
                "heartbeat.interval.ms": int(session_seconds * 1000 / 15),
                "socket.timeout.ms": 15_000,
                # A partition that is paused forgets what was fetched ahead: it shall not be much, nor come late.
                "queued.max.messages.kbytes": 2_048,
                "fetch.queue.backoff.ms": 20,
                "topic.metadata.refresh.interval.ms": 30_000,
                "error_cb": self._failed,
                "log_level": 2,
            },
        )

    def join(self, member: Member) -> None:
        self._member = member
        self._loop = asyncio.get_running_loop()
        self._consumer.subscribe(
            [self._topic.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    async def poll(self) -> Polled:
        try:
            messages = await self._loop.run_in_executor(self._polls, self._consumer.consume, MOST_POLLED, POLL_SECONDS)
        except KafkaException as error:
            raise down(error) from error
        if self._fatal is not None:
            raise DependencyDown(DEPENDENCY, f"Kafka: {self._fatal.str()}")
        return self._sorted(messages)

    async def pause(self, partitions: Sequence[Partition]) -> None:
        await self._loop.run_in_executor(self._polls, self._quietly, self._consumer.pause, _places(partitions))

    async def resume(self, partitions: Sequence[Partition]) -> None:
        await self._loop.run_in_executor(self._polls, self._quietly, self._consumer.resume, _places(partitions))

    async def commit(self, partition: Partition, offset: int) -> None:
        await self._loop.run_in_executor(self._commits, self._commit, partition, offset)

    def interrupt(self) -> None:
        self._interrupted = True

    async def close(self) -> None:
        self._interrupted = True
        loop = asyncio.get_running_loop()
        closed = loop.run_in_executor(self._polls, self._consumer.close)
        try:
            async with asyncio.timeout(self._close_seconds):
                await closed
        except TimeoutError:
            _log.warning("kafka-not-left", topic=self._topic.name, group=self._topic.group, seconds=self._close_seconds)
        finally:
            self._polls.shutdown(wait=False)
            self._commits.shutdown(wait=False)

    def _sorted(self, messages: Sequence[Message]) -> Polled:
        records: defaultdict[Partition, list[Record]] = defaultdict(list)
        lost: dict[Partition, str] = {}
        numbers: dict[int, Partition] = {}
        for message in messages:
            number = message.partition() or 0
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._AUTO_OFFSET_RESET:
                    lost[Partition(self._topic.name, number)] = _LOST
                else:
                    self._failed(error)
                continue
            partition = numbers.setdefault(number, Partition(self._topic.name, number))
            records[partition].append(_record(message))
        return Polled(records, lost)

    def _failed(self, error: KafkaError) -> None:
        """The client goes on by itself, unless it is fatal; each sort of error is told once a minute."""
        if error.fatal():
            self._fatal = error
        now = time.monotonic()
        if now - self._told.get(error.code(), float("-inf")) > 60:
            self._told[error.code()] = now
            _log.warning("kafka-error", topic=self._topic.name, error=error.str())

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """A new group begins with the earliest record; where it has committed, it goes on exactly there."""
        committed = self._committed(consumer, partitions)
        if committed is None:
            return
        for place in committed:
            for partition in partitions:
                if partition.partition == place.partition and place.offset == OFFSET_INVALID:
                    partition.offset = OFFSET_BEGINNING
        consumer.incremental_assign(partitions)
        self._quietly(consumer.resume, partitions)
        self._tell(self._member.given(_partitions(partitions)))

    def _committed(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition] | None:
        """Asks until it is answered, since nobody can go on where nobody knows; `None` where nothing is wanted more."""
        while not self._interrupted:
            try:
                return consumer.committed(partitions, timeout=COMMITTED_SECONDS)
            except KafkaException as error:
                self._failed(error.args[0])
                time.sleep(POLL_SECONDS)
        return None

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._member.taken(_partitions(partitions), lost=False))

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._member.taken(_partitions(partitions), lost=True))

    def _tell(self, news: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(news, self._loop).result()

    def _commit(self, partition: Partition, offset: int) -> None:
        """A commit that meets a rebalance is refused, also for a partition that stays: it is to be repeated."""
        place = TopicPartition(partition.topic, partition.number, offset)
        try:
            answered = self._consumer.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            raise down(error) from error
        except RuntimeError as error:  # closed meanwhile
            raise DependencyDown(DEPENDENCY, f"Kafka: {error}") from error
        for each in answered:
            if each.error is not None:
                raise DependencyDown(DEPENDENCY, f"Kafka: {each.error.str()}")

    def _quietly(self, verb: Callable[[list[TopicPartition]], None], places: list[TopicPartition]) -> None:
        """A partition that has just been taken cannot be paused, and need not be."""
        try:
            verb(places)
        except KafkaException as error:
            _log.debug("kafka-refused", error=str(error))


def _record(message: Message) -> Record:
    _, recorded_at = message.timestamp()
    if recorded_at <= 0:
        recorded_at = int(time.time() * 1000)  # the record has none
    key, value = message.key(), message.value()
    event = Received(_bytes(value) or b"", recorded_at, _bytes(key))
    return Record(message.offset() or 0, event)


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _places(partitions: Sequence[Partition]) -> list[TopicPartition]:
    return [TopicPartition(partition.topic, partition.number) for partition in partitions]


def _partitions(places: Sequence[TopicPartition]) -> list[Partition]:
    return [Partition(place.topic, place.partition) for place in places]
