"""Enrolment over HTTP: durable before the answer, and finished whatever is killed, stopped or flushed in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.server_process import ServerProcess, in_directory, job_of, served, wait_for
from tests.integration.story import History
from tests.servers.elasticmq import ElasticMqServer
from tests.servers.redis import RedisServer

ENROLL = "/consumer-graph-worker/enroll"


def installation(directory: Path, history: History, **settings: str) -> CommandLine:
    return in_directory(
        directory,
        upstream=history.url,
        flags_refresh_seconds="1",
        enrolment_settle_seconds="1",
        **settings,
    )


@pytest.fixture
def client(tmp_path: Path, history: History) -> Iterator[httpx2.Client]:
    with served(installation(tmp_path, history)) as server, server.client(server.token()) as asked:
        yield asked


def jobs(client: httpx2.Client, kind: str = "enrolment") -> Any:
    return client.get("/api/v1/jobs", params={"kind": kind, "sort": "created_at"}).json()["items"]


def succeeded(client: httpx2.Client, count: int, kind: str = "enrolment") -> Any:
    found = [job for job in jobs(client, kind) if job["state"] == "succeeded"]
    return found if len(found) >= count else None


def test_an_enrolment_is_answered_at_once_and_loaded_twice(client: httpx2.Client, history: History) -> None:
    user = history.some[0]
    answer = client.post(ENROLL, content=f'{{"user_id": " {user} "}}')
    assert answer.status_code == 202
    request_id = answer.json()["request_id"]
    assert answer.json() == {"user_id": user, "request_id": request_id, "already_enrolled": False}
    again = client.post(ENROLL, json={"user_id": user})
    assert (again.status_code, again.json()) == (202, {**answer.json(), "already_enrolled": True})
    [first, second] = wait_for(lambda: succeeded(client, 2), "both loads", lambda: jobs(client))
    assert [first["processed"], second["processed"]] == [1, 1]
    assert second["key"].endswith("-second") and len(jobs(client)) == 2
    assert client.get(f"/api/v1/graph/users/{user}").json()["user"]["loaded_by"] == second["key"]


WRONG = [
    (b"{}", "user_id"),
    (b'{"user_id": 7}', "user_id"),
    (b'{"user_id": ""}', "user_id"),
    (b'{"user_id": "a", "userid": "b"}', "userid"),
    (b"[]", None),
    (b"{", None),
]


def test_a_wrong_body_is_refused_by_its_field(tmp_path: Path, history: History) -> None:
    with served(installation(tmp_path, history)) as server:
        with server.client(server.token()) as client:
            answers = [client.post(ENROLL, content=body) for body, _ in WRONG]
            assert [(answer.status_code, answer.json().get("field")) for answer in answers] == [
                (400, field) for _, field in WRONG
            ]
            assert jobs(client) == []
        with server.client(None) as nobody:
            assert nobody.post(ENROLL, json={"user_id": "a"}).status_code == 401


def test_a_load_that_failed_is_tried_again_until_it_succeeds(tmp_path: Path, history: History) -> None:
    user = history.some[0]
    history.misbehave("shop-orders", failing_users={user: 422})
    cli = installation(tmp_path, history, enrolment_retry_seconds="1")
    with served(cli) as server, server.client(server.token()) as client:
        assert client.post(ENROLL, json={"user_id": user}).status_code == 202
        wait_for(lambda: [job["failed"] for job in succeeded(client, 2) or []] == [1, 1], "both to fail")
        [first, _] = jobs(client)
        wait_for(lambda: retries(client, first["key"]) >= 2, "the second retry", server.told)
        history.misbehave()
        wait_for(lambda: [job["failed"] for job in jobs(client)] == [0, 0], "both to succeed", server.told)
        assert loaded(client, user)


def retries(client: httpx2.Client, key: str) -> int:
    """How often a job was retried by nobody."""
    [failure] = client.get(f"/api/v1/jobs/{key}/failures").json()["items"]
    return int(failure["attempts"]) - 1


def test_what_a_killed_server_left_is_done_by_the_next(tmp_path: Path, history: History) -> None:
    cli = installation(tmp_path, history)
    users = history.some[:20]
    server = ServerProcess(cli).start()
    token = server.token()
    try:
        with server.client(token) as client:
            for user in users:
                assert client.post(ENROLL, json={"user_id": user}).status_code == 202
        server.kill()
        server.start()
        with server.client(token) as client:
            for user in users:
                assert client.post(ENROLL, json={"user_id": user}).json()["already_enrolled"]
            wait_for(lambda: all(loaded_twice(client, user) for user in users), "all loads", lambda: jobs(client))
    finally:
        server.close()


def loaded_twice(client: httpx2.Client, user: str) -> bool:
    """Whether the user's second load has ended."""
    answer = client.get(f"/api/v1/graph/users/{user}")
    return answer.status_code == 200 and str(answer.json()["user"]["loaded_by"]).endswith("-second")


