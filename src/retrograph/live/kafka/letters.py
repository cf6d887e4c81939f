"""Dead letters in Kafka: written before the offset of their event is committed, listed, and sent again.

What was replayed is remembered as the offsets of a consumer group that only commits, so that each is replayed once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.cimpl import NewTopic

from retrograph.errors import DependencyDown, NotFound
from retrograph.live.cluster import Cluster
from retrograph.live.dead_letters import DeadLetter, Filed, dead_letter_topic
from retrograph.live.kafka.admin import admin_of, metadata, told
from retrograph.live.kafka.client import ASK_SECONDS, REPLAY_GROUP, made
from retrograph.live.log import DEPENDENCY

SEND_SECONDS: Final = 30.0
PAGE: Final = 500

EMPTY_POLLS: Final = 5
"""After so many without a record, none is left: what ends a topic may be no record but a transaction's mark."""

LARGEST_BYTES: Final = 100_000_000
"""As much as a broker takes in one request. A dead letter is larger than its event, because of its headers: with the
usual limit the largest event that a topic holds could not be buried, and its partition would wait for ever."""

_NOT_ALLOWED: Final = (KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION, KafkaError.INVALID_REQUEST)

P = ParamSpec("P")
T = TypeVar("T")


class KafkaDeadLetters:
    """See `live.dead_letters`: both ports, for the topics of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made: Producer | None = None
        self._there: set[str] = set()
        self._turn = asyncio.Lock()

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        async with self._turn:
            for topic in {letter.topic for letter in letters} - self._there:
                await self._in_thread(self._ensure, dead_letter_topic(topic))
                self._there.add(topic)
            await self._in_thread(self._send, [_of_letter(letter) for letter in letters])

    async def filed(self, topic: str) -> AsyncIterator[Filed]:
        places = await self._in_thread(self._places, topic, False)
        async for page in self._pages(places):
            for filed in page:
                yield filed

    async def replay(self, topic: str) -> int:
        """Each page is acknowledged by the topic before it counts as replayed; a crash between sends it twice, which
        changes nothing."""
        places = await self._in_thread(self._places, topic, True)
        count = 0
        async for page in self._pages(places):
            await self._in_thread(self._send, [_of_filed(topic, filed) for filed in page])
            await self._in_thread(self._replayed, topic, page)
            count += len(page)
        return count

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *args, **named)
        except KafkaException as error:
            raise told(self._cluster, error) from error

    @property
    def _producer(self) -> Producer:
        if self._made is None:
            own = {
                "enable.idempotence": True,
                "message.timeout.ms": int(SEND_SECONDS * 1000),
                "message.max.bytes": LARGEST_BYTES,
                "log_level": 2,
            }
            self._made = made(Producer, self._cluster, own)
        return self._made

    def _ensure(self, topic: str) -> None:
        """Makes the topic where there is none, with what the cluster gives new ones, except for the limit of size; a
        cluster that does not allow so large a limit gives its own."""
        if topic in metadata(self._cluster).topics:
            return
        try:
            self._create(NewTopic(topic, 1, config={"max.message.bytes": str(LARGEST_BYTES)}))
        except KafkaException as error:
            if error.args[0].code() not in _NOT_ALLOWED:
                raise
            self._create(NewTopic(topic, 1))

    def _create(self, wanted: NewTopic) -> None:
        for begun in admin_of(self._cluster).create_topics([wanted]).values():
            try:
                begun.result(ASK_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _send(self, messages: Iterable[dict[str, Any]]) -> None:
        """Returns when all of them are acknowledged by the cluster."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failures.append(error)

        for message in messages:
            self._producer.produce(**message, on_delivery=delivered)
            self._producer.poll(0)
        left = self._producer.flush(SEND_SECONDS + 5)
        if failures or left:
            why = failures[0].str() if failures else "the cluster did not acknowledge in time"
            raise DependencyDown(DEPENDENCY, f"Kafka: {why}")

    def _consumer(self) -> Consumer:
        own = {"group.id": REPLAY_GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest", "log_level": 2}
        return made(Consumer, self._cluster, own)

    def _places(self, topic: str, replayed: bool) -> list[tuple[TopicPartition, int]]:
        """Where to begin in each partition, and where it ends now. `replayed`: leave out what was."""
        name = dead_letter_topic(topic)
        found = metadata(self._cluster).topics.get(name)
        if found is None:
            raise NotFound(f"there are no dead letters: the topic {name} does not exist")
        consumer = self._consumer()
        try:
            places = [TopicPartition(name, number) for number in found.partitions]
            done = {place.partition: place.offset for place in consumer.committed(places, timeout=ASK_SECONDS)}
            ends = []
            for place in places:
                first, end = consumer.get_watermark_offsets(place, timeout=ASK_SECONDS)
                begin = max(first, done[place.partition]) if replayed else first
                if begin < end:
                    ends.append((TopicPartition(name, place.partition, begin), end))
            return ends
        finally:
            consumer.close()

    async def _pages(self, places: Sequence[tuple[TopicPartition, int]]) -> AsyncIterator[list[Filed]]:
        for place, end in places:
            consumer = self._consumer()
            try:
                consumer.assign([place])
                reached, empty = place.offset, 0
                while reached < end and empty < EMPTY_POLLS:
                    found = await self._in_thread(consumer.consume, PAGE, 1.0)
                    page = [_filed(message) for message in found if message.error() is None]
                    empty = 0 if page else empty + 1
                    if page:
                        reached = page[-1].place[1] + 1
                        if some := [filed for filed in page if filed.place[1] < end]:
                            yield some
            finally:
                await self._in_thread(consumer.close)

    def _replayed(self, topic: str, page: Sequence[Filed]) -> None:
        number, offset = page[-1].place
        consumer = self._consumer()
        try:
            place = TopicPartition(dead_letter_topic(topic), number, offset + 1)
            consumer.commit(offsets=[place], asynchronous=False)
        finally:
            consumer.close()


def _of_letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": dead_letter_topic(letter.topic),
        "key": letter.key,
        "value": letter.value,
        "timestamp": letter.failed_at,
        "headers": [(name, text.encode()) for name, text in letter.headers.items()],
    }


def _of_filed(topic: str, filed: Filed) -> dict[str, Any]:
    """As it came the first time: with its instant, which bounds what it may tell of."""
    return {"topic": topic, "key": filed.key, "value": filed.value, "timestamp": filed.recorded_at}


def _filed(message: Any) -> Filed:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or []}
    recorded_at = headers.get("recorded-at", "")
    return Filed(
        (message.partition(), message.offset()),
        message.key(),
        message.value() or b"",
        int(recorded_at) if recorded_at.isdecimal() else max(0, message.timestamp()[1]),
        headers,
    )
