"""Where a soak takes place: every server that there is in production, each behind a proxy, and one installation."""

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from botocore.config import Config

from tests.integration.command_line import CommandLine, sandbox
from tests.integration.event_stream import Stream
from tests.integration.server_process import ADMIN
from tests.integration.story import FAST, History, Place, ended, in_neo4j
from tests.servers.elasticmq import REGION, ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.server import HOST, Server
from tests.servers.toxiproxy import Proxy, ToxiproxyServer
from tests.soak.casts import Cast, casts
from tests.torture.commits import BOLT, CommitRelay, commits_to

VISIBILITY_SECONDS = 2
"""Shorter than many a load: messages must be extended while they are worked on."""
WINDOW = ("--as-of", "2018-02-01", "--lookback-days", "3650")
"""As far back as whoever is enrolled is loaded here."""
QUEUES = ("consumer-graph-queue", "consumer-graph-enrollment-queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The servers."""

    kafka: KafkaServer
    elasticmq: ElasticMqServer
    redis: RedisServer
    postgres: PostgresServer
    neo4j: Neo4jServer
    toxiproxy: ToxiproxyServer

    @property
    def every(self) -> tuple[Server, ...]:
        return (self.neo4j, self.kafka, self.elasticmq, self.postgres, self.redis, self.toxiproxy)


class Queues:
    """The queues, as another program sees them."""

    def __init__(self, server: ElasticMqServer, environment: str) -> None:
        self._client: Any = boto3.client(
            "sqs",
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id="other",
            aws_secret_access_key="other",
            config=Config(proxies={}),
        )
        self.bulk, self.enrollment = (server.queue_url(f"{environment}-{name}") for name in QUEUES)

    def left(self) -> int:
        """How many messages have not been deleted, dead ones included."""
        return sum(self._count(url) for queue in (self.bulk, self.enrollment) for url in (queue, f"{queue}-dlq"))

    def dead(self) -> int:
        """Messages of enrolments that were given up."""
        return self._count(f"{self.enrollment}-dlq")

    def double(self) -> int:
        """Sends the next messages of the bulk queue once more, and shows the first ones again at once; answers how
        many those were."""
        taken = self._client.receive_message(
            QueueUrl=self.bulk, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=2
        )
        bodies = [message["Body"] for message in taken.get("Messages", ())]
        for body in bodies:
            self._client.send_message(QueueUrl=self.bulk, MessageBody=body)
        return len(bodies)

    def _count(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One installation, what stands between its parts, and who may play on it."""

    seed: int
    servers: Servers
    history: History
    casts: tuple[Cast, ...]
    place: Place
    """Where its commands run; all of them go through the proxies."""
    folder: Path
    stream: Stream
    queues: Queues
    relay: CommitRelay
    """Between the installation and the proxy in front of the graph."""
    proxies: dict[str, Proxy]

    @property
    def cli(self) -> CommandLine:
        return self.place.cli

    def alone(self) -> Place:
        """Another installation, in one file, to which nothing happens."""
        return Place(Path(tempfile.mkdtemp(dir=self.folder, prefix="alone-")), self.history)


@contextmanager
def set_up(folder: Path, servers: Servers, seed: int) -> Iterator[Stage]:
    """Empty stores, queues and topics of its own, a sandbox of its own, since histories change in a soak."""
    with ExitStack() as stack:
        for name in ("sandbox", "soak", "logs"):
            (folder / name).mkdir()
        url = stack.enter_context(sandbox(folder / "sandbox", "--write-ids", "ids.txt"))
        users = (folder / "sandbox" / "ids.txt").read_text().split()
        cast_list = casts(users, seed)
        proxies = _proxies(servers, url)
        relay = stack.enter_context(commits_to(proxies["neo4j"].port, BOLT))
        servers.neo4j.wipe()
        database = servers.postgres.create_database()
        environment = f"s{uuid4().hex[:8]}"
        queues = Queues(servers.elasticmq, environment)
        stream = Stream(servers.kafka)
        stack.callback(stream.close)
        stack.enter_context(_aws(servers.elasticmq, proxies["elasticmq"].port))
        history = History(url=url, ids=tuple(users), some=())
        settings = {
            **in_neo4j(servers.neo4j),
            **stream.settings(),
            "admins": ADMIN,
            "environment": environment,
            "graph": f"bolt://{HOST}:{relay.port}",
            "store": _through(database, proxies["postgres"]),
            "cache": _through(servers.redis.url, proxies["redis"]),
            "kafka_brokers": f"{HOST}:{servers.kafka.proxied}",
            "queue_url": queues.bulk,
            "queue_enrollment_url": queues.enrollment,
            "queue_wait_seconds": "1",
            "queue_visibility_seconds": str(VISIBILITY_SECONDS),
            "flags_file": _flags(folder, cast_list),
            "flags_refresh_seconds": "1",
            "detector_every_seconds": "0",
            "enrolment_settle_seconds": "1",
            "enrolment_lookback_days": "3650",
            "jobs_lease_seconds": "5",
            "log_format": "text",
            "log_level": "debug",
        }
        behind = History(url=_through(url, proxies["history"]), ids=history.ids, some=())
        stage = Stage(
            seed=seed,
            servers=servers,
            history=history,
            casts=cast_list,
            place=Place(folder / "soak", behind, **settings),
            folder=folder,
            stream=stream,
            queues=queues,
            relay=relay,
            proxies=proxies,
        )
        ended(stage.cli.run("queue", "create", "--json"))
        yield stage


def _proxies(servers: Servers, history_url: str) -> dict[str, Proxy]:
    toxiproxy = servers.toxiproxy
    return {
        "neo4j": toxiproxy.proxy(servers.neo4j.port),
        "postgres": toxiproxy.proxy(servers.postgres.port),
        "redis": toxiproxy.proxy(servers.redis.port),
        "elasticmq": toxiproxy.proxy(servers.elasticmq.port),
        "kafka": toxiproxy.proxy(servers.kafka.behind_proxy, servers.kafka.proxied),
        "history": toxiproxy.proxy(urlsplit(history_url).port or 0),
    }


def _through(url: str, proxy: Proxy) -> str:
    return url.replace(f":{urlsplit(url).port}", f":{proxy.port}")


@contextmanager
def _aws(server: ElasticMqServer, port: int) -> Iterator[None]:
    """What clients of AWS read, for every process that is started within the block."""
    own = {**server.client_environment, "AWS_ENDPOINT_URL": f"http://{HOST}:{port}"}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _flags(folder: Path, cast_list: Sequence[Cast]) -> str:
    """A flag that covers whom it covers from the beginning."""
    file = folder / "flags.yaml"
    users = ", ".join(user for cast in cast_list for user in cast.covered)
    segment = f'{{name: Covered, allowedIDs: "{users}", rollout: 100}}'
    file.write_text(f"flags:\n  consumer_graph_ingestion:\n    segments:\n      - {segment}\n")
    return str(file)


def chance_of(stage: Stage, name: str) -> random.Random:
    """Draws that are the same for the same seed, whatever else is played."""
    return random.Random(f"{stage.seed} {name}")


def load_known_user(stage: Stage, place: Place) -> None:
    """Loads, in a process of its own and without the queue, one user who plays in no round."""
    place.load([stage.casts[-1].loaded[0]], *FAST, *WINDOW, "--reset-cursor", key="known")
