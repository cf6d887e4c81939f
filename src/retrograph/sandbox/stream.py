"""The history as a stream: every receipt and shop order, and a sign-up of each user, in topics of Kafka."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from retrograph.sandbox.data import SourceData
from retrograph.sandbox.event_files import events_of
from retrograph.sandbox.options import SandboxError
from retrograph.sandbox.people import draw_people

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

SIGNED_UP_AT: Final = "2016-12-31T12:00:00Z"
"""Before the first purchase of the sample."""
ASK_SECONDS: Final = 10.0
SEND_SECONDS: Final = 60.0


class Told(NamedTuple):
    """One event: its form, its key, and the document."""

    form: str
    user_id: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The topic of one form of events; `client`: the words that let a Kafka client in."""

    topic: str
    client: Mapping[str, Any]


def stream_of(data: SourceData, *, users: int | None = None, seed: int = 0) -> list[Told]:
    """The events of all users, or of the first so many, in an order that says nothing."""
    ids = sorted({*data.histories, *data.orders})[:users]
    among = set(ids)
    found = [told for event in events_of(data) if (told := _told(event)).user_id in among]
    found += _sign_ups(ids, seed)
    random.Random(f"stream {seed}").shuffle(found)
    return found


def _told(event: Mapping[str, Any]) -> Told:
    if "receipt_id" in event:
        return Told("receipts", event["user_id"], event)
    return Told("factoids", event["userId"], event)


def _sign_ups(ids: Sequence[str], seed: int) -> Iterator[Told]:
    for user_id, person in zip(ids, draw_people(len(ids), seed), strict=True):
        document = {
            "event_type": "signup",
            "event_id": f"s-{user_id}",
            "occurred_at": SIGNED_UP_AT,
            "user_id": user_id,
            "identifiers": [{"type": raw.type, "value": raw.value} for raw in person],
        }
        yield Told("identity", user_id, document)


def publish(events: Iterable[Told], targets: Mapping[str, Target], *, partitions: int) -> Counter[str]:
    """Sends those events whose form has a topic, which is made where it is missing; returns how many of each form were
    acknowledged. Blocks. Raises SandboxError."""
    try:
        from confluent_kafka import KafkaException
    except ImportError as error:
        raise SandboxError("Kafka needs an optional dependency: pip install 'retrograph[kafka]'") from error
    try:
        return _published(events, targets, partitions)
    except KafkaException as error:
        raise SandboxError(f"Kafka: {error.args[0].str()}") from error


def _published(events: Iterable[Told], targets: Mapping[str, Target], partitions: int) -> Counter[str]:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient

    acknowledged: Counter[str] = Counter()
    producers: dict[str, Producer] = {}
    kept = []  # a client that is let go of while an answer is on its way may take the process with it
    for form, target in targets.items():
        kept.append(AdminClient({**target.client, "log_level": 2}))
        _make(kept[-1], target.topic, partitions)
        producers[form] = Producer({**target.client, "log_level": 2, "linger.ms": 20})
    for event in events:
        producer = producers.get(event.form)
        if producer is None:
            continue

        def delivered(error: object, _: object, form: str = event.form) -> None:
            acknowledged[form] += error is None

        content = json.dumps(event.document, ensure_ascii=False).encode()
        while True:
            try:
                producer.produce(targets[event.form].topic, content, event.user_id, on_delivery=delivered)
                break
            except BufferError:  # so much is under way already
                producer.poll(0.1)
    if left := sum(producer.flush(SEND_SECONDS) for producer in producers.values()):
        raise SandboxError(f"Kafka did not acknowledge {left:,} events within {SEND_SECONDS:g} s")
    return acknowledged


def _make(admin: "AdminClient", topic: str, partitions: int) -> None:
    from confluent_kafka.cimpl import NewTopic

    if topic not in admin.list_topics(timeout=ASK_SECONDS).topics:
        for made in admin.create_topics([NewTopic(topic, partitions)]).values():
            made.result(ASK_SECONDS)
