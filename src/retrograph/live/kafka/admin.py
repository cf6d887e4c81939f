"""Questions to a cluster, through one client that is kept: what it holds, and why it does not answer."""

from functools import lru_cache

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata

from retrograph.errors import RetrographError
from retrograph.live.cluster import Cluster
from retrograph.live.kafka.client import Troubles, first_answer, made


@lru_cache(maxsize=8)
def admin_of(cluster: Cluster) -> AdminClient:
    """One for each cluster, kept: to let go of one whose questions are not all answered ends the process. Raises
    ConfigurationError."""
    own = {"log_level": 2, "error_cb": _troubles(cluster), "reconnect.backoff.max.ms": 1_000}
    return made(AdminClient, cluster, own)


@lru_cache(maxsize=8)
def _troubles(cluster: Cluster) -> Troubles:
    return Troubles()


def metadata(cluster: Cluster, topic: str | None = None) -> ClusterMetadata:
    """What a cluster says of a topic, or of all. Blocks; raises KafkaException, soon where the cluster is away."""
    admin = admin_of(cluster)

    def ask(seconds: float) -> ClusterMetadata:
        return admin.list_topics(timeout=seconds) if topic is None else admin.list_topics(topic, timeout=seconds)

    return first_answer(ask, admin.poll, _troubles(cluster))


def told(cluster: Cluster, error: KafkaException) -> RetrographError:
    """What the end of a question means to us."""
    return _troubles(cluster).as_error(cluster.brokers, error)
