"""What a Kafka cluster says of a consumer group: its offsets, the topic's ends, and whether anybody reads."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Final, TypeVar

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from retrograph.errors import DependencyDown, NotFound, UsageError
from retrograph.live.cluster import Topic
from retrograph.live.dead_letters import dead_letter_topic
from retrograph.live.kafka.admin import admin_of, metadata, told
from retrograph.live.kafka.client import ASK_SECONDS, REPLAY_GROUP, made
from retrograph.live.lag import Seen
from retrograph.live.log import DEPENDENCY

LOOK_SECONDS: Final = 3.0
"""How long to wait for the oldest unread records: their age is told where they come in time."""


TRIES: Final = 10
TRY_SECONDS: Final = 0.5

_SOON: Final = frozenset(
    {KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}
)
"""A cluster says so while it finds out who keeps a group's offsets."""
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

K = TypeVar("K")
T = TypeVar("T")


class KafkaGroups:
    """Looks at the group of a topic."""

    async def seen(self, topic: Topic) -> list[Seen]:
        """Every partition, in order. Raises DependencyDown, NotFound where there is no such topic."""
        return await _in_thread(_seen, topic)

    async def dead_letters(self, topic: Topic) -> int:
        """How many dead letters of the topic were not replayed. Raises DependencyDown."""
        return await _in_thread(_dead, topic)

    async def ping(self, topic: Topic) -> None:
        """Raises DependencyDown unless the topic's cluster answers, ConfigurationError where it does not let us in."""
        await _in_thread(lambda of: metadata(of.cluster, of.name), topic)

    async def look(self, topic: Topic) -> None:
        """Raises NotFound where there is no such topic, ConfigurationError, DependencyDown."""
        await _in_thread(lambda of: _partitions(of), topic)

    async def reset(self, topic: Topic, *, latest: bool = False) -> int:
        """Commits the earliest offset (or the latest one) for every partition whose committed offset is lost; returns
        for how many. Raises UsageError where members of the group are still there, DependencyDown."""
        return await _in_thread(lambda of: _reset(of, latest), topic)


async def _in_thread(work: Callable[[Topic], T], topic: Topic) -> T:
    try:
        for _ in range(TRIES):
            try:
                return await asyncio.to_thread(work, topic)
            except KafkaException as error:
                if error.args[0].code() not in _SOON:
                    raise
                await asyncio.sleep(TRY_SECONDS)
        return await asyncio.to_thread(work, topic)
    except KafkaException as error:
        raise told(topic.cluster, error) from error
    except TimeoutError as error:
        raise DependencyDown(DEPENDENCY, f"Kafka at {topic.cluster.brokers} does not answer") from error


def _answered(answers: "Mapping[K, Future[T]]") -> dict[K, T]:
    """All the answers, once each has come; the first error is raised then."""
    wait(answers.values(), timeout=ASK_SECONDS + 1)
    return {key: answer.result(0) for key, answer in answers.items()}


def _seen(topic: Topic) -> list[Seen]:
    admin = admin_of(topic.cluster)
    places = _partitions(topic)
    first = _ends(admin, places, _EARLIEST)
    end = _ends(admin, places, _LATEST)
    committed = _committed(admin, topic, places)
    read = _read(admin, topic)
    seen = [
        Seen(
            partition=place.partition,
            first=first[place.partition],
            end=end[place.partition],
            committed=committed.get(place.partition),
            consumed=place.partition in read,
        )
        for place in places
    ]
    ages = _oldest(topic, {each.partition: _next(each) for each in seen if each.behind})
    return [replace(each, oldest_at=ages.get(each.partition)) for each in seen]


def _next(seen: Seen) -> int:
    return seen.first if seen.committed is None or seen.lost else seen.committed


def _partitions(topic: Topic) -> list[TopicPartition]:
    found = metadata(topic.cluster, topic.name).topics[topic.name]
    if found.error is not None:
        if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise NotFound(f"Kafka at {topic.cluster.brokers} has no topic {topic.name}")
        raise DependencyDown(DEPENDENCY, f"Kafka: {found.error.str()}")
    return [TopicPartition(topic.name, number) for number in sorted(found.partitions)]


def _ends(admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
    answers = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ASK_SECONDS)
    return {place.partition: answer.offset for place, answer in _answered(answers).items()}


def _committed(admin: AdminClient, topic: Topic, places: list[TopicPartition]) -> dict[int, int]:
    asked = ConsumerGroupTopicPartitions(topic.group, places)
    (answer,) = _answered(admin.list_consumer_group_offsets([asked], request_timeout=ASK_SECONDS)).values()
    found = answer.topic_partitions or []
    return {place.partition: place.offset for place in found if place.offset >= 0}


def _read(admin: AdminClient, topic: Topic) -> frozenset[int]:
    """The partitions that a member of the group holds now."""
    asked = admin.describe_consumer_groups([topic.group], request_timeout=ASK_SECONDS)
    try:
        members = _answered(asked)[topic.group].members
    except KafkaException as error:
        if error.args[0].code() in (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.INVALID_GROUP_ID):
            return frozenset()
        raise
    held = [place for member in members if member.assignment for place in member.assignment.topic_partitions]
    return frozenset(place.partition for place in held if place.topic == topic.name)


def _oldest(topic: Topic, offsets: Mapping[int, int]) -> dict[int, int]:
    """When the record at each of these offsets was made."""
    if not offsets:
        return {}
    own = {"group.id": f"{topic.group}-lag", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = made(Consumer, topic.cluster, own | {"log_level": 2, "queued.max.messages.kbytes": 1024})
    found: dict[int, int] = {}
    try:
        consumer.assign([TopicPartition(topic.name, number, offset) for number, offset in offsets.items()])
        for _ in range(int(LOOK_SECONDS / 0.2)):
            for message in consumer.consume(len(offsets) * 10, 0.2):
                number = message.partition()
                if message.error() is None and number is not None and number not in found:
                    found[number] = message.timestamp()[1]
                    consumer.pause([TopicPartition(topic.name, number)])
            if len(found) == len(offsets):
                break
    finally:
        consumer.close()
    return found


def _dead(topic: Topic) -> int:
    letters = replace(topic, name=dead_letter_topic(topic.name), group=REPLAY_GROUP)
    admin = admin_of(topic.cluster)
    try:
        places = _partitions(letters)
    except NotFound:
        return 0
    first, end = _ends(admin, places, _EARLIEST), _ends(admin, places, _LATEST)
    replayed = _committed(admin, letters, places)
    return sum(end[number] - max(at, replayed.get(number, at)) for number, at in first.items())


def _reset(topic: Topic, latest: bool) -> int:
    admin = admin_of(topic.cluster)
    places = _partitions(topic)
    if _read(admin, topic):
        raise UsageError(f"the group {topic.group} still has consumers: stop them first, then reset it")
    first = _ends(admin, places, _EARLIEST)
    end = _ends(admin, places, _LATEST)
    committed = _committed(admin, topic, places)
    lost = [number for number, at in committed.items() if not first[number] <= at <= end[number]]
    if lost:
        chosen = end if latest else first
        places = [TopicPartition(topic.name, number, chosen[number]) for number in lost]
        asked = ConsumerGroupTopicPartitions(topic.group, places)
        _answered(admin.alter_consumer_group_offsets([asked], request_timeout=ASK_SECONDS))
    return len(lost)
