"""Events from a real Kafka: whatever happens to consumers, brokers and graphs, the graph comes out the same."""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.integration.event_stream import Event, Stream, history_as_events, letters, terminated
from tests.integration.story import History, NewPlace, Place, ended, until, until_told
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.timeout(400)
USERS = 12
LARGEST_VALUE = 1_048_400
"""With its key, what a topic takes that has the usual limit: 1,048,588 bytes for a batch of records."""
LOGIN = {
    "event_type": "login",
    "event_id": "e-1",
    "occurred_at": "2018-01-01T10:00:00Z",
    "user_id": "hh-0012",
    "identifiers": [{"type": "device", "value": "D-1"}],
}


@pytest.fixture(scope="module")
def users(_history: History) -> list[str]:
    return sorted(_history.some)[:USERS]


@pytest.fixture(scope="module")
def events(_history: History, users: list[str]) -> list[Event]:
    """The purchases of some users in a year."""
    found = history_as_events(_history.url, users)
    assert {form for form, _, _ in found} == {"receipts", "factoids"}
    return found


@pytest.fixture
def stream(kafka: KafkaServer) -> Iterator[Stream]:
    kafka.start()
    made = Stream(kafka)
    yield made
    made.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, _history: History, users: list[str]) -> Any:
    """The digest of those users' histories, loaded while nothing else happened."""
    place = Place(tmp_path_factory.mktemp("loaded"), _history)
    place.load(users)
    return place.digest()


def test_load_then_replay_and_the_other_way_round(
    new_place: NewPlace, stream: Stream, users: list[str], events: list[Event], loaded: Any
) -> None:
    """Twice each, in no order, and a load in between: no event of a loaded user is dropped or counted again."""
    twice = [*events, *events]
    random.Random(5).shuffle(twice)
    stream.publish(twice)
    after = new_place("after")
    after.load(users)
    stream.consumed(after.cli, "after")
    assert after.digest() == loaded
    before = new_place("before")
    stream.consumed(before.cli, "before")
    assert before.digest("--only", "purchases")["facts"] == loaded["facts"]
    before.load(users)
    assert before.digest() == loaded


def test_events_alone_make_the_graph_of_a_load_where_categories_are_looked_up(
    place: Place, stream: Stream, events: list[Event], loaded: Any
) -> None:
    stream.publish(events)
    stream.consumed(place.cli.with_settings(live_enrich="true"))
    assert place.digest() == loaded


def test_a_consumer_that_is_killed_and_one_that_joins_lose_nothing(
    place: Place, stream: Stream, users: list[str], events: list[Event], loaded: Any
) -> None:
    stream.publish(events * 3)
    with stream.consuming(place.cli) as first:
        until(lambda: stream.left() < len(events) * 3, "the first one has committed something")
        first.kill()
    assert stream.left() > 0
    with stream.consuming(place.cli) as second:
        until_told(second, "partitions-given")
        with stream.consuming(place.cli) as third:
            stream.publish(events)
            until_told(third, "partitions-given")
            stream.until_read()
            terminated(third)
        stream.publish(events)
        stream.until_read()
        terminated(second)
    place.load(users)
    assert place.digest() == loaded


def test_what_cannot_be_decoded_goes_to_the_dead_letters_and_can_be_replayed(place: Place, stream: Stream) -> None:
    newer = json.dumps({**LOGIN, "schema_version": 2}).encode()
    stream.publish([("identity", "hh-0012", newer), ("identity", "hh-0012", json.dumps(LOGIN).encode())])
    stream.publish([("receipts", "ann", b"\xff not JSON")])
    stream.consumed(place.cli)
    assert len(ended(place.cli.run("graph", "show", "hh-0012", "--json"))["identity"]["identifiers"]) == 1
    (letter,) = letters(place, stream, "identity")
    assert letter["key"] == "hh-0012"
    assert letter["value"] == newer.decode()
    assert letter["headers"]["error-class"] == "UndecodableEvent"
    assert "schema_version 2" in letter["headers"]["error-message"]
    assert letter["headers"]["topic"] == stream.topic("identity")
    assert set(letter["headers"]) == {
        "error-class",
        "error-message",
        "topic",
        "partition",
        "offset",
        "failed-at",
        "recorded-at",
    }
    (other,) = letters(place, stream, "receipts")
    assert other["headers"]["error-class"] == "UndecodableEvent"
    cli = place.cli.with_settings(**stream.settings())
    for sent in ("1 event sent", "0 events sent"):
        ended_ = cli.run("live", "dead-letters", "replay", "identity")
        assert (ended_.code, sent in ended_.err) == (0, True), ended_
    until(lambda: stream.left() == 1, "the one that was sent again is to be read")
    stream.consumed(place.cli)
    first, again = letters(place, stream, "identity")
    assert again["headers"]["offset"] != first["headers"]["offset"]
    assert again["headers"]["recorded-at"] == first["headers"]["recorded-at"]


