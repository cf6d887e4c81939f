"""`/api/v1` behind the real guard, over an embedded store: what a program does in one sitting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.web.auth.door import bearer, opened

JOBS = "/api/v1/jobs"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with opened(tmp_path) as door, door.caller(**bearer(await door.token())) as made:
        yield made


async def ended(client: httpx2.AsyncClient, key: str) -> Any:
    for _ in range(2_000):
        job = (await client.get(f"{JOBS}/{key}")).json()
        if job["state"] not in ("pending", "running", "stopping", "canceling"):
            return job
        await asyncio.sleep(0.005)
    raise AssertionError(f"{key} never ended")


def dry(**more: object) -> dict[str, object]:
    """A start that needs no service and no graph."""
    return {"kind": "purchases", "dry_run": True, "as_of": "2018-01-02", "rate_limit": 10_000, **more}


async def test_an_uploaded_list_becomes_a_job_that_runs_to_its_end(client: httpx2.AsyncClient) -> None:
    taken = await client.post("/api/v1/uploads?name=a.csv", content=b"user_id,name\nu1,x\nu2,y\n\nu1,z\n")
    assert taken.status_code == 201
    assert taken.json() | {"upload_id": ""} == {"upload_id": "", "name": "a.csv", "ids": 2, "repeated": 1, "blank": 1}

    started = await client.post(JOBS, json=dry(upload_id=taken.json()["upload_id"], key="up", batch_size=9_999_999))

    assert started.status_code == 202
    assert (started.json()["started"], started.json()["running"]) == (True, True)
    assert started.json()["clamped"] == ["batch_size was 9999999; it is 5000 now, its range is 1-5,000"]
    job = await ended(client, "up")
    assert (job["state"], job["skipped"], job["skipped_by"]) == ("succeeded", 2, {"dry-run": 2})
    assert job["created_by"] == "ann@example.com (token deploy)"
    again = await client.post(JOBS, json=dry(upload_id=taken.json()["upload_id"], key="up"))
    assert (again.status_code, again.json()["reason"]) == (200, "complete")
    other = await client.post(JOBS, json=dry(user_ids=["u9"], key="up"))
    assert (other.status_code, other.json()["code"]) == (409, "OTHER_WORK")


async def test_a_form_may_bring_the_list_as_well(client: httpx2.AsyncClient) -> None:
    taken = await client.post("/api/v1/uploads", files={"file": ("ids.txt", b"u1\nu2\n")})
    assert (taken.status_code, taken.json()["ids"], taken.json()["name"]) == (201, 2, "ids.txt")
    none = await client.post("/api/v1/uploads", files={"other": ("ids.txt", b"u1\n")})
    wrong = await client.post("/api/v1/uploads", content=b"u1\n\xff\n")
    assert [(answer.status_code, answer.json()["field"]) for answer in (none, wrong)] == [(400, "file")] * 2
    assert "line 2" in wrong.json()["detail"]


async def test_json_is_taken_whatever_the_header_says(client: httpx2.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"kind": "purchases", "dry_run": true, "user_ids": ["u1"], "key": "form"}'
    assert (await client.post(JOBS, content=body, headers=form)).status_code == 202
    assert (await ended(client, "form"))["state"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"kind": "purchases", "kind": "identity"}', "kind"),
        (b'{"kind": 1}', "kind"),
        (b"{}", "kind"),
        (b'{"kind": "nothing", "user_ids": ["u1"], "dry_run": true}', "kind"),
        (b'{"kind": "purchases", "user_ids": "u1"}', "user_ids"),
        (b'{"kind": "purchases", "user_ids": ["u1", 2]}', "user_ids"),
        (b'{"kind": "purchases", "user_ids": ["a\\u0000b"]}', "user_ids"),
        (b'{"kind": "purchases", "user_ids": ["\\ud800"]}', "user_ids"),
        (b'{"kind": "purchases", "user_ids": []}', "user_ids"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "source": "neo4j"}', "source"),
        (b'{"kind": "purchases", "source": "mysql"}', "source"),
        (b'{"kind": "purchases", "s3_uri": "http://x/y"}', "s3_uri"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "rate_limit": "fast"}', "rate_limit"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "dry_run": 1}', "dry_run"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "speed": 1}', "speed"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "key": "a b"}', "key"),
        (b'{"kind": "purchases", "user_ids": ["u1"], "as_of": "soon"}', "as_of"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx2.AsyncClient, body: bytes, field: str) -> None:
    answer = await client.post(JOBS, content=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert (await client.get("/api/v1/cards")).json()["jobs"] == 0


@pytest.mark.parametrize("body", [b"[]", b"nothing", b"\xff", b"[" * 100_000, b'{"rate_limit": NaN}', b'{"a": 1'])
async def test_what_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    answer = await client.post(JOBS, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=flying", "state"),
        ("created_after=yesterday", "created_after"),
        ("sort=secret", "sort"),
        ("status=running", "status"),
        ("limit=5&page=2", "page"),
        ("after=..%2Fx", "after"),
        ("limit=all", "limit"),
        ("archived=perhaps", "archived"),
    ],
)
async def test_a_wrong_filter_is_named(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"{JOBS}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_lists_are_paged_and_filtered(client: httpx2.AsyncClient) -> None:
    for number in range(5):
        await client.post(JOBS, json=dry(user_ids=[f"u{number}"], key=f"k{number}"))
        await ended(client, f"k{number}")
    found: list[str] = []
    after = ""
    while True:
        page = (
            await client.get(JOBS, params={"sort": "key", "limit": 2, "after": after, "state": "succeeded,failed"})
        ).json()
        found += [job["key"] for job in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == ["k0", "k1", "k2", "k3", "k4"]
    assert [job["key"] for job in (await client.get(f"{JOBS}?q=K3&limit=99999")).json()["items"]] == ["k3"]
    assert (await client.get(f"{JOBS}?state=running&state=paused")).json() == {"items": [], "next": None}


async def test_the_verbs_say_what_they_did_and_what_cannot_be_done(client: httpx2.AsyncClient) -> None:
    await client.post(JOBS, json=dry(user_ids=[f"u{number}" for number in range(50)], key="slow", rate_limit=0.1))
    stopping = await client.post(f"{JOBS}/slow/stop", json={"why": "lunch"})
    assert stopping.status_code == 200 and stopping.json()["state"] in ("stopping", "stopped")
    assert (await ended(client, "slow"))["state"] == "stopped"
    log = (await client.get(f"{JOBS}/slow/events")).json()["items"]
    assert ("stop asked", "lunch") in [(line["what"], line["why"]) for line in log]
    first = (await client.get(f"{JOBS}/slow/events?limit=2")).json()
    assert (first["items"], first["next"] is None) == (log[:2], False)
    assert (await client.get(f"{JOBS}/slow/events?after={first['next']}")).json()["items"] == log[2:]
    assert len((await client.get(f"{JOBS}/slow/runs")).json()["items"]) == 1
    assert (await client.post(f"{JOBS}/slow/cancel")).json()["state"] == "canceled"
    assert (await client.post(f"{JOBS}/slow/archive")).json()["archived"] is True
    assert (await client.post(f"{JOBS}/slow/stop")).status_code == 409
    assert (await client.post(f"{JOBS}/slow/retry")).status_code == 409
    assert (await client.post(f"{JOBS}/slow/stop", json={"when": "now"})).json()["field"] == "when"
    for path in ("", "/runs", "/events", "/failures", "/failures/groups", "/samples"):
        assert (await client.get(f"{JOBS}/nobody{path}")).status_code == 404


async def test_the_document_and_its_page_are_there_without_another_site(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    for path, verbs in document["paths"].items():
        for verb in verbs.values():
            assert "422" not in verb["responses"], path
    page = await client.get("/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200 and "/api/v1/jobs/{key}/retry" in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1", "") and "https://" not in page.text


async def test_metrics_count_what_happened(client: httpx2.AsyncClient) -> None:
    await client.post(JOBS, json=dry(user_ids=["u1", "u2"], key="k"))
    await ended(client, "k")
    text = (await client.get("/metrics")).text
    assert 'retrograph_items_total{environment="local",kind="purchases",outcome="skipped"} 2.0' in text
    assert 'retrograph_jobs{environment="local",state="succeeded"} 1.0' in text
    assert 'retrograph_store_up{environment="local"} 1.0' in text


async def test_health_tells_each_dependency_and_no_address(client: httpx2.AsyncClient) -> None:
    ready = await client.get("/health/ready", headers={"Authorization": ""})
    assert (ready.status_code, ready.json()["status"]) == (200, "up")
    assert {"store", "graph"} <= set(ready.json()["dependencies"])
    assert "sqlite" not in ready.text
