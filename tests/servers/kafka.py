"""Kafka, as published to Maven: one node that is its own controller (KRaft); it needs Java 17 or newer."""

import base64
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from confluent_kafka import OFFSET_END, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.servers import downloads
from tests.servers.java import copy_artifacts, find_java
from tests.servers.server import HOST, Server, free_port, listens

VERSION = "4.4.0"
ARTIFACTS = [f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"]
UNPUBLISHED = "org.apache.kafka:kafka-tools-api"
"""Is named as a dependency, and was never published in this version."""

CONFIGURATION = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},{listener}://{host}:{behind_proxy},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},{listener}://{host}:{proxied}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
"""


class KafkaServer(Server):
    """One broker. Clients that shall be disturbed connect to `proxied`, where a proxy of `behind_proxy` must listen."""

    start_timeout: ClassVar[float] = 120.0
    listener: ClassVar[str] = "PROXIED"

    def __init__(self) -> None:
        super().__init__()
        self.controller = free_port()
        self.behind_proxy = free_port()
        self.proxied = free_port()
        self._client: AdminClient | None = None

    @property
    def title(self) -> str:
        return f"Kafka {VERSION}"

    @property
    def brokers(self) -> str:
        """What clients are told."""
        return f"{HOST}:{self.port}"

    def obtain(self) -> None:
        self._java()
        self._jars()

    def prepare(self) -> None:
        self._properties.write_text(
            CONFIGURATION.format(
                host=HOST,
                listener=self.listener,
                port=self.port,
                controller=self.controller,
                behind_proxy=self.behind_proxy,
                proxied=self.proxied,
                data=self.folder / "data",
            )
            + self.secured()
        )
        # An id that begins with "-" would be read as an option.
        cluster = "R" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties), *self.accounts()]
        subprocess.run(
            [self._java(), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{self._jars()}/*", *tool],
            capture_output=True,
            check=True,
            timeout=120,
        )

    def secured(self) -> str:
        """Further lines of the configuration."""
        return ""

    def accounts(self) -> list[str]:
        """Options that give the new cluster its users."""
        return []

    def command(self) -> list[str]:
        memory = ["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [self._java(), *memory, "-cp", f"{self._jars()}/*", "kafka.Kafka", str(self._properties)]

    def ping(self) -> bool:
        if not listens(self.port):
            return False
        try:
            self._admin().list_topics(timeout=3)
        except KafkaException:
            return False
        return True

    def create_topics(self, names: Iterable[str], partitions: int = 1) -> None:
        """Makes topics; returns when they are there."""
        for made in self._admin().create_topics([NewTopic(name, partitions, 1) for name in names]).values():
            made.result(30)

    def forget_records(self, topic: str, partitions: int) -> None:
        """Removes all that a topic holds, as its retention would: later records keep counting on."""
        ends = [TopicPartition(topic, number, OFFSET_END) for number in range(partitions)]
        for done in self._admin().delete_records(ends).values():
            done.result(30)

    def _admin(self) -> AdminClient:
        """Kept: one that is let go of while an answer is on its way may take the process with it."""
        if self._client is None:
            self._client = AdminClient(
                {"bootstrap.servers": self.brokers, "log_level": 0, "reconnect.backoff.max.ms": 200}
            )
        return self._client

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self) -> str:
        return find_java(self.title, 17)

    def _jars(self) -> Path:
        return downloads.obtain(
            f"kafka-{VERSION}",
            lambda target: copy_artifacts(self.title, ARTIFACTS, target, without=UNPUBLISHED),
        )
