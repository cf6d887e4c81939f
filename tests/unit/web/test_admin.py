"""`/admin/backfill` behind the real guard: what callers of old send, and what they are answered."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.web.auth.door import bearer, opened

BACKFILL = "/admin/backfill"
FIELDS = {
    *("job_id", "job_key", "status", "total", "sent", "processed", "failed", "skipped", "progress_percent"),
    *("elapsed_seconds", "eta_seconds", "last_error", "created_by", "created_at", "updated_at"),
}
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    quick_to_hear = {"jobs": {"lease_seconds": 3}}
    async with opened(tmp_path, quick_to_hear) as door, door.caller(**bearer(await door.token())) as made:
        yield made


async def ended(client: httpx2.AsyncClient, name: str) -> Any:
    for _ in range(2_000):
        job = (await client.get(f"{BACKFILL}/{name}")).json()
        if job["status"] not in ("pending", "running", "stopping", "canceling"):
            return job
        await asyncio.sleep(0.005)
    raise AssertionError(f"{name} never ended")


def slow(**more: object) -> dict[str, object]:
    """A backfill that needs no service and does not end by itself."""
    return {"user_ids": ["u1", "u2", "u3"], "dry_run": True, "rate_limit": 0.1, **more}


def quick(**more: object) -> dict[str, object]:
    return {"user_ids": ["u1", "u2"], "dry_run": True, "rate_limit": 10_000, **more}


async def test_ids_are_loaded_in_the_background_and_told_about(client: httpx2.AsyncClient) -> None:
    body = quick(user_ids=[" u1", "u2 ", "", "u1", "  "], lookback_days=365, as_of="2018-01-02")
    begun = await client.post(BACKFILL, json=body)

    assert begun.status_code == 202, begun.text
    assert begun.json()["status"] == "running" and begun.json()["total_users"] == 2
    assert re.fullmatch(UUID, begun.json()["job_id"]) and re.fullmatch(f"backfill-{UUID}", begun.json()["job_key"])
    told = await ended(client, begun.json()["job_id"])
    assert set(told) == FIELDS
    assert (told["status"], told["total"], told["sent"], told["skipped"]) == ("succeeded", 2, 2, 2)
    assert (told["progress_percent"], told["last_error"]) == (100.0, None)
    assert told["created_by"] == "ann@example.com (token deploy)"
    assert (await client.get(f"{BACKFILL}/{told['job_key']}")).json() == told
    assert (await client.get(f"{BACKFILL}/status")).json() == told


async def test_each_backfill_without_a_key_is_another_job(client: httpx2.AsyncClient) -> None:
    first = (await client.post(BACKFILL, json=quick())).json()
    await ended(client, first["job_id"])
    second = await client.post(BACKFILL, json=quick())
    assert second.status_code == 202 and second.json()["job_id"] != first["job_id"]


async def test_the_lines_of_old_callers_work_as_they_are(client: httpx2.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"user_ids": ["hh-0001", "hh-0002"], "rate_limit": 10, "lookback_days": 365}'
    begun = await client.post(BACKFILL, content=body, headers=form)
    assert begun.status_code == 202 and begun.json()["total_users"] == 2, begun.text


async def test_a_job_may_be_given_its_key(client: httpx2.AsyncClient) -> None:
    begun = (await client.post(BACKFILL, json=quick(job_key="weekly"))).json()
    assert begun["job_key"] == "weekly" and re.fullmatch(UUID, begun["job_id"])
    assert (await ended(client, "weekly"))["status"] == "succeeded"
    again = await client.post(BACKFILL, json=quick(job_key="weekly"))
    assert again.status_code == 409 and "weekly" in again.json()["detail"]
    other = await client.post(BACKFILL, json=quick(job_key="weekly", user_ids=["u9"]))
    assert (other.status_code, other.json()["code"]) == (409, "OTHER_WORK")


async def test_numbers_out_of_range_are_clamped_and_told(client: httpx2.AsyncClient) -> None:
    begun = await client.post(BACKFILL, json=quick(lookback_days=99_999, rate_limit=1e9))
    assert begun.status_code == 202
    assert begun.json()["clamped"] == [
        "lookback_days was 99999; it is 3650 now, its range is 1-3,650",
        "rate_limit was 1e+09; it is 10000 now, its range is 0.1-10,000",
    ] or sorted(line.split()[0] for line in begun.json()["clamped"]) == ["lookback_days", "rate_limit"]


async def test_one_runs_at_a_time_and_the_other_is_told_which(client: httpx2.AsyncClient) -> None:
    begun = (await client.post(BACKFILL, json=slow())).json()
    refused = await client.post(BACKFILL, json=quick())
    assert refused.status_code == 409
    assert begun["job_key"] in refused.json()["detail"] and begun["job_id"] in refused.json()["detail"]
    jobs = (await client.get("/api/v1/jobs")).json()["items"]
    assert [job["job_id"] for job in jobs] == [begun["job_id"]]


async def test_of_wishes_of_one_moment_one_is_taken(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post(BACKFILL, json=slow()) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    assert len((await client.get("/api/v1/jobs")).json()["items"]) == 1


@pytest.mark.parametrize("named", [True, False], ids=["by its id", "whichever runs"])
async def test_it_is_canceled(client: httpx2.AsyncClient, named: bool) -> None:
    job_id = (await client.post(BACKFILL, json=slow())).json()["job_id"]
    answer = await client.post(f"{BACKFILL}/{job_id}/cancel" if named else f"{BACKFILL}/cancel")
    assert answer.status_code == 202
    assert (answer.json()["job_id"], answer.json()["status"]) == (job_id, "canceling")
    assert (await ended(client, job_id))["status"] == "canceled"
    again = await client.post(f"{BACKFILL}/{job_id}/cancel" if named else f"{BACKFILL}/cancel")
    assert again.status_code == 409, again.text


async def test_a_dry_run_that_rests_is_not_what_goes_on_by_itself(client: httpx2.AsyncClient) -> None:
    begun = (await client.post(BACKFILL, json=slow(max_runtime_ms=1_000))).json()
    assert (await ended(client, begun["job_id"]))["status"] == "paused"
    assert (await client.post(f"{BACKFILL}/cancel")).status_code == 409
    assert (await client.post(f"{BACKFILL}/{begun['job_id']}/cancel")).json()["status"] == "canceled"


async def test_without_any_job_there_is_nothing_to_show_or_cancel(client: httpx2.AsyncClient) -> None:
    assert (await client.get(f"{BACKFILL}/status")).status_code == 404
    assert (await client.get(f"{BACKFILL}/none")).status_code == 404
    assert (await client.post(f"{BACKFILL}/none/cancel")).status_code == 404
    assert (await client.post(f"{BACKFILL}/cancel")).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "user_ids"),
        ({"user_ids": []}, "user_ids"),
        ({"user_ids": ["", " "]}, "user_ids"),
        ({"user_ids": "u1"}, "user_ids"),
        ({"user_ids": ["u1", 2]}, "user_ids"),
        ({"user_ids": ["a" * 257]}, "user_ids"),
        ({"user_ids": ["u1"], "source": "neo4j"}, "source"),
        ({"user_ids": ["u1"], "s3_uri": "s3://b/k"}, "s3_uri"),
        ({"source": "mysql"}, "source"),
        ({"source": 1}, "source"),
        ({"source": "neo4j"}, "source"),  # the graph holds no users
        ({"s3_uri": "https://bucket/key"}, "s3_uri"),
        ({"s3_uri": "s3://bucket"}, "s3_uri"),
        ({"s3_uri": 7}, "s3_uri"),
        ({"user_ids": ["u1"], "rate_limit": "10"}, "rate_limit"),
        ({"user_ids": ["u1"], "rate_limit": True}, "rate_limit"),
        ({"user_ids": ["u1"], "lookback_days": 1.5}, "lookback_days"),
        ({"user_ids": ["u1"], "as_of": "soon"}, "as_of"),
        ({"user_ids": ["u1"], "dry_run": "yes"}, "dry_run"),
        ({"user_ids": ["u1"], "job_key": "a b"}, "job_key"),
        ({"user_ids": ["u1"], "job_key": 5}, "job_key"),
        ({"user_ids": ["u1"], "speed": 1}, "speed"),
        ({"user_ids": ["u1"], "upload_id": "x"}, "upload_id"),
    ],
)
async def test_what_is_wrong_is_named_and_makes_no_job(
    client: httpx2.AsyncClient, body: dict[str, object], field: str
) -> None:
    answer = await client.post(BACKFILL, content=json.dumps(body))
    assert (answer.status_code, answer.json().get("field")) == (400, field), answer.text
    assert (await client.get("/api/v1/cards")).json()["jobs"] == 0


@pytest.mark.parametrize("body", [b"[]", b"nothing", b"\xff", b'{"user_ids": ["u1"'])
async def test_what_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    answer = await client.post(BACKFILL, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")


async def test_a_million_and_one_ids_are_too_many(client: httpx2.AsyncClient) -> None:
    body = b'{"user_ids": [' + b",".join(b'"%d"' % number for number in range(1_000_001)) + b"]}"
    answer = await client.post(BACKFILL, content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert "1,000,000" in answer.json()["detail"]


async def test_a_body_is_counted_as_it_arrives(client: httpx2.AsyncClient) -> None:
    asked_for = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked_for
        yield b'{"user_ids": ["'
        while True:
            asked_for += 1
            yield b"x" * 1_000_000

    answer = await client.post(BACKFILL, content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert asked_for == 50


async def test_nobody_enters_without_rights(client: httpx2.AsyncClient) -> None:
    stranger = {"Authorization": "Bearer rg_nothing"}
    assert (await client.post(BACKFILL, json=quick(), headers=stranger)).status_code == 401
    assert (await client.get(f"{BACKFILL}/status", headers=stranger)).status_code == 401


@pytest.mark.parametrize("path", [BACKFILL, "/api/v1/jobs"])
async def test_what_cannot_be_sent_through_a_queue_from_here_is_refused_by_name(
    client: httpx2.AsyncClient, path: str
) -> None:
    body = {"user_ids": ["u1"], "executor": "queue"} | ({"kind": "purchases"} if path != BACKFILL else {})
    refused = await client.post(path, json=body)
    assert (refused.status_code, refused.json()["field"]) == (400, "executor"), refused.text
    assert "no queue is configured" in refused.json()["detail"]
    other = await client.post(path, json=body | {"executor": "inline", "queue": "https://sqs.example/1/q"})
    assert (other.status_code, other.json()["field"]) == (400, "queue")
    assert (await client.get("/api/v1/jobs")).json()["items"] == []
