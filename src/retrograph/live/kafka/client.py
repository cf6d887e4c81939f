"""How every client of Kafka is configured, and how its errors are told."""

from typing import Any, Final

from confluent_kafka import KafkaError

from retrograph.errors import DependencyDown
from retrograph.live.cluster import Cluster
from retrograph.live.log import DEPENDENCY

ASK_SECONDS: Final = 10.0
"""How long a question to a cluster may take."""
REPLAY_GROUP: Final = "retrograph-dead-letter-replay"
"""A group that never reads: its offsets say which dead letters were replayed."""


def client_settings(cluster: Cluster) -> dict[str, Any]:
    """The cluster in the words of the client."""
    words = {
        "bootstrap.servers": cluster.brokers,
        "security.protocol": cluster.protocol,
        "sasl.mechanism": cluster.mechanism,
        "sasl.username": cluster.username,
        "sasl.password": cluster.password,
        "ssl.ca.location": cluster.ca_file,
        "ssl.certificate.location": cluster.certificate_file,
        "ssl.key.location": cluster.key_file,
    }
    return {name: value for name, value in words.items() if value is not None} | {"client.id": "retrograph"}


def down(error: Exception) -> DependencyDown:
    """What the client says, in our words: without a host's password, since it knows none."""
    known = error.args[0] if error.args and isinstance(error.args[0], KafkaError) else None
    return DependencyDown(DEPENDENCY, f"Kafka: {known.str() if known is not None else error}")
