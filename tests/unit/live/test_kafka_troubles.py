"""Why a cluster does not answer: a client tells that apart from the question that finds no answer."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.live.kafka.client import AGAIN_SECONDS, FIRST_SECONDS, Troubles, first_answer

UNANSWERED = KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))
REFUSED = "sasl_ssl://kafka:9093/bootstrap: SASL authentication error: Authentication failed (after 2ms in state A)"
UNTRUSTED = "ssl://kafka:9093/1: SSL handshake failed: certificate verify failed, verify that ssl.ca.location is right"


class Client:
    """Answers after so many questions, and has something to tell when it is served."""

    def __init__(self, troubles: Troubles, *told: KafkaError, answers_after: int = 9) -> None:
        self.asked: list[float] = []
        self._troubles = troubles
        self._told = list(told)
        self._answers_after = answers_after

    def ask(self, seconds: float) -> str:
        self.asked.append(seconds)
        if len(self.asked) <= self._answers_after:
            raise UNANSWERED
        return "an answer"

    def serve(self, seconds: float) -> None:
        while self._told:
            self._troubles(self._told.pop())


def end_of(*told: KafkaError, error: KafkaException = UNANSWERED) -> RetrographError:
    troubles = Troubles()
    for each in told:
        troubles(each)
    return troubles.as_error("kafka:9093", error)


def test_a_cluster_that_refuses_or_is_not_trusted_is_a_matter_of_configuration() -> None:
    refused = end_of(KafkaError(KafkaError._AUTHENTICATION, REFUSED), KafkaError(KafkaError._ALL_BROKERS_DOWN, "all"))
    assert isinstance(refused, ConfigurationError)
    assert str(refused) == (
        "Kafka at kafka:9093: the sign-in is refused, see its username, password and mechanism "
        "(SASL authentication error: Authentication failed)"
    )
    untrusted = end_of(KafkaError(KafkaError._SSL, UNTRUSTED))
    assert isinstance(untrusted, ConfigurationError)
    assert str(untrusted).endswith("(SSL handshake failed: certificate verify failed)")


def test_a_cluster_that_is_away_is_down_with_the_reason() -> None:
    down = end_of(KafkaError(KafkaError._TRANSPORT, "kafka:9093/bootstrap: Connect to ipv4#kafka:9093 failed: refused"))
    assert isinstance(down, DependencyDown)
    assert str(down) == "Kafka at kafka:9093 does not answer (Connect to ipv4#kafka:9093 failed: refused)"


def test_an_answer_that_is_an_error_is_told_as_it_is() -> None:
    answered = KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED, "not for you"))
    down = end_of(KafkaError(KafkaError._TRANSPORT, "an idle connection was closed"), error=answered)
    assert (type(down), str(down)) == (DependencyDown, "Kafka: not for you")


def test_a_first_question_is_asked_once_more_only_where_nothing_is_known() -> None:
    known = Client(troubles := Troubles(), KafkaError(KafkaError._ALL_BROKERS_DOWN, "all"))
    with pytest.raises(KafkaException):
        first_answer(known.ask, known.serve, troubles)
    assert known.asked == [FIRST_SECONDS]
    slow = Client(Troubles(), answers_after=1)
    assert first_answer(slow.ask, slow.serve, Troubles()) == "an answer"
    assert slow.asked == [FIRST_SECONDS, AGAIN_SECONDS]


def test_an_answer_ends_all_troubles() -> None:
    troubles = Troubles()
    client = Client(troubles, KafkaError(KafkaError._ALL_BROKERS_DOWN, "all"), answers_after=0)
    first_answer(client.ask, client.serve, troubles)
    assert not troubles.known