@pytest.mark.server
def test_a_valkey_that_is_stopped_or_flushed_keeps_nobody_out(
    tmp_path: Path, history: History, redis: RedisServer
) -> None:
    users = history.some[:2]
    with served(installation(tmp_path, history, cache=redis.url)) as server, server.client(server.token()) as client:
        redis.stop()
        assert client.post(ENROLL, json={"user_id": users[0]}).status_code == 202
        wait_for(lambda: succeeded(client, 1), "the load without Valkey")
        redis.start()
        key = f"experiment:enrolled:{users[0]}"
        wait_for(lambda: redis.tell(f"GET {key}") == b"$1\r\n1\r\n", "the copy")
        redis.flush()
        wait_for(lambda: redis.tell(f"GET {key}") == b"$1\r\n1\r\n", "the copy after the flush", server.told)
        assert client.post(ENROLL, json={"user_id": users[0]}).json()["already_enrolled"]


@pytest.mark.server
def test_a_queue_that_is_stopped_keeps_no_enrolment_from_being_durable(
    tmp_path: Path, history: History, elasticmq: ElasticMqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is killed while the queue is away, too: whoever was enrolled is sent for when both are back."""
    for name, value in elasticmq.client_environment.items():
        monkeypatch.setenv(name, value)
    users, environment = history.some[:3], f"e{uuid4().hex[:8]}"
    url = elasticmq.queue_url(f"{environment}-consumer-graph-enrollment-queue")
    cli = installation(tmp_path, history, environment=environment, queue_enrollment_url=url, queue_wait_seconds="1")
    server = ServerProcess(cli)
    elasticmq.stop()
    try:
        server.start()
        with server.client(server.token()) as client:
            for user in users:
                assert client.post(ENROLL, json={"user_id": user}).status_code == 202
        wait_for(lambda: "enrolment-waits" in server.told(), "a send that fails", server.told)
        server.kill()
        elasticmq.start()
        assert cli.run("queue", "create", "--queue", "enrollment").code == 0
        server.start("--workers")
        with server.client(server.token("again")) as client:
            assert client.post(ENROLL, json={"user_id": users[0]}).json()["already_enrolled"]
            wait_for(lambda: all(loaded(client, user) for user in users), "all loads", server.told)
            assert jobs(client) == [], "workers did it"
    finally:
        elasticmq.start()
        server.close()


def loaded(client: httpx2.Client, user: str) -> bool:
    answer = client.get(f"/api/v1/graph/users/{user}")
    return answer.status_code == 200 and answer.json()["user"]["loaded_by"] is not None


def test_an_enrolment_overtakes_a_bulk_load(client: httpx2.Client, history: History) -> None:
    *bulk, user = history.ids
    started = client.post(
        "/api/v1/jobs", json={"kind": "purchases", "key": "bulk", "user_ids": bulk, "rate_limit": 20, "concurrency": 2}
    )
    assert started.status_code == 202, started.text
    wait_for(lambda: job_of(client, "bulk")["processed"] > 0, "the bulk load to be under way")
    assert client.post(ENROLL, json={"user_id": user}).status_code == 202
    wait_for(lambda: succeeded(client, 1), "the enrolled one", lambda: jobs(client))
    job = job_of(client, "bulk")
    assert job["state"] == "running" and job["processed"] < len(bulk)
