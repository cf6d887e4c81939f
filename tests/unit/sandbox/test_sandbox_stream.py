"""The history as a stream: whole, decodable, and the same each time."""

from collections import Counter

import msgspec
import pytest

from retrograph.events import factoids, identity, receipts
from retrograph.events.event import Skipped
from retrograph.sandbox import SAMPLE, SandboxError
from retrograph.sandbox.data import SourceData, load
from retrograph.sandbox.stream import Target, Told, publish, stream_of

NOW = 1_600_000_000_000
DECODERS = {"receipts": receipts.decode, "factoids": factoids.decode, "identity": identity.decode}


@pytest.fixture(scope="module")
def data() -> SourceData:
    return load(SAMPLE)


@pytest.fixture(scope="module")
def events(data: SourceData) -> list[Told]:
    return stream_of(data, users=40)


def test_every_event_can_be_decoded_and_is_of_whom_its_key_names(events: list[Told]) -> None:
    for told in events:
        event = DECODERS[told.form](msgspec.json.encode(told.document), recorded_at=NOW)
        assert event == Skipped("pending") if isinstance(event, Skipped) else event.user_id == told.user_id
    assert {told.form for told in events} == {"receipts", "factoids", "identity"}


def test_it_holds_all_that_the_first_users_have_and_one_sign_up_each(data: SourceData, events: list[Told]) -> None:
    users = sorted({*data.histories, *data.orders})[:40]
    counts = Counter(told.form for told in events)
    assert counts["receipts"] == sum(len(data.histories[user]) for user in users if user in data.histories)
    assert counts["factoids"] == sum(len(data.orders[user]) for user in users if user in data.orders)
    assert sorted(told.user_id for told in events if told.form == "identity") == users


def test_the_order_follows_from_the_seed(data: SourceData, events: list[Told]) -> None:
    assert stream_of(data, users=40) == events
    other = stream_of(data, users=40, seed=1)
    assert other != events
    assert Counter(told.user_id for told in other) == Counter(told.user_id for told in events)


def test_a_client_that_cannot_be_made_is_told(events: list[Told]) -> None:
    client = {"bootstrap.servers": "127.0.0.1:9", "security.protocol": "SSL", "ssl.ca.location": "nowhere"}
    with pytest.raises(SandboxError, match="Kafka"):
        publish(events, {"receipts": Target(topic="receipts", client=client)}, partitions=1)
