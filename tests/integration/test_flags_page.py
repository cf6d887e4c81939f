"""The flags' pages over a real server: whom a flag covers, ids added, a list replaced, and who is found by that."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.server_process import ServerProcess, in_directory, served, wait_for
from tests.integration.story import History

DOCUMENT = """flags:
  consumer_graph_ingestion:
    segments:
      - {name: Team, allowedIDs: "%s"}   # the team
      - {name: Beta, allowedS3IDs: beta.csv, rollout: 100}
      - {name: Later, rollout: 0}
"""


@pytest.fixture
def server(tmp_path: Path, history: History) -> Iterator[ServerProcess]:
    (tmp_path / "flags.yaml").write_text(DOCUMENT % history.some[0])
    (tmp_path / "beta.csv").write_text(f"user_id\n{history.some[1]}\n")
    cli = in_directory(
        tmp_path,
        upstream=history.url,
        flags_file="flags.yaml",
        flags_bucket=str(tmp_path),
        flags_refresh_seconds="1",
        enrolment_settle_seconds="1",
    )
    with served(cli) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx2.Client]:
    with server.client(server.token()) as asked:
        yield asked


def jobs(client: httpx2.Client) -> Any:
    return client.get("/api/v1/jobs", params={"kind": "newly-enabled", "sort": "created_at"}).json()["items"]


def loaded(client: httpx2.Client, user: str) -> bool:
    answer = client.get(f"/api/v1/graph/users/{user}")
    return answer.status_code == 200 and str(answer.json()["user"]["loaded_by"]).endswith("-second")


def test_whoever_a_segment_comes_to_cover_is_found_and_loaded_twice(
    client: httpx2.Client, server: ServerProcess, history: History, tmp_path: Path
) -> None:
    team, beta, added, listed = history.some[:4]
    wait_for(lambda: loaded(client, team) and loaded(client, beta), "the first pass", lambda: jobs(client))
    assert [job["total"] for job in jobs(client)] == [2, 2]

    sent = client.post("/flags/consumer_graph_ingestion/ids", data={"segment": "Team", "ids": f"{added}, {team}"})
    assert sent.status_code == 303, sent.text
    page = client.get(sent.headers["location"]).text
    assert "1 id was written into Team" in page
    assert f'allowedIDs: "{team}, {added}"}}   # the team' in (tmp_path / "flags.yaml").read_text()
    wait_for(lambda: loaded(client, added), "the one that was added", lambda: jobs(client))

    sent = client.post(
        "/flags/consumer_graph_ingestion/list",
        data={"segment": "Beta"},
        files={"file": ("new.txt", f"user_id\n{listed}\n".encode())},
    )
    assert sent.status_code == 303, sent.text
    wait_for(lambda: loaded(client, listed), "the one of the list", lambda: jobs(client))
    [line] = [line for line in server.told().splitlines() if "flag-list-replaced" in line]
    assert "ann@example.com" in line and "beta.csv" in line
    passes = client.get("/flags/detector").text
    assert "ann@example.com (token tests)" in passes and "known to cover 3 users" in passes


def test_a_user_is_checked_and_what_is_wrong_is_said_beside_the_flags(
    client: httpx2.Client, history: History, tmp_path: Path
) -> None:
    page = client.get("/flags", params={"user": history.some[1]}).text
    assert "by <bdi>" in page
    assert "covers" in page and "lets in" in page and "leaves out" in client.get("/flags?user=nobody").text
    assert client.get("/flags?user=a%00b").status_code == 400
    refused = client.post("/flags/consumer_graph_ingestion/ids", data={"segment": "Later", "ids": "a"})
    assert refused.status_code == 422 and "names no ids" in refused.text
    assert client.post("/flags/other/ids", data={"segment": "Later", "ids": "a"}).status_code == 404
    (tmp_path / "flags.yaml").write_text("flags: [")
    wait_for(lambda: "could not be read again" in client.get("/flags").text, "the problem")
    ready = client.get("/health/ready").json()
    assert ready["status"] == "up" and ready["dependencies"]["flags"]["status"] == "down"
    assert client.post("/consumer-graph-worker/enroll", json={"user_id": "dan"}).status_code == 202
    wait_for(lambda: "lets in" in client.get("/flags?user=dan").text, "the gate")


def test_whoever_was_loaded_since_the_flag_covers_them_is_spared(tmp_path: Path, history: History) -> None:
    users = history.some[:3]
    (tmp_path / "flags.yaml").write_text(DOCUMENT % ", ".join(users))
    (tmp_path / "beta.csv").write_text("user_id\n")
    cli = in_directory(
        tmp_path,
        upstream=history.url,
        flags_file="flags.yaml",
        flags_bucket=str(tmp_path),
        flags_refresh_seconds="1",
        enrolment_settle_seconds="1",
        detector_every_seconds="0",
    )
    with served(cli) as server, server.client(server.token()) as client:
        wait_for(lambda: _loaded_later(client, users[:2]), "a load as of a moment after all had settled")
        assert client.post("/flags/detector").status_code == 303
        page = wait_for(lambda: _pass(client), "the pass")
        assert '<td class="number">1</td><td class="number">0</td><td class="number">2</td>' in page
        wait_for(lambda: {job["total"] for job in jobs(client)} == {1}, "the load of the third", lambda: jobs(client))


def _loaded_later(client: httpx2.Client, users: tuple[str, ...]) -> bool:
    """A load of these, which counts once its `as_of` lies far enough behind the opening of the gate."""
    body = {"kind": "purchases", "key": "bulk", "user_ids": list(users), "reset_cursor": True, "lookback_days": 3650}
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    wait_for(lambda: client.get("/api/v1/jobs/bulk").json()["state"] == "succeeded", "the load")
    as_of = client.get("/api/v1/jobs/bulk").json()["spec"]["as_of"]
    began = min(job["created_at"] for job in client.get("/api/v1/jobs").json()["items"])
    return datetime.fromisoformat(as_of) - datetime.fromisoformat(began) > timedelta(seconds=2.5)


def _pass(client: httpx2.Client) -> str:
    page = client.get("/flags/detector").text
    return page if "Spared" in page and "under way" not in page else ""
