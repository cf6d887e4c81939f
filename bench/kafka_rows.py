"""The row about reading Kafka: the product's consumer, from a real broker to the gate, against a bare loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import confluent_kafka
import msgspec

from bench.live_rows import BATCH, TINY_USERS, ListedGate, receipts
from bench.measure import Lap, Options, Row, Sides, Stopwatch
from bench.sample import Sample
from retrograph.clock import SystemClock
from retrograph.events.receipts import Receipt
from retrograph.facts import Facts
from retrograph.live.cluster import Cluster, Topic
from retrograph.live.consumer import Consumer
from retrograph.live.kafka.letters import KafkaDeadLetters
from retrograph.live.kafka.log import KafkaLog
from retrograph.live.lane import Means, Tally
from retrograph.loading.events import EventLoad, Receipts, Received
from tests.servers.kafka import KafkaServer

TOPIC: Final = "receipts"
LOOK_SECONDS: Final = 0.002
MOST_LOOKS: Final = 60_000


class _Nobody:
    """Nobody is admitted, so there is nothing to join."""

    async def join(self, facts: Facts) -> None:
        raise AssertionError(f"{facts.user.user_id} was not to be admitted")


async def _up() -> None:
    """It is not asked."""


def _publish(server: KafkaServer, events: Sequence[Received]) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": server.brokers, "linger.ms": 20})
    server.create_topics([TOPIC])
    for event in events:
        producer.produce(TOPIC, event.payload, event.key)
        producer.poll(0)
    assert producer.flush(60) == 0


async def _ours(server: KafkaServer, count: int) -> Lap:
    topic = Topic(form="receipts", name=TOPIC, group=uuid4().hex, cluster=Cluster(brokers=server.brokers))
    watch, tally = Stopwatch(), Tally()
    means = Means(
        writes=EventLoad(Receipts(_Nobody()), ListedGate(1_000), _up),
        dead_letters=KafkaDeadLetters(topic.cluster),
        log=KafkaLog(topic),
        clock=SystemClock(),
        tally=tally,
        batch=BATCH,
    )
    consumer = Consumer(means)
    running = asyncio.create_task(consumer.run())
    await _until(lambda: bool(tally.partitions))
    with watch.running():
        await _until(lambda: tally.events >= count)
    consumer.end()
    await running
    assert tally.counts["not-admitted"] == count
    return watch.lap(count)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(MOST_LOOKS):
        if condition():
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError("the consumer does not get on")


def _bare(server: KafkaServer, count: int) -> Lap:
    watch, decoder, found = Stopwatch(), msgspec.json.Decoder(Receipt), 0
    consumer = confluent_kafka.Consumer({"bootstrap.servers": server.brokers, "group.id": uuid4().hex})
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, 0, confluent_kafka.OFFSET_BEGINNING)])
    with watch.running():
        while found < count:
            for message in consumer.consume(BATCH, 1.0):
                value = message.value()
                assert isinstance(value, bytes)
                found += bool(decoder.decode(value))
    consumer.close()
    return watch.lap(found)


@asynccontextmanager
async def _consumed(options: Options) -> AsyncIterator[Sides]:
    events = receipts(Sample(TINY_USERS if options.tiny else None).lines)
    with KafkaServer() as server:
        _publish(server, events)

        async def ours() -> Lap:
            return await _ours(server, len(events))

        async def reference() -> Lap:
            return _bare(server, len(events))

        yield Sides(ours=ours, reference=reference)


ROWS: Final = (
    Row(
        name="live-kafka",
        work="the same events out of one partition of a Kafka on this machine, by a member of a group: decoded, asked "
        "for at the gate, none admitted, every batch committed",
        reference="`confluent-kafka` consumes the same in batches of 500, `msgspec` decodes, and nothing is committed",
        goal=None,
        unit="events/s",
        sides=_consumed,
    ),
)
