"""What pages carry along, and what they say where something is refused, behind the real guard."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from retrograph.web.console.assets import FOLDER, address
from tests.unit.web.auth.door import bearer, opened

PAGE = {"Accept": "text/html"}


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who may enter."""
    async with opened(tmp_path) as door, door.caller(**bearer(await door.token())) as client:
        yield client


async def test_everything_that_a_page_names_is_there_and_may_be_kept(caller: httpx2.AsyncClient) -> None:
    page = (await caller.get("/jobs", headers=PAGE)).text
    named = set(re.findall(rf'(?:href|src)="({re.escape(address())}/[^"]+)"', page))
    assert len(named) > 10
    for path in sorted(named):
        answer = await caller.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"], path


async def test_what_is_asked_for_without_its_version_is_asked_for_again(caller: httpx2.AsyncClient) -> None:
    answer = await caller.get("/static/js/console.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert (await caller.get("/static/0123456789ab/js/console.js")).status_code == 404
    assert (await caller.get(f"{address()}/../assets.py")).status_code == 404


def test_modules_and_fonts_are_named_relative_to_what_names_them() -> None:
    for path in [*FOLDER.rglob("*.css"), *(FOLDER / "js").glob("*.js")]:
        for named in re.findall(r"""(?:from |url\()"([^"]+)\"""", path.read_text()):
            assert (path.parent / named).resolve().is_file(), (path.name, named)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "There is nothing at this address"),
        ("/jobs/no-such-job", 404, "There is no job no-such-job."),
        ("/jobs?state=flying", 400, "is no state of a job."),
        ("/jobs?sort=secret", 400, "Jobs cannot be sorted by"),
        ("/actions/explode?job=x", 404, "There is no action"),
        ("/actions/stop", 400, "No job is selected."),
    ],
)
async def test_a_person_is_told_in_a_page_and_a_script_in_a_part_of_one(
    caller: httpx2.AsyncClient, path: str, status: int, said: str
) -> None:
    page = await caller.get(path, headers=PAGE)
    assert page.status_code == status and said in page.text and "<html" in page.text
    part = await caller.get(path, headers={**PAGE, "X-Fragment": "dialog"})
    assert part.status_code == status and "<html" not in part.text and "data-close" in part.text


async def test_a_program_is_told_in_a_problem_document(caller: httpx2.AsyncClient) -> None:
    answer = await caller.get("/api/v1/jobs/no-such-job", headers=PAGE)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_with_too_many_fields_is_refused(caller: httpx2.AsyncClient) -> None:
    body = "&".join(f"job={number}" for number in range(3_000))
    answer = await caller.post(
        "/actions/stop", content=body, headers={**PAGE, "Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 400
    assert "The form has too many fields." in answer.text


async def test_more_items_than_can_be_retried_at_once_are_refused_and_none_is_left_out(
    caller: httpx2.AsyncClient,
) -> None:
    body = "&".join(["job=any", *(f"item={number}" for number in range(1_001))])
    answer = await caller.post("/actions/retry", content=body, headers=PAGE)
    assert answer.status_code == 400
    assert "at most 1,000 items at once" in answer.text.lower()
