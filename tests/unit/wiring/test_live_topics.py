"""Which topics are read, and where each lives."""

from pathlib import Path

import pytest

from retrograph.config import Settings
from retrograph.config.live import FactoidsSettings, KafkaSettings, ReceiptEventsSettings
from retrograph.errors import ConfigurationError
from retrograph.live.kafka.client import client_settings
from retrograph.wiring.live import topic_named, topics_of


def test_without_brokers_there_are_none() -> None:
    with pytest.raises(ConfigurationError, match="RETROGRAPH_KAFKA_BROKERS"):
        topics_of(Settings())


def test_the_names_of_topics_and_groups_are_those_of_the_contract() -> None:
    found = topics_of(Settings(kafka=KafkaSettings(brokers="k:9092")))
    assert [(topic.form, topic.name, topic.group) for topic in found] == [
        ("receipts", "pipeline-v1-processed-receipt-events", "unified-worker-receipts"),
        ("factoids", "factoid-stream", "unified-worker-factoids"),
        ("identity", "identity-events", "unified-worker-identity"),
    ]


def test_a_topic_takes_from_the_common_cluster_what_it_does_not_set(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush\n")
    common = KafkaSettings(brokers="k:9092", protocol="SASL_SSL", username="ann", password_file=secret)
    settings = Settings(
        kafka=common,
        receipt_events=ReceiptEventsSettings(topic="mine", username="bob"),
        factoids=FactoidsSettings(brokers="other:9092"),
    )
    receipts, factoids, identity = topics_of(settings)
    assert (receipts.name, receipts.cluster.username, receipts.cluster.brokers) == ("mine", "bob", "k:9092")
    assert client_settings(identity.cluster) == {
        "bootstrap.servers": "k:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "ann",
        "sasl.password": "hush",
        "client.id": "retrograph",
    }
    assert client_settings(factoids.cluster) == {
        "bootstrap.servers": "other:9092",
        "security.protocol": "PLAINTEXT",
        "client.id": "retrograph",
    }
    assert "hush" not in repr(identity)


def test_only_some_and_one_by_name() -> None:
    settings = Settings(factoids=FactoidsSettings(brokers="k:9092", topic="orders"))
    assert [topic.form for topic in topics_of(settings)] == ["factoids"]
    assert topic_named(settings, "orders") == topic_named(settings, "factoids")
    with pytest.raises(ConfigurationError, match="none of the topics"):
        topic_named(settings, "receipts")
    with pytest.raises(ConfigurationError, match="no form of events"):
        topics_of(settings, ["orders"])