def test_the_largest_event_that_a_topic_holds_can_be_buried_and_holds_nothing_up(place: Place, stream: Stream) -> None:
    """Its dead letter is larger, because of the headers: more than a client or a topic takes by default."""
    largest = b"?" * LARGEST_VALUE
    producer = Producer({"bootstrap.servers": stream.kafka.brokers, "message.max.bytes": 2 * LARGEST_VALUE})
    refused: list[object] = []
    producer.produce(
        stream.topic("identity"), largest, "hh-0012", 0, on_delivery=lambda error, _: refused.append(error)
    )
    assert producer.flush(30) == 0 and refused == [None]
    producer.produce(stream.topic("identity"), json.dumps(LOGIN).encode(), "hh-0012", 0)
    assert producer.flush(30) == 0
    stream.consumed(place.cli)
    assert len(ended(place.cli.run("graph", "show", "hh-0012", "--json"))["identity"]["identifiers"]) == 1
    (letter,) = letters(place, stream, "identity")
    assert letter["value"] == largest.decode()


def test_a_graph_that_is_down_is_waited_for(
    tmp_path: Any, history: History, stream: Stream, events: list[Event], request: pytest.FixtureRequest
) -> None:
    """The store of a graph in SQLite is held by another writer: longer than a transaction may wait."""
    place = Place(tmp_path, history)
    stream.consumed(place.cli)
    with closing(sqlite3.connect(tmp_path / "retrograph.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stream.publish(events)
        with stream.consuming(place.cli) as process:
            until_told(process, "live-waiting")
            until(lambda: stream.left() == len(events), "nothing is done with")
            other.execute("ROLLBACK")
            until_told(process, "live-resumed")
            stream.until_read()
            terminated(process)
    assert not [form for form in ("receipts", "factoids") if "exist" not in _no_letters(place, stream, form)]


def _no_letters(place: Place, stream: Stream, form: str) -> str:
    return place.cli.with_settings(**stream.settings()).run("live", "dead-letters", "list", form).err


def test_a_committed_offset_that_is_gone_is_an_error_until_somebody_says_where_to_go_on(
    place: Place, stream: Stream, events: list[Event]
) -> None:
    receipts = [event for event in events if event[0] == "receipts"]
    stream.publish(receipts[:10])
    stream.consumed(place.cli)
    before = place.digest()
    stream.publish(receipts[10:])
    stream.kafka.forget_records(stream.topic("receipts"), stream.partitions)
    stream.publish(receipts[:10])
    cli = place.cli.with_settings(**stream.settings())
    with stream.consuming(place.cli) as process:
        until_told(process, "offset-lost")
        states = [lag["state"] for lag in ended(cli.run("live", "lag", "--json"))[0]["partitions"]]
        assert "offset lost" in states
        refused = cli.run("live", "reset", "receipts")
        assert refused.code == 2
        assert "still has consumers" in refused.err
        terminated(process)
    assert place.digest() == before
    assert "will go on at the earliest event" in cli.run("live", "reset", "receipts").err
    assert "nothing was changed" in cli.run("live", "reset", "receipts").err
    stream.consumed(place.cli)
    assert place.digest() == before


def test_lag_is_told_with_what_it_means(place: Place, stream: Stream, events: list[Event]) -> None:
    cli = place.cli.with_settings(**stream.settings())
    stream.publish(events)
    found = ended(cli.run("live", "lag", "--json"))
    assert [topic["form"] for topic in found] == ["receipts", "factoids", "identity"]
    assert {lag["state"] for topic in found for lag in topic["partitions"]} == {"not consuming"}
    assert sum(topic["behind"] for topic in found) == len(events)
    with stream.consuming(place.cli) as process:
        stream.until_read()
        found = ended(cli.run("live", "lag", "--json"))
        assert {lag["state"] for topic in found for lag in topic["partitions"]} == {"caught up"}
        terminated(process)
    gone = place.cli.with_settings(kafka_brokers="127.0.0.1:9").run("live", "lag")
    assert gone.code == 3


def test_the_sandbox_publishes_its_history_and_again_changes_nothing(place: Place, stream: Stream) -> None:
    cli = place.cli.with_settings(**stream.settings())
    digests = []
    with stream.consuming(place.cli) as process:
        for _ in range(2):
            sent = ended(cli.run("sandbox", "publish", "--users", "5", "--json"))
            assert sent["identity"] == 5
            stream.until_read()
            digests.append(place.digest())
        told = terminated(process).err
    assert f"{2 * sent['receipts']:,} events" in told
    assert digests[0] == digests[1]
    assert digests[0]["facts"] > 0
