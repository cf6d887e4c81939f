"""Live events while what their consumers need is cut off: the group stays alive, and the graph comes out the same."""

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from retrograph.live.cluster import Cluster, Topic
from retrograph.live.kafka.log import KafkaLog
from retrograph.live.log import Partition
from tests.integration.event_stream import Event, Stream, history_as_events, terminated
from tests.integration.story import History, Place, ended, in_neo4j, until, until_told
from tests.servers.kafka import KafkaServer
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.toxiproxy import ToxiproxyServer

pytestmark = pytest.mark.timeout(300)
USERS = 8


@pytest.fixture(scope="module")
def users(_history: History) -> list[str]:
    return sorted(_history.some)[-USERS:]


@pytest.fixture(scope="module")
def events(_history: History, users: list[str]) -> list[Event]:
    """The purchases of some users in a year, in no order."""
    found = history_as_events(_history.url, users)
    random.Random(7).shuffle(found)
    return found


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, _history: History, users: list[str]) -> Any:
    """The digest of those users' histories, loaded while nothing else happened."""
    place = Place(tmp_path_factory.mktemp("loaded"), _history)
    place.load(users)
    return place.digest()


@pytest.fixture
def stream(kafka: KafkaServer) -> Iterator[Stream]:
    kafka.start()
    made = Stream(kafka)
    yield made
    made.close()


class Holder:
    """A member that only holds what it is given."""

    def __init__(self) -> None:
        self.holds: set[Partition] = set()

    async def given(self, partitions: Sequence[Partition]) -> None:
        self.holds |= set(partitions)

    async def taken(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        self.holds -= set(partitions)


def test_kafka_is_cut_off_and_comes_back(
    place: Place, stream: Stream, toxiproxy: ToxiproxyServer, users: list[str], events: list[Event], loaded: Any
) -> None:
    relay = toxiproxy.proxy(stream.kafka.behind_proxy, listens=stream.kafka.proxied)
    middle = len(events) // 2
    cli = place.cli.with_settings(**stream.settings() | {"kafka_brokers": f"127.0.0.1:{relay.port}"})
    with cli.running("live") as process:
        stream.publish(events[:middle])
        stream.until_read()
        relay.cut()
        until_told(process, "kafka-error")
        stream.publish(events[middle:])
        away = cli.run("live", "lag")
        assert (away.code, away.err.count("does not answer")) == (3, 3)
        assert stream.left() == len(events) - middle
        relay.restore()
        stream.until_read()
        terminated(process)
    place.load(users)
    assert place.digest() == loaded


def test_the_graph_is_cut_off_and_the_group_stays_alive(
    tmp_path: Path,
    history: History,
    stream: Stream,
    neo4j_lts: Neo4jServer,
    toxiproxy: ToxiproxyServer,
    users: list[str],
    events: list[Event],
    loaded: Any,
) -> None:
    neo4j_lts.start()
    neo4j_lts.wipe()
    relay = toxiproxy.proxy(neo4j_lts.port)
    place = Place(tmp_path, history, **in_neo4j(neo4j_lts) | {"graph": f"bolt://127.0.0.1:{relay.port}"})
    cli = place.cli.with_settings(**stream.settings() | {"live_session_seconds": "3"})
    middle = len(events) // 2
    with cli.running("live") as process:
        stream.publish(events[:middle])
        stream.until_read()
        relay.cut()
        stream.publish(events[middle:])
        until_told(process, "live-waiting")
        found = ended(cli.run("live", "lag", "--json"))  # a member that is not polled would be gone by now
        assert "not consuming" not in {lag["state"] for topic in found for lag in topic["partitions"]}
        assert stream.left() > 0
        relay.restore()
        until_told(process, "live-resumed")
        stream.until_read()
        assert "0 dead letters" in terminated(process).err
    place.load(users)
    assert place.digest() == loaded


def test_the_store_is_stopped_and_those_who_are_covered_are_written_all_the_same(
    tmp_path: Path, history: History, stream: Stream, postgres: PostgresServer, postgres_url: str, users: list[str]
) -> None:
    covered = users[: USERS // 2]
    flags = {"flags": {"consumer_graph_ingestion": {"segments": [{"name": "team", "allowedIDs": ",".join(covered)}]}}}
    (tmp_path / "flags.yaml").write_text(json.dumps(flags))
    place = Place(tmp_path, history, store=postgres_url, flags_file="flags.yaml", graph="sqlite:///graph.db")
    with stream.consuming(place.cli.with_settings(flags_refresh_seconds="1")) as process:
        postgres.stop()
        stream.publish(history_as_events(history.url, users))
        stream.until_read()
        until_told(process, "enrolments-not-read")
        postgres.start()
        assert "not-admitted" in terminated(process).err
    assert ended(place.cli.run("graph", "stats", "--json"))["nodes"]["User"] == len(covered)


def test_a_store_that_is_down_at_the_start_is_told_in_one_sentence(place: Place, stream: Stream) -> None:
    cli = place.cli.with_settings(**stream.settings(), store="postgresql://nobody:secret@127.0.0.1:9/jobs")
    told = cli.run("live")
    assert told.code == 3
    (sentence,) = told.err.strip().splitlines()
    assert "the job store at" in sentence
    assert "secret" not in sentence


def test_a_consumer_that_is_told_to_end_in_the_middle_of_its_work_leaves_the_rest(
    place: Place, stream: Stream, users: list[str], events: list[Event], loaded: Any
) -> None:
    often = events * 60
    stream.publish(often)
    with stream.consuming(place.cli) as process:
        until(lambda: stream.left() < len(often), "something is done with")
        terminated(process)
    assert 0 < stream.left() < len(often)
    stream.consumed(place.cli)
    place.load(users)
    assert place.digest() == loaded


def test_a_second_consumer_takes_over_in_the_middle_of_a_batch(
    tmp_path: Path, place: Place, stream: Stream, users: list[str], events: list[Event], loaded: Any
) -> None:
    """The first one holds a batch of each partition that another writer keeps waiting, and finishes it before it hands
    a partition over."""
    database = sqlite3.connect(tmp_path / "retrograph.db", isolation_level=None)
    with closing(database) as other, stream.consuming(place.cli) as first:
        until_told(first, "partitions-given")
        other.execute("BEGIN IMMEDIATE")
        stream.publish(events)
        with stream.consuming(place.cli) as second:
            assert stream.left() == len(events)
            other.execute("ROLLBACK")
            until_told(second, "partitions-given")
            stream.until_read()
            terminated(first)
            terminated(second)
    place.load(users)
    assert place.digest() == loaded


async def test_leaving_a_group_takes_no_longer_than_it_may(stream: Stream) -> None:
    """A broker that stands still does not answer whoever leaves."""
    topic = Topic(
        form="receipts", name=stream.topic("receipts"), group="leaving", cluster=Cluster(brokers=stream.kafka.brokers)
    )
    left = KafkaLog(topic, close_seconds=0.5)
    member = Holder()
    left.join(member)
    while not member.holds:
        await left.poll()
    stream.kafka.freeze()
    try:
        with capture_logs() as told:
            await left.close()
    finally:
        stream.kafka.thaw()
    assert not member.holds
    assert [line["event"] for line in told] == ["kafka-not-left"]
