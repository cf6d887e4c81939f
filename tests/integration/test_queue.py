"""Jobs whose users travel through a queue: real workers, a real queue service, and what goes wrong between them."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from tests.integration.story import FAST, History, Place, ended, outcome, until, until_told
from tests.servers.elasticmq import REGION, ElasticMqServer
from tests.servers.toxiproxy import ToxiproxyServer

pytestmark = pytest.mark.timeout(300)
FEW = 40


class Queue:
    """A queue of this test's own, with its dead-letter queue, as another program sees them."""

    def __init__(self, server: ElasticMqServer, name: str) -> None:
        self.client: Any = boto3.client(
            "sqs",
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id="other",
            aws_secret_access_key="other",
            config=Config(proxies={}),
        )
        self.url = server.queue_url(f"{name}-consumer-graph-queue")
        self.dead_url = server.queue_url(f"{name}-consumer-graph-queue-dlq")

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.client.send_message(QueueUrl=self.url, MessageBody=text)

    def take(self, visibility: int = 60) -> list[dict[str, Any]]:
        found = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=visibility)
        messages: list[dict[str, Any]] = found.get("Messages", [])
        return messages

    def count(self, url: str | None = None) -> tuple[int, int]:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def given_up(self) -> bool:
        """Receives everything once more, and shows it again at once; whether nothing was left."""
        taken = self.take()
        for message in taken:
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return not taken and self.count() == (0, 0)


