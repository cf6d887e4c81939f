"""The whole procedure over real servers: a flag's list in S3, a dry run, a load through the queue by three workers,
the present coming in meanwhile, somebody enrolled, and users whom the flag comes to cover."""

import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.event_stream import Event, Stream, history_as_events
from tests.integration.server_process import ADMIN, served
from tests.integration.story import FAST, History, Place, ended, in_neo4j, outcome, until, until_told
from tests.servers.elasticmq import ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.neo4j import Neo4jServer
from tests.servers.redis import RedisServer
from tests.servers.versitygw import VersitygwServer

pytestmark = pytest.mark.timeout(600)
LISTED, COVERED_LATER, STRANGERS = 30, 5, 5
FLAG = "consumer_graph_ingestion"
FLAGS = """flags:
  consumer_graph_ingestion:
    segments:
      - {name: Beta Users, allowedS3IDs: beta-users.csv, rollout: 100}
"""
EVERYTHING = ("--as-of", "2018-02-01", "--lookback-days", "3650")
"""As far back as whoever is enrolled is loaded here."""


class Bucket:
    """The bucket of the flags."""

    def __init__(self, server: VersitygwServer) -> None:
        self._client = server.client()
        self.name = server.new_bucket()
        self.put("flags.yaml", FLAGS)

    def put(self, key: str, text: str) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=text.encode())

    def list(self, users: Sequence[str]) -> None:
        """Who is covered from now on."""
        self.put("beta-users.csv", "user_id\n" + "\n".join(users) + "\n")


@pytest.fixture
def bucket(versitygw: VersitygwServer) -> Bucket:
    return Bucket(versitygw)


@pytest.fixture
def stream(kafka: KafkaServer) -> Stream:
    kafka.start()
    return Stream(kafka)


@pytest.fixture
def place(
    tmp_path: Path,
    history: History,
    bucket: Bucket,
    stream: Stream,
    versitygw: VersitygwServer,
    elasticmq: ElasticMqServer,
    redis: RedisServer,
    neo4j_lts: Neo4jServer,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """Every server that there is in production."""
    neo4j_lts.start()
    neo4j_lts.wipe()
    for name, value in versitygw.credentials(AWS_ENDPOINT_URL_SQS=elasticmq.endpoint).items():
        monkeypatch.setenv(name, value)
    environment = f"t{uuid4().hex[:8]}"
    queues = elasticmq.queue_url(environment)
    settings = {
        "admins": ADMIN,
        "environment": environment,
        "store": postgres_url,
        "cache": redis.url,
        "flags_file": f"s3://{bucket.name}/flags.yaml",
        "flags_bucket": bucket.name,
        "flags_refresh_seconds": "1",
        "enrolment_settle_seconds": "1",
        "enrolment_lookback_days": "3650",
        "queue_url": f"{queues}-consumer-graph-queue",
        "queue_enrollment_url": f"{queues}-consumer-graph-enrollment-queue",
        "queue_wait_seconds": "1",
        "jobs_lease_seconds": "5",
        "log_format": "text",
    }
    yield Place(tmp_path, history, **settings, **in_neo4j(neo4j_lts), **stream.settings())


@contextmanager
def workers(cli: CommandLine, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        started: list[subprocess.Popen[str]] = [stack.enter_context(cli.running("worker")) for _ in range(count)]
        for worker in started:
            until_told(worker, "taking users from")
        yield


def loaded(client: httpx2.Client, users: Sequence[str], by: str) -> bool:
    """Whether the whole history of each of them is in the graph, by a load whose name begins so."""
    for user in users:
        answer = client.get(f"/api/v1/graph/users/{user}")
        if answer.status_code != 200 or not str(answer.json()["user"]["loaded_by"]).startswith(by):
            return False
    return True


def detected(client: httpx2.Client, url: str, users: Sequence[str]) -> bool:
    """Asks for a pass, which sees the list as it was at the last refresh; whether they are loaded because of one."""
    answer = client.post("/flags/detector", headers={"Origin": url}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return loaded(client, users, "newly-enabled")


def newly_enabled(client: httpx2.Client) -> dict[str, tuple[str, int]]:
    """The state of each of the detector's loads, and how many users failed."""
    jobs: list[Any] = client.get("/api/v1/jobs", params={"kind": "newly-enabled"}).json()["items"]
    return {job["key"]: (job["state"], job["failed"]) for job in jobs}


def all_twice(client: httpx2.Client) -> bool:
    """Whether everybody whom the detector found was loaded, and loaded once more when the stream had caught up."""
    found = newly_enabled(client)
    again = [key for key in found if key.endswith("-second")]
    return set(found.values()) == {("succeeded", 0)} and 2 * len(again) == len(found)


def test_the_whole_procedure_ends_in_the_graph_of_all_facts(
    tmp_path_factory: pytest.TempPathFactory, place: Place, history: History, bucket: Bucket, stream: Stream
) -> None:
    users = list(history.some)
    listed, enrolled = users[:LISTED], users[LISTED]
    later = users[LISTED + 1 : LISTED + 1 + COVERED_LATER]
    strangers = users[-STRANGERS:]
    events: list[Event] = history_as_events(history.url, [*listed, enrolled, *later, *strangers])
    random.Random(7).shuffle(events)

    bucket.list(listed)
    cli = place.cli
    assert set(ended(cli.run("queue", "create", "--json"))) == {"bulk", "enrollment"}
    assert cli.run("flags", "ids", FLAG, "-o", "ids.txt").code == 0
    assert sorted((place.directory / "ids.txt").read_text().split()) == sorted(listed)

    dry = place.load(listed, *EVERYTHING, "--dry-run", "--rate-limit", "10000")
    assert (dry["state"], dry["skipped_by"]) == ("succeeded", {"dry-run": LISTED})

    with workers(cli, 3), served(cli) as server, stream.consuming(cli), server.client(server.token()) as client:
        sending = place.backfill(listed, *EVERYTHING, "--executor", "queue", "--rate-limit", "20")
        with cli.running(*sending) as backfill:
            stream.publish(events)
            answer = client.post("/consumer-graph-worker/enroll", json={"user_id": enrolled})
            assert answer.status_code == 202
            bucket.list([*listed, *later])
            until(lambda: detected(client, server.url, later), "the detector finds them")
            job = ended(outcome(backfill))
        assert (job["state"], job["processed"], job["failed"]) == ("succeeded", LISTED, 0)
        until(lambda: loaded(client, [enrolled], "enrollment"), "the load of the enrolled")
        until(lambda: all_twice(client), "second loads")
        stream.until_read()
        stream.publish(events)
        stream.until_read()

    alone = Place(tmp_path_factory.mktemp("alone"), history)
    alone.load([*listed, enrolled, *later], *FAST, *EVERYTHING)
    assert place.digest() == alone.digest()
