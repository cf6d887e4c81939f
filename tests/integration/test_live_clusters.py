"""Each topic may live on a cluster of its own, behind TLS and a sign-in; one that lets nobody in is told at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.event_stream import Stream, history_as_events, terminated
from tests.integration.story import History, Place, until_told
from tests.servers.kafka import KafkaServer
from tests.servers.secured_kafka import SecuredKafkaServer

pytestmark = pytest.mark.timeout(300)
USERS = 4


@pytest.fixture
def secured(secured_kafka: SecuredKafkaServer) -> Iterator[Stream]:
    secured_kafka.start()
    made = Stream(secured_kafka)
    yield made
    made.close()


def entering(server: SecuredKafkaServer, prefix: str, **changes: str) -> dict[str, str]:
    """The settings that let a client in."""
    found = {"brokers": server.entrance, "protocol": "SASL_SSL", "username": server.user}
    found |= {"password": server.password, "ca_file": str(server.authority)}
    return {f"{prefix}_{name}": value for name, value in (found | changes).items() if value}


def test_topics_of_two_clusters_are_read_each_with_its_own_sign_in(
    place: Place, kafka: KafkaServer, secured: Stream, secured_kafka: SecuredKafkaServer, history: History
) -> None:
    users = sorted(history.some)[:USERS]
    events = history_as_events(history.url, users)
    kafka.start()
    plain = Stream(kafka)
    plain.publish(event for event in events if event[0] == "receipts")
    secured.publish(event for event in events if event[0] == "factoids")
    factoids = {name: value for name, value in secured.settings().items() if name.startswith("factoids")}
    settings = plain.settings() | factoids | entering(secured_kafka, "factoids")
    cli = place.cli.with_settings(**settings)
    with cli.running("live") as process:
        until_told(process, f"consuming {secured.topic('factoids')} at {secured_kafka.entrance}")
        plain.until_read()
        secured.until_read()
        said = cli.run("live", "lag")
        assert (said.code, said.err) == (0, "")
        assert secured.topic("factoids") in said.out
        terminated(process)
    plain.close()
    found = place.digest("--only", "purchases")["facts"]
    place.load(users)
    assert found == place.digest("--only", "purchases")["facts"] > 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"password": "another"}, "the sign-in is refused"), ({"ca_file": ""}, "there is no TLS with it")],
    ids=["a wrong password", "a certificate that is not trusted"],
)
def test_a_cluster_that_lets_nobody_in_is_told_in_one_sentence(
    tmp_path: Path, history: History, secured: Stream, secured_kafka: SecuredKafkaServer, changes: Any, why: str
) -> None:
    place = Place(tmp_path, history, **{**secured.settings(), **entering(secured_kafka, "kafka", **changes)})
    live = place.cli.run("live", "--only", "receipts")
    assert live.code == 2
    (sentence,) = live.err.strip().splitlines()
    assert f"Kafka at {secured_kafka.entrance}: {why}" in sentence
    doctor = place.cli.run("doctor")
    assert f"Kafka at {secured_kafka.entrance}: {why}" in doctor.err
    assert place.cli.run("live", "lag").code == 2
    assert secured_kafka.password not in live.err + doctor.err + doctor.out
