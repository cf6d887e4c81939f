"""The history of the sandbox as the events that it once was, in topics of a real Kafka; and who reads them."""

import json
import signal
import subprocess
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaException, Producer, TopicPartition

from tests.integration.command_line import CommandLine, Ended
from tests.integration.story import Place, ended, until, until_told
from tests.servers.kafka import KafkaServer

SINCE, UNTIL = "2017-01-02T00:00:00.000Z", "2018-01-02T00:00:00.000Z"
SINCE_MILLIS = 1_483_315_200_000
UNTIL_MILLIS = 1_514_851_200_000
SETTINGS = {"receipts": "receipt_events", "factoids": "factoids", "identity": "identity_events"}
UNKNOWN = 1_000_000_000
Event = tuple[str, str, bytes]
"""Its form, its key, its value."""


def history_as_events(url: str, users: Iterable[str]) -> list[Event]:
    """What the services say of these users within a year, as it was told when it happened."""
    return [event for user in users for event in (*_receipts(url, user), *_orders(url, user))]


def _receipts(url: str, user: str) -> Iterator[Event]:
    page = _ask(f"{url}/v1/users/{user}/purchases?since={SINCE}&until={UNTIL}&limit=500")
    assert page["next_cursor"] is None or len(page["purchases"]) == 500, "ask for the next page"
    for receipt in page["purchases"]:
        event = {"event_type": "receipt_processed", "event_id": receipt["receipt_id"], "user_id": user}
        event |= {"occurred_at": receipt["purchased_at"], **receipt}
        yield "receipts", user, json.dumps(event).encode()


def _orders(url: str, user: str) -> Iterator[Event]:
    for summary in _ask(f"{url}/user/{user}/transaction?startTimeMs={SINCE_MILLIS}")["transactions"]:
        if SINCE_MILLIS <= summary["createdAtMs"] < UNTIL_MILLIS:
            order = _ask(f"{url}/internal/transaction/{summary['buttonOrderId']}/button")
            event = {**order, "type": "shop_order", "summaryId": order.pop("buttonOrderId")}
            yield "factoids", user, json.dumps(event).encode()


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


class Stream:
    """Topics and groups of one test."""

    def __init__(self, kafka: KafkaServer, partitions: int = 2) -> None:
        self.kafka = kafka
        self.name = uuid.uuid4().hex[:8]
        self.partitions = partitions
        kafka.create_topics([self.topic(form) for form in SETTINGS], partitions)
        self._watchers: dict[tuple[str, str], KafkaConsumer] = {}
        self._producer = Producer({"bootstrap.servers": kafka.brokers, "log_level": 0})

    def topic(self, form: str) -> str:
        return f"{form}-{self.name}"

    def settings(self, group: str = "first") -> dict[str, str]:
        """What a command is told, to read these topics as members of that group; another one begins anew."""
        found = {"kafka_brokers": self.kafka.brokers, "live_session_seconds": "6", "live_batch": "50"}
        for form, name in SETTINGS.items():
            found |= {f"{name}_topic": self.topic(form), f"{name}_group": f"{group}-{form}-{self.name}"}
        return found

    def publish(self, events: Iterable[Event]) -> None:
        """Returns when all are acknowledged."""
        for form, key, value in events:
            self._producer.produce(self.topic(form), value, key)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def left(self, group: str = "first") -> int:
        """How many events that group has not done with."""
        try:
            return sum(end - next_ for _, next_, end in self._positions(group))
        except KafkaException:  # a broker says so while it finds out who keeps a group's offsets
            return UNKNOWN

    def done_with(self, group: str = "first") -> int:
        """How many events that group has done with, of those that the topics hold."""
        return sum(next_ - first for first, next_, _ in self._positions(group))

    def dead_letters(self) -> int:
        """How many events could not be written."""
        topics = {f"{self.topic(form)}.dead-letter" for form in SETTINGS}
        looking = KafkaConsumer({"group.id": self.name, "bootstrap.servers": self.kafka.brokers, "log_level": 0})
        try:
            found = looking.list_topics(timeout=30).topics
            places = [
                TopicPartition(topic, number) for topic in topics & found.keys() for number in found[topic].partitions
            ]
            ends = [looking.get_watermark_offsets(place, timeout=30) for place in places]
        finally:
            looking.close()
        return sum(end - first for first, end in ends)

    def _positions(self, group: str) -> Iterator[tuple[int, int, int]]:
        """Of each partition: the first offset, the one that the group goes on at, the end."""
        for form in SETTINGS:
            looking = self._watchers.get((form, group))
            if looking is None:
                own = {
                    "group.id": f"{group}-{form}-{self.name}",
                    "bootstrap.servers": self.kafka.brokers,
                    "log_level": 0,
                }
                looking = self._watchers[form, group] = KafkaConsumer(own)
            places = [TopicPartition(self.topic(form), number) for number in range(self.partitions)]
            for place in looking.committed(places, timeout=30):
                first, end = looking.get_watermark_offsets(place, timeout=30)
                yield first, max(first, place.offset), end

    def close(self) -> None:
        for looking in self._watchers.values():
            looking.close()

    def consumed(self, cli: CommandLine, group: str = "first") -> Ended:
        """Runs a consumer until nothing is left."""
        with self.consuming(cli, group) as process:
            self.until_read(group)
            return terminated(process)

    @contextmanager
    def consuming(self, cli: CommandLine, group: str = "first") -> Iterator["subprocess.Popen[str]"]:
        """A consumer in a process of its own."""
        with cli.with_settings(**self.settings(group)).running("live") as process:
            until_told(process, f"consuming {self.topic('identity')}")
            yield process

    def until_read(self, group: str = "first") -> None:
        until(lambda: self.left(group) == 0, "every event is done with")


def terminated(process: "subprocess.Popen[str]") -> Ended:
    """Tells it to end, and waits for it."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert process.returncode == 0, err
    return Ended(code=process.returncode, out=out, err=err)


def letters(place: Place, stream: Stream, form: str) -> Any:
    """The dead letters of a topic, as the command lists them."""
    cli = place.cli.with_settings(**stream.settings())
    return ended(cli.run("live", "dead-letters", "list", form, "--json"))
