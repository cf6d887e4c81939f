"""Event files from the console: what is wrong is told beside its field and makes no job, what is submitted again is
told to be the same, and each object can be looked at and read again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from retrograph.config.files import CredentialProfile
from retrograph.web.console import file_form
from retrograph.wiring.file_fields import FILE_FIELDS
from retrograph.wiring.files_chosen import FIELDS
from tests.unit.web.auth.door import bearer, opened
from tests.unit.web.test_event_files_api import receipt

PAGE = {"Accept": "text/html"}
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files" / "in"
    folder.mkdir(parents=True)
    (folder / "good.json").write_bytes(receipt(1) + receipt(2))
    (folder / "bad.json").write_bytes(b"nothing\n")
    return folder


@pytest.fixture
async def client(tmp_path: Path, files: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = {"files": {"root": files.parent}, "credentials": {"reader": {"role_arn": ROLE}}}
    async with opened(tmp_path, settings) as door, door.caller(**bearer(await door.token()), **PAGE) as made:
        yield made


async def send(client: httpx2.AsyncClient, **fields: str) -> httpx2.Response:
    return await client.post("/start/events", data={"action": "start", "mode": "full", **fields})


async def ended(client: httpx2.AsyncClient, answer: httpx2.Response) -> Any:
    """The job that a start went to, once it has ended."""
    assert answer.status_code == 303, answer.text
    for _ in range(2_000):
        job = (await client.get(f"/api/v1{answer.headers['location']}")).json()
        if job["state"] not in ("pending", "running"):
            return job
        await asyncio.sleep(0.01)
    raise AssertionError("it never ended")


async def jobs(client: httpx2.AsyncClient) -> int:
    return int((await client.get("/api/v1/cards")).json()["jobs"])


def test_the_form_asks_for_all_that_a_start_takes() -> None:
    assert set(FILE_FIELDS) == set(FIELDS)


async def test_the_form_offers_the_configured_credentials_and_is_beside_its_jobs(client: httpx2.AsyncClient) -> None:
    for address in ("/start/events", "/event-files"):
        page = (await client.get(address)).text
        assert f'<option value="reader">reader ({ROLE})</option>' in page
        assert 'action="/start/events"' in page
    assert "<h1>Event Files</h1>" in page


@pytest.mark.parametrize(
    ("fields", "marked", "sentence"),
    [
        ({}, "uri", "Say where the files lie"),
        ({"uri": "ftp://x"}, "uri", "is no address of event files"),
        ({"uri": "file:///etc"}, None, "A server reads only files below RETROGRAPH_FILES_ROOT"),
        ({"uri": "file://{files}/none"}, None, "none"),
        ({"uri": "file://{files}", "credentials": "thief"}, "credentials", "There are no credentials called"),
        ({"uri": "file://{files}", "events": "clicks"}, "events", "not &#39;clicks&#39;"),
        ({"uri": "file://{files}", "since": "soon"}, "since", "Must be an instant"),
        ({"uri": "file://{files}", "mapping": "user_id"}, "mapping", "Each column is ours=theirs"),
        ({"uri": "file://{files}", "mapping": "member=x"}, "mapping", "no column &#39;member&#39;"),
        ({"uri": "file://{files}", "rate_limit": "fast"}, "rate_limit", "Must be a number"),
    ],
)
async def test_a_refusal_is_one_sentence_at_its_field_and_makes_no_job(
    client: httpx2.AsyncClient, files: Path, fields: dict[str, str], marked: str | None, sentence: str
) -> None:
    given = {name: value.replace("{files}", str(files)) for name, value in fields.items()}
    answer = await send(client, **given)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert (f'id="events-{marked}-problem"' in answer.text) == (marked is not None)
    assert all(value in answer.text for name, value in given.items() if name not in ("credentials", "events"))
    assert await jobs(client) == 0


async def test_everything_that_is_wrong_is_told_at_once(client: httpx2.AsyncClient) -> None:
    answer = await send(client, uri="s3://bucket", since="soon", mapping="user_id", concurrency="many")
    for name in ("since", "mapping", "concurrency"):
        assert f'id="events-{name}-problem"' in answer.text


async def test_submitting_the_same_again_is_told_and_does_no_harm(client: httpx2.AsyncClient, files: Path) -> None:
    first = await ended(client, await send(client, uri=f"file://{files}", events="receipts"))
    assert (first["processed"], first["failed"]) == (1, 1)
    assert "The same as job" not in (await client.get(f"/jobs/{first['job_id']}")).text
    second = await ended(client, await send(client, uri=f"file://{files}", events="receipts"))
    assert second["skipped_by"] == {"unchanged": 1}
    page = (await client.get(f"/jobs/{second['job_id']}")).text
    assert f'The same as job <a href="/jobs/{first["key"]}">' in page
    assert "1 of its 2 objects are unchanged since another job ingested them. They are passed over." in page
    assert "same_as" not in page.split("copied-curl")[1].split("</pre>")[0]
    third = await ended(client, await send(client, uri=f"file://{files}", events="receipts", again="on"))
    assert third["skipped_by"] == {}
    assert "They are read again, as asked." in (await client.get(f"/jobs/{third['job_id']}")).text


async def test_a_failed_object_tells_its_lines_and_is_found_by_its_error(
    client: httpx2.AsyncClient, files: Path
) -> None:
    job = await ended(client, await send(client, uri=f"file://{files}", events="receipts"))
    objects = f"/jobs/{job['job_id']}/objects"
    page = (await client.get(f"{objects}?q=cannot be decoded")).text
    assert "bad.json" in page and "good.json" not in page
    assert "The undecodable line" in page and "line 1" in page
    assert "Retry all 1" in page
    (files / "bad.json").write_bytes(receipt(3))
    asked = {"job": job["job_id"], "back": objects}
    assert (await client.post("/actions/retry", data=asked)).headers["location"] == objects


async def test_another_start_of_a_job_is_filled_in_like_it(client: httpx2.AsyncClient, files: Path) -> None:
    fields = {"pattern": "*.json", "events": "receipts", "mapping": "user_id=member", "since": "2020-01-01"}
    job = await ended(client, await send(client, uri=f"file://{files}", action="dry-run", **fields))
    assert job["spec"]["dry_run"]
    page = (await client.get(f"/jobs/{job['job_id']}")).text
    assert f'href="/start/events?like={job["job_id"]}">Run for real' in page
    form = (await client.get(f"/start/events?like={job['job_id']}")).text
    for value in (f"file://{files}", "*.json", "user_id=member", "2020-01-01", job["key"].removesuffix(":dry-run")):
        assert f'value="{value}"' in form, value
    assert '<option value="receipts" selected>' in form


def test_what_is_as_it_would_be_anyway_is_not_given() -> None:
    assert file_form.typed({"events": "auto", "uri": "  "}).given == {}
    assert file_form.typed({"again": "on", "mapping": "user_id=a,\nproduct_id=b"}).given == {
        "again": True,
        "mapping": {"user_id": "a", "product_id": "b"},
    }


def test_credentials_are_named_with_their_roles_and_never_with_a_secret() -> None:
    profiles = {
        "b": CredentialProfile(role_arn=ROLE),
        "a": CredentialProfile(access_key_id="id", secret_access_key=SecretStr("hush")),
    }
    assert list(file_form.credentials(profiles).items())[1:] == [("a", "a"), ("b", f"b ({ROLE})")]