@pytest.fixture
def queue(elasticmq: ElasticMqServer, place: Place, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Made by our own command."""
    for name, value in elasticmq.client_environment.items():
        monkeypatch.setenv(name, value)
    environment = f"t{uuid4().hex[:8]}"
    queue = Queue(elasticmq, environment)
    place.cli = place.cli.with_settings(
        environment=environment, queue_url=queue.url, queue_wait_seconds="1", jobs_lease_seconds="5"
    )
    made = ended(place.cli.run("queue", "create", "--queue", "bulk", "--json"))
    assert made == {"bulk": queue.url}
    return queue


@contextmanager
def workers(place: Place, count: int, **settings: str) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    """That many workers, which take users."""
    with ExitStack() as stack:
        cli = place.cli.with_settings(log_format="text", **settings)
        started = [stack.enter_context(cli.running("worker")) for _ in range(count)]
        for worker in started:
            until_told(worker, "taking users from")
        yield started


def sends(place: Place, users: Sequence[str], *options: str, key: str = "story") -> list[str]:
    return place.backfill(users, "--executor", "queue", *options, key=key)


def counts(job: Any) -> tuple[int, int, int, int, int]:
    return job["processed"], job["failed"], job["skipped"], job["sent"], job["answered"]


def test_three_workers_one_killed_and_every_message_twice_come_to_the_same(
    place: Place, queue: Queue, history: History, undisturbed: Any
) -> None:
    """Each user is counted once, and the graph is that of one process which nothing disturbed."""
    history.misbehave(latency={"fixed_ms": 60})
    with (
        workers(place, 3, queue_visibility_seconds="3") as (victim, *_),
        place.cli.running(*sends(place, history.some, "--rate-limit", "40")) as sending,
    ):
        until(lambda: (place.row("answered") or {"answered": 0})["answered"] >= 20, "20 users are counted")
        for message in queue.take(visibility=1):
            queue.send(message["Body"])
        victim.kill()
        job = ended(outcome(sending))
    assert (job["state"], *counts(job)) == ("succeeded", len(history.some), 0, 0, len(history.some), len(history.some))
    assert place.digest() == undisturbed


def test_a_worker_that_stands_still_longer_than_its_messages_stay_hidden_changes_nothing(
    place: Place, queue: Queue, history: History
) -> None:
    history.misbehave(latency={"fixed_ms": 300})
    users = history.some[:FEW]
    with workers(place, 1, queue_visibility_seconds="2") as (frozen,):
        with place.cli.running(*sends(place, users, *FAST)) as sending:
            until(lambda: queue.count()[1] >= 5, "the worker has messages")
            frozen.send_signal(signal.SIGSTOP)
            with workers(place, 1, queue_visibility_seconds="2"):
                job = ended(outcome(sending))
                frozen.send_signal(signal.SIGCONT)
                until(lambda: queue.count() == (0, 0), "every message is deleted")
        frozen.send_signal(signal.SIGTERM)
        assert outcome(frozen).code == 0
    assert (job["state"], *counts(job)) == ("succeeded", FEW, 0, 0, FEW, FEW)
    assert counts(place.job()) == counts(job)


def test_a_dispatcher_that_dies_sends_the_rest_and_counts_nothing_twice(
    place: Place, queue: Queue, history: History
) -> None:
    users = history.some[:FEW]
    with workers(place, 1):
        with place.cli.running(*sends(place, users, "--rate-limit", "1", "--batch-size", "1")) as first:
            until(lambda: (place.row("answered") or {"answered": 0})["answered"] >= 2, "some users are counted")
            second = place.cli.run(*sends(place, users))
            assert second.code == 4, second.err
            first.kill()
        job = ended(place.cli.run(*sends(place, users, *FAST)))
    assert (job["state"], *counts(job)) == ("succeeded", FEW, 0, 0, FEW, FEW)


def test_a_cancelled_jobs_messages_are_passed_over_and_counted(place: Place, queue: Queue, history: History) -> None:
    users = history.some[:FEW]
    with place.cli.running(*sends(place, users, *FAST)) as sending:
        until(lambda: queue.count()[0] == FEW, "everything is sent")
        until(lambda: (place.row("sent") or {"sent": 0})["sent"] == FEW, "and noted")
        assert place.cli.run("jobs", "cancel", "story").code == 0
        assert outcome(sending).code == 5
    with workers(place, 1):
        until(lambda: queue.count() == (0, 0), "the queue is empty")
        until(lambda: place.job()["answered"] == FEW, "they are counted")
    job = place.job()
    assert (job["state"], *counts(job)) == ("canceled", 0, 0, FEW, FEW, FEW)
    assert job["skipped_by"] == {"canceled": FEW}


def test_a_dead_letter_is_a_failure_of_its_job_and_a_retry_loads_it(
    place: Place, queue: Queue, history: History
) -> None:
    victim, other = history.some[:2]
    stranger = {
        "event_type": "user_load_request",
        "user_id": other,
        "reason": "enrollment",
        "requested_at": "2018-01-02T00:00:00Z",
        "lookback_days": 365,
        "request_id": "enrollment-1",
        "as_of": "2018-01-02T00:00:00Z",
    }
    with place.cli.running(*sends(place, [victim], *FAST)) as sending:
        until(lambda: queue.count()[0] == 1, "it is sent")
        queue.send(stranger)
        until(queue.given_up, "both are given up")
        job = ended(outcome(sending), 1)
    assert counts(job) == (0, 1, 0, 1, 1)
    (failure,) = ended(place.cli.run("jobs", "failures", "story", "--json"))
    assert (failure["item"], failure["error_class"]) == (victim, "DeadLetter")
    (letter,) = ended(place.cli.run("queue", "dead-letters", "list", "--json"))
    assert (letter["user_id"], letter["request_id"]) == (other, "enrollment-1")
    with workers(place, 1):
        job = ended(place.cli.run("jobs", "retry", "story", "--json"))
        assert counts(job) == (1, 0, 0, 2, 2)
        assert place.cli.run("queue", "dead-letters", "replay").code == 0
        until(lambda: queue.count() == (0, 0), "the other one is loaded as well")
    assert queue.count(queue.dead_url) == (0, 0)
    shown = ended(place.cli.run("graph", "show", other, "--json"))
    assert shown


def test_a_queue_that_is_gone_for_a_while_pauses_the_sending_and_loses_nothing(
    place: Place, queue: Queue, history: History, elasticmq: ElasticMqServer, toxiproxy: ToxiproxyServer
) -> None:
    users = history.some[:FEW]
    proxy = toxiproxy.proxy(elasticmq.port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        with workers(place, 1), place.cli.running(*sends(place, users, "--rate-limit", "4")) as sending:
            until(lambda: queue.count() != (0, 0), "the first are sent")
            proxy.cut()
            until_told(sending, "waiting until queue answers again")
            proxy.mend()
            job = ended(outcome(sending))
    assert (job["state"], *counts(job)) == ("succeeded", FEW, 0, 0, FEW, FEW)


def test_an_outage_of_the_services_uses_up_no_receives(
    place: Place, queue: Queue, history: History, toxiproxy: ToxiproxyServer
) -> None:
    users = history.some[:10]
    proxy = toxiproxy.proxy(int(history.url.rpartition(":")[2]))
    place.cli = place.cli.with_settings(upstream=f"http://127.0.0.1:{proxy.port}")
    with workers(place, 1) as (worker,):
        proxy.cut()
        with place.cli.running(*sends(place, users, *FAST)) as sending:
            until_told(worker, "dependency-down")
            until(lambda: queue.count() == (5, 5), "five are held, the rest is left alone")
            proxy.mend()
            job = ended(outcome(sending))
    assert counts(job) == (10, 0, 0, 10, 10)


def test_whom_a_command_could_not_send_is_in_a_file_to_go_on_with_through_the_same_queue(
    place: Place, queue: Queue, history: History
) -> None:
    """Whoever goes on may have another queue, and no services: the rest is sent to where the job began."""
    users = history.some[:FEW]
    with place.cli.running(*sends(place, users, "--rate-limit", "5", "--batch-size", "5", "--once")) as sending:
        until(lambda: (place.row("sent") or {"sent": 0})["sent"] >= 5, "the first are sent")
        sending.send_signal(signal.SIGINT)
        ended(outcome(sending), 130)
    sent = place.job()["sent"]
    file = place.directory / "story.remaining.txt"
    assert file.read_text().split() == list(users[sent:])
    elsewhere = place.cli.with_settings(queue_url=f"{queue.url}-other", upstream="")
    told = elsewhere.run("backfill", "purchases", "--key", "story", "--queue-url", f"{queue.url}-dlq")
    assert (told.code, f"sent through {queue.url}, where {sent} of its users" in told.err) == (2, True)
    with workers(place, 1):
        job = ended(elsewhere.run("backfill", "purchases", "--resume-from", file.name, *FAST, "--json"))
    assert job["parameters"]["queue"] == queue.url
    assert (job["key"], job["state"], *counts(job)) == ("story", "succeeded", FEW, 0, 0, FEW, FEW)
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("--executor", "queue"), {"queue_url": ""}, "set SQS_QUEUE_URL"),
        (("--queue-url", "http://127.0.0.1:1/0/none"), {}, "queue"),
        (("--executor", "pigeon"), {}, "inline, queue"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_sentence_before_anything_is_written(
    place: Place, queue: Queue, arguments: tuple[str, ...], settings: dict[str, str], words: str
) -> None:
    cli = place.cli.with_settings(**settings)
    told = cli.run("backfill", "purchases", "--user-id", "u-1", *arguments)
    assert told.code in (2, 3)
    assert words in told.err
    assert place.row() is None


def test_a_queue_that_does_not_exist_is_called_by_its_name(place: Place, queue: Queue) -> None:
    told = place.cli.run("backfill", "purchases", "--user-id", "u-1", "--queue-url", f"{queue.url}-other")
    assert (told.code, "there is no queue" in told.err) == (2, True)
    told = place.cli.with_settings(queue_url=f"{queue.url}-other").run("worker")
    assert (told.code, "there is no queue" in told.err) == (2, True)
