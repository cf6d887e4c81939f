"""The list over a real store: what it shows, how it is narrowed, and what is done from it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from markupsafe import escape

from retrograph.errors import ServiceFailed
from retrograph.jobs.job import Job
from retrograph.jobs.state import HELD, JobState
from tests.unit.web.console.pages import Pages, opened

DIALOG = {"X-Fragment": "dialog"}


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    async with opened(tmp_path) as found:
        yield found


async def ended(pages: Pages, key: str = "cohort") -> Job:
    pages.world.load.script["user-3"] = ServiceFailed("no luck", dependency="products")
    return await pages.world.run(key=key)


async def at_rest(pages: Pages, key: str) -> Job:
    """The job, as soon as nothing holds it any more."""
    for _ in range(20_000):
        job = await pages.world.service.show(key)
        if job.state not in HELD:
            return job
        await asyncio.sleep(0.0005)
    raise AssertionError("it never rested")


async def test_an_empty_list_says_how_to_begin(pages: Pages) -> None:
    page = await pages.text("/jobs")
    assert "No job yet" in page and 'href="/start"' in page
    assert "No job fits" in await pages.text("/jobs?q=nothing")


async def test_a_row_shows_the_job_and_its_latest_failure(pages: Pages) -> None:
    job = await ended(pages)
    page = await pages.text("/jobs")
    row = page[page.index(f'id="job-{job.job_id}"') : page.index("</tr>", page.index(f'id="job-{job.job_id}"'))]
    assert "Succeeded" in row and "10 of 10" in row and "no luck" in row
    assert f'href="/jobs/{job.job_id}/failures">1</a>' in row
    assert f'href="/actions/retry?job={job.job_id}"' in row


async def test_the_moving_rows_are_the_rows_of_the_page_in_the_order_asked_for(pages: Pages) -> None:
    first, second = await ended(pages, "a"), await ended(pages, "b")
    asked = f"/fragments/rows?id={second.job_id}&id=gone&id={first.job_id}"
    part = await pages.text(asked)
    assert re.findall(r'<tr id="job-([^"]+)"', part) == [second.job_id, first.job_id]
    assert f'data-live="/fragments/rows?id={second.job_id}&amp;id={first.job_id}"' in await pages.text(
        "/jobs?sort=-key"
    )


async def test_columns_that_were_left_out_stay_out_when_the_rows_move(pages: Pages) -> None:
    job = await ended(pages, "a")
    page = await pages.text("/jobs?columns=failed,created")
    asked = f"/fragments/rows?id={job.job_id}&columns=failed%2Ccreated"
    assert f'data-live="{escape(asked)}"' in page
    for part in (page, await pages.text(asked)):
        assert 'data-label="Failed"' in part
        assert 'data-label="Skipped"' not in part and '<td class="progress"' not in part
    assert 'name="columns" value="failed,created"' in page


async def test_filters_and_pages_are_in_the_address(pages: Pages) -> None:
    await ended(pages, "cohort")
    page = await pages.text("/jobs?state=succeeded&q=coh&sort=-failed")
    assert 'href="/jobs?q=coh&amp;state=succeeded&amp;sort=failed"' in page
    assert 'aria-sort="descending"' in page
    assert "No job fits" in await pages.text("/jobs?state=failed")
    assert "cohort" in await pages.text("/purchases")
    assert "cohort" not in await pages.text("/identity")


async def test_a_question_is_a_dialog_for_a_script_and_a_page_for_everybody_else(pages: Pages) -> None:
    job = await ended(pages)
    address = f"/actions/archive?job={job.job_id}&back=/jobs%3Fq%3Dc"
    dialog, page = await pages.text(address, **DIALOG), await pages.text(address)
    assert "<html" not in dialog and "Archive cohort?" in dialog
    assert "<html" in page and "Archive cohort?" in page
    assert 'href="/jobs?q=c" data-close' in page


async def test_an_archived_job_leaves_the_list_and_is_found_under_archived(pages: Pages) -> None:
    job = await ended(pages)
    answer = await pages.client.post("/actions/archive", data={"job": job.job_id, "back": "/jobs?q=c"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?q=c")
    assert "cohort" not in await pages.text("/jobs")
    assert "cohort" in await pages.text("/jobs?archived=1")


async def test_nobody_is_sent_elsewhere_by_a_made_up_link(pages: Pages) -> None:
    job = await ended(pages)
    for back in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = await pages.client.post("/actions/archive", data={"job": job.job_id, "back": back})
        assert answer.headers.get("location", "/jobs") == "/jobs"


async def test_many_are_archived_and_those_that_cannot_be_are_left_out(pages: Pages) -> None:
    first, second = await ended(pages, "a"), await ended(pages, "b")
    await pages.world.service.archive("b", "ann")
    both = {"job": [first.job_id, second.job_id]}
    said = await pages.text(f"/actions/archive?job={first.job_id}&job={second.job_id}", **DIALOG)
    assert "Archive a?" in said and "it is archived already" in said
    answer = await pages.client.post("/actions/archive", data=both, headers=DIALOG)
    assert (answer.status_code, answer.headers["x-outcome"], answer.text) == (200, "done", "a: archived.")


async def test_what_is_not_possible_is_said_and_changes_nothing(pages: Pages) -> None:
    job = await ended(pages)
    answer = await pages.client.post("/actions/stop", data={"job": job.job_id}, headers=DIALOG)
    assert answer.status_code == 409 and "x-outcome" not in answer.headers
    assert "it is succeeded: there is nothing to stop" in answer.text
    assert (await pages.world.service.show("cohort")).state is JobState.SUCCEEDED


async def test_failures_are_retried_in_the_background(pages: Pages) -> None:
    job = await ended(pages)
    del pages.world.load.script["user-3"]
    answer = await pages.client.post("/actions/retry", data={"job": job.job_id}, headers=DIALOG)
    assert answer.text == "cohort: started again for its failures."
    assert (await at_rest(pages, "cohort")).counts.failed == 0


async def test_why_and_who_are_in_the_log(pages: Pages) -> None:
    pages.world.load.script["user-1"] = ServiceFailed("no luck", dependency="products")
    job = await pages.world.run(key="resting", max_consecutive_failures=1, concurrency=1)
    assert job.state is JobState.PAUSED
    data = {"job": job.job_id, "why": "wrong window"}
    assert (await pages.client.post("/actions/cancel", data=data, headers=DIALOG)).status_code == 200
    last = [event async for event in pages.world.service.log("resting")][-1]
    assert (last.who, last.target) == ("local", JobState.CANCELED)
    assert "wrong window" in (last.why or "")


async def test_cards_and_chips_are_rendered_by_themselves(pages: Pages) -> None:
    await ended(pages)
    assert "UI Runtime Cap" in await pages.text("/fragments/cards?kind=")
    chips = await pages.text("/fragments/chips?q=c&of=purchases")
    assert 'href="/purchases?q=c"' in chips and "Kind:" not in chips


async def test_a_card_counts_the_runs_of_its_own_kind(pages: Pages) -> None:
    gate = pages.world.load.gates["user-1"] = asyncio.Event()
    form = {"users": "paste", "ids": "user-1", "key": "busy", "action": "start"}
    assert (await pages.client.post("/start/purchases", data=form)).status_code == 303
    assert "1 here" in await pages.text("/fragments/cards?kind=purchases")
    assert "nothing runs" in await pages.text("/fragments/cards?kind=identity")
    gate.set()
    await at_rest(pages, "busy")


async def test_the_form_proposes_the_dry_run_that_was_asked_for(pages: Pages) -> None:
    proposed, usual = await pages.text("/start/purchases?dry_run=1"), await pages.text("/start/purchases")
    assert re.search(r'class="button primary"[^>]*value="dry-run"', proposed)
    assert re.search(r'class="button primary"[^>]*value="start"', usual)
