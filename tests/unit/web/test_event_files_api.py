"""Event files over `/api/v1`: started, looked at object by object, and only below the folder that a server may read."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.web.auth.door import bearer, opened

JOBS = "/api/v1/jobs"


FLAGS = """
flags:
  consumer_graph_ingestion:
    segments:
      - {name: Beta Users, allowedIDs: "%s", rollout: 100}
"""


def receipt(number: int, user: str = "u1") -> bytes:
    event = {
        "event_type": "receipt_processed",
        "event_id": f"e{number}",
        "occurred_at": "2018-01-01T10:00:00Z",
        "user_id": user,
        "receipt_id": f"r{number}",
        "purchased_at": "2017-01-01T00:00:00Z",
        "retailer": {"name": "shop"},
        "items": [{"product_id": "p1"}],
    }
    return json.dumps(event).encode() + b"\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files" / "in"
    folder.mkdir(parents=True)
    (folder / "good.json").write_bytes(receipt(1) + receipt(2))
    (folder / "bad.json").write_bytes(b"nothing\n")
    return folder


@pytest.fixture
async def client(tmp_path: Path, files: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = {"files": {"root": files.parent}}
    async with opened(tmp_path, settings) as door, door.caller(**bearer(await door.token())) as made:
        yield made


async def ended(client: httpx2.AsyncClient, key: str) -> Any:
    for _ in range(2_000):
        job = (await client.get(f"{JOBS}/{key}")).json()
        if job["state"] not in ("pending", "running"):
            return job
        await asyncio.sleep(0.01)
    raise AssertionError(f"{key} never ended")


async def test_files_are_loaded_and_each_object_can_be_looked_at(client: httpx2.AsyncClient, files: Path) -> None:
    body = {"kind": "events", "uri": f"file://{files}", "events": "receipts"}
    begun = await client.post(JOBS, json=body)
    assert begun.status_code == 202, begun.text
    key = begun.json()["job"]["key"]
    job = await ended(client, key)
    assert (job["state"], job["processed"], job["failed"], job["total"]) == ("succeeded", 1, 1, 2)

    found = (await client.get(f"{JOBS}/{key}/objects")).json()
    totals = found["totals"]
    assert (totals["objects_discovered"], totals["objects_processed"], totals["objects_failed"]) == (2, 1, 1)
    assert (totals["events_ingested"], totals["events_undecodable"]) == (2, 1)
    assert totals["total_size"] == totals["processed_size"] == len(receipt(1) + receipt(2)) + len(b"nothing\n")
    assert {item["key"]: item["state"] for item in found["items"]} == {"good.json": "ingested", "bad.json": "failed"}
    (failed,) = (await client.get(f"{JOBS}/{key}/objects?state=failed")).json()["items"]
    assert "1 of 1 events cannot be decoded" in failed["error"] and failed["mistakes"][0]["line"] == 1
    first = (await client.get(f"{JOBS}/{key}/objects?limit=1")).json()
    rest = (await client.get(f"{JOBS}/{key}/objects?limit=1&after={first['next']}")).json()
    assert rest["next"] is None and rest["items"][0]["key"] != first["items"][0]["key"]
    assert len((await client.get(f"{JOBS}/{key}/objects?q=good")).json()["items"]) == 1
    assert (await client.get(f"{JOBS}/{key}/objects?state=flying")).status_code == 400

    page = (await client.get(f"/jobs/{key}", headers={"Accept": "text/html"})).text
    for label in ("Objects discovered", "Total size (bytes)", "Objects failed", "Events ingested", "Started at"):
        assert label in page
    assert f"--uri file://{files}" in page
    shown = (await client.get(f"/jobs/{key}/objects?state=failed", headers={"Accept": "text/html"})).text
    assert "bad.json" in shown and "cannot be decoded" in shown and "good.json" not in shown
    assert "Retry" in shown

    again = await client.post(JOBS, json=body)
    assert again.status_code == 202 and f"the same as job {key}" in again.json()["message"]
    other = await ended(client, again.json()["job"]["key"])
    assert other["skipped_by"] == {"unchanged": 1}


async def test_what_the_gate_keeps_out_is_counted_apart_and_is_read_when_it_is_wanted(tmp_path: Path) -> None:
    folder, flags = tmp_path / "in", tmp_path / "flags.yaml"
    folder.mkdir()
    (folder / "both.json").write_bytes(receipt(1) + receipt(2, "u2") + receipt(3, "u2"))
    (folder / "one.json").write_bytes(receipt(4))
    settings = {"files": {"root": folder}, "flags": {"file": str(flags)}}
    flags.write_text(FLAGS % "u1")
    async with opened(tmp_path, settings) as door, door.caller(**bearer(await door.token())) as client:

        async def loaded(*, gate: bool) -> tuple[Any, dict[str, tuple[str, int, int]]]:
            begun = await client.post(JOBS, json={"kind": "events", "uri": f"file://{folder}", "gate": gate})
            assert begun.status_code == 202, begun.text
            job = await ended(client, begun.json()["job"]["key"])
            assert job["spec"]["source"].get("gate", False) == gate
            told = (await client.get(f"{JOBS}/{job['key']}/objects")).json()
            found = {one["key"]: (one["state"], one["events"], one["gated"]) for one in told["items"]}
            return {**told["totals"], "key": job["key"]}, found

        totals, found = await loaded(gate=True)
        assert found == {"both.json": ("ingested", 1, 2), "one.json": ("ingested", 1, 0)}
        assert (totals["events_ingested"], totals["events_gated"], totals["events_skipped"]) == (2, 2, 0)
        page = (await client.get(f"/jobs/{totals['key']}", headers={"Accept": "text/html"})).text
        assert "Events skipped" in page and "2 by the gate" in page and "--gate" in page
        flags.write_text(FLAGS % "u1, u2")
        totals, found = await loaded(gate=True)
        assert found == {"both.json": ("ingested", 3, 0), "one.json": ("unchanged", 0, 0)}
        totals, found = await loaded(gate=False)
        assert {state for state, _, _ in found.values()} == {"unchanged"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "uri"),
        ({"uri": 5}, 400, "uri"),
        ({"uri": "ftp://x"}, 400, "uri"),
        ({"uri": "file:///etc"}, 403, None),
        ({"uri": "file://{files}/../.."}, 403, None),
        ({"uri": "file://{files}/none"}, 404, None),
        ({"uri": "file://{files}", "events": "clicks"}, 400, "events"),
        ({"uri": "file://{files}", "mapping": {"user_id": 1}}, 400, "mapping"),
        ({"uri": "file://{files}", "mapping": {"member": "x"}}, 400, "mapping"),
        ({"uri": "file://{files}", "mapping": []}, 400, "mapping"),
        ({"uri": "file://{files}", "since": "soon"}, 400, "since"),
        ({"uri": "file://{files}", "again": "yes"}, 400, "again"),
        ({"uri": "file://{files}", "gate": "yes"}, 400, "gate"),
        ({"uri": "file://{files}", "gate": True}, 400, "gate"),
        ({"uri": "file://{files}", "credentials": "x"}, 400, "credentials"),
        ({"uri": "file://{files}", "user_ids": ["u1"]}, 400, "user_ids"),
    ],
)
async def test_what_is_wrong_is_named_and_makes_no_job(
    client: httpx2.AsyncClient, files: Path, body: dict[str, Any], status: int, field: str | None
) -> None:
    given = {
        name: value.format(files=files) if name == "uri" and isinstance(value, str) else value
        for name, value in body.items()
    }
    answer = await client.post(JOBS, json={"kind": "events", **given})
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert (await client.get("/api/v1/cards")).json()["jobs"] == 0
