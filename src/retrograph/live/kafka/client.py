"""How every client of Kafka is configured, and how its errors are told."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.live.cluster import Cluster
from retrograph.live.log import DEPENDENCY

ASK_SECONDS: Final = 10.0
"""How long a question to a cluster may take that has just answered another."""
FIRST_SECONDS: Final = 1.0
"""How long the first question may take: by then a cluster that is away is known to be."""
AGAIN_SECONDS: Final = 4.0
"""How long it may take once more, where nothing is known."""
REPLAY_GROUP: Final = "retrograph-dead-letter-replay"
"""A group that never reads: its offsets say which dead letters were replayed."""

_REFUSED: Final = {
    KafkaError._AUTHENTICATION: "the sign-in is refused, see its username, password and mechanism",
    KafkaError._SSL: "there is no TLS with it, see its ca_file, certificate and protocol",
}
_UNANSWERED: Final = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, *_REFUSED})
_WHERE: Final = re.compile(r"^\S+: | \(after \d+ms in state [^)]*\)")

T = TypeVar("T")


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


def made(make: Callable[[dict[str, Any]], T], cluster: Cluster, own: Mapping[str, Any]) -> T:
    """A client of that cluster. Raises ConfigurationError where it cannot be: a file that is none, for one."""
    try:
        return make({**client_settings(cluster), **own})
    except KafkaException as error:
        raise ConfigurationError(f"Kafka at {cluster.brokers}: {error.args[0].str()}") from error


def down(error: Exception) -> DependencyDown:
    """What the client says, in our words: without a host's password, since it knows none."""
    known = error.args[0] if error.args and isinstance(error.args[0], KafkaError) else None
    return DependencyDown(DEPENDENCY, f"Kafka: {known.str() if known is not None else error}")


class Troubles:
    """What a client tells of its connections: why a question finds no answer is said nowhere else."""

    def __init__(self) -> None:
        self._told: dict[int, KafkaError] = {}

    def __call__(self, error: KafkaError) -> None:
        """The client's `error_cb`."""
        self._told[error.code()] = error

    def forget(self) -> None:
        """The cluster has answered."""
        self._told.clear()

    @property
    def known(self) -> bool:
        """Whether nobody needs to wait for an answer any more."""
        return bool(self._told.keys() & {KafkaError._ALL_BROKERS_DOWN, *_REFUSED})

    def as_error(self, brokers: str, error: KafkaException) -> RetrographError:
        """ConfigurationError where the cluster refuses us or we refuse it, else DependencyDown."""
        if not self._told or error.args[0].code() not in _UNANSWERED:
            return down(error)
        for code, refused in _REFUSED.items():
            if code in self._told:
                return ConfigurationError(f"Kafka at {brokers}: {refused} ({_plain(self._told[code])})")
        why = self._told.get(KafkaError._TRANSPORT) or self._told.get(KafkaError._RESOLVE)
        words = f" ({_plain(why)})" if why is not None else ""
        return DependencyDown(DEPENDENCY, f"Kafka at {brokers} does not answer{words}")


def first_answer(ask: Callable[[float], T], serve: Callable[[float], object], troubles: Troubles) -> T:
    """Asks the first question, which may take so many seconds; `serve` lets the client tell its troubles. They are
    told once, so they stand until there is an answer."""
    try:
        answer = ask(FIRST_SECONDS)
    except KafkaException:
        serve(0)
        if troubles.known:
            raise
        try:
            answer = ask(AGAIN_SECONDS)
        finally:
            serve(0)
    serve(0)  # also what is an old story by now, such as idle connections that were closed
    troubles.forget()
    return answer


def _plain(error: KafkaError) -> str:
    """Without which of its threads has seen it, and when."""
    return _WHERE.sub("", error.str()).partition(", verify that")[0]
