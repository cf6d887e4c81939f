"""A job's page: every tab says what the store holds, and text from outside stays text."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.errors import ServiceFailed
from retrograph.jobs.job import Job
from tests.unit.web.console.pages import Pages, opened

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    async with opened(tmp_path) as found:
        yield found


async def failed(pages: Pages, message: str = "no luck") -> Job:
    pages.world.load.script["user-3"] = ServiceFailed(message, dependency="products")
    pages.world.load.script["user-5"] = ZeroDivisionError("a mistake")
    return await pages.world.run(key="cohort")


async def test_it_opens_with_one_sentence_and_its_counts(pages: Pages) -> None:
    job = await failed(pages)
    page = await pages.text(f"/jobs/{job.job_id}")
    assert "Done: 8 users processed, 2 failed" in page
    assert "10 of 10 scanned" in page
    assert f'href="/jobs/{job.job_id}/failures">2 failed</a>' in page
    assert f'data-live-job="{job.job_id}"' in page
    assert "A service went on failing after every try" in page
    assert ">no luck</a>" in page


async def test_the_live_part_is_the_page_without_its_frame(pages: Pages) -> None:
    job = await failed(pages)
    part = await pages.text(f"/jobs/{job.job_id}", **{"X-Fragment": "live"})
    assert "<html" not in part
    assert part.strip() in await pages.text(f"/jobs/{job.job_id}")


async def test_failures_are_listed_by_error_with_what_can_be_retried(pages: Pages) -> None:
    job = await failed(pages)
    page = await pages.text(f"/jobs/{job.job_id}/failures?error_class=ZeroDivisionError")
    assert "a mistake" in page
    assert "item=user-5" in page
    assert "item=user-3" not in page
    assert "Retry all 2…" in page
    mended = await pages.text(f"/jobs/{job.job_id}/failures?resolved=1")
    assert "Nothing was mended yet" in mended


async def test_failures_of_one_cause_are_listed_and_retried_together(pages: Pages) -> None:
    job = await failed(pages, message="/user/user-3 was answered with 410")
    page = await pages.text(f"/jobs/{job.job_id}/failures")
    address = f"/jobs/{job.job_id}/failures?error_class=ServiceFailed&amp;cause=%E2%80%A6+was+answered+with+410"
    assert f'href="{address}"' in page
    one = await pages.text(address.replace("&amp;", "&"))
    assert "item=user-3" in one
    assert "item=user-5" not in one
    question = await pages.text(
        f"/actions/retry?job={job.job_id}&error_class=ServiceFailed&cause=… was answered with 410"
    )
    assert "Retry 1 failure of cohort?" in question


async def test_failures_are_a_file_for_spreadsheets(pages: Pages) -> None:
    job = await failed(pages, message="=cmd()")
    answer = await pages.client.get(f"/jobs/{job.job_id}/failures.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="cohort-failures.csv"'
    _, one, two = csv.reader(io.StringIO(answer.text))
    assert (one[0], one[2], two[0]) == ("user-3", "'=cmd()", "user-5")


async def test_what_was_out_of_range_is_told_until_the_next_start(pages: Pages) -> None:
    pages.world.load.script["user-3"] = ServiceFailed("no luck", dependency="products")
    job = await pages.world.run(key="cohort", batch_size=99_999)
    said = "batch_size was 99999; it is 5000 now, its range is 1-5,000"
    assert said in await pages.text(f"/jobs/{job.job_id}/spec")
    assert said in await pages.text(f"/jobs/{job.job_id}/log")
    await pages.world.run(key="cohort")
    assert said not in await pages.text(f"/jobs/{job.job_id}/spec")
    assert said in await pages.text(f"/jobs/{job.job_id}/log")


async def test_the_spec_can_be_said_again(pages: Pages) -> None:
    job = await failed(pages)
    page = await pages.text(f"/jobs/{job.job_id}/spec")
    assert "retrograph backfill purchases --key cohort" in page
    assert "http://pages.example/api/v1/jobs" in page


async def test_runs_and_log_say_who_and_when(pages: Pages) -> None:
    job = await failed(pages)
    assert "Succeeded" in await pages.text(f"/jobs/{job.job_id}/runs")
    log = await pages.text(f"/jobs/{job.job_id}/log")
    assert log.index("succeeded") < log.index("started") < log.index("accepted")
    assert "ann" in log


async def test_every_part_of_the_page_offers_to_copy_the_job(pages: Pages) -> None:
    job = await pages.world.run(key="cohort")
    for tab in ("", "/failures", "/runs"):
        page = await pages.text(f"/jobs/{job.job_id}{tab}")
        for copied in ("copied-command", "copied-curl", "copied-id"):
            assert f'data-copy="{copied}"' in page
            assert page.count(f'id="{copied}"') == 1
        assert "retrograph backfill purchases --key cohort" in page


@pytest.mark.parametrize("tab", ["", "/failures", "/spec", "/runs", "/log"])
async def test_text_from_outside_stays_text(pages: Pages, tab: str) -> None:
    pages.world.load.script[HOSTILE] = ServiceFailed(f"{HOSTILE} \u202e", dependency="products")
    job = await pages.world.run([HOSTILE, "user-1"], key="cohort")
    page = await pages.text(f"/jobs/{job.job_id}{tab}")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert " style=" not in page


async def test_what_can_be_done_depends_on_the_state(pages: Pages) -> None:
    running = await pages.world.start(key="cohort")
    page = await pages.text(f"/jobs/{running.job.job_id}")
    assert "Stop…" in page
    assert "Cancel job…" in page
    assert "Archive…" not in page
    await pages.world.service.run(running, once=True)
    page = await pages.text(f"/jobs/{running.job.job_id}")
    assert "Stop…" not in page
    assert "Archive…" in page
    dry = await pages.world.run(key="cohort", dry_run=True)
    assert "Run for real…" in await pages.text(f"/jobs/{dry.job_id}")


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=99999999999999999999999",
        "after=x",
        "error_class=%00",
        "error_class=%27%20OR%201=1",
        "error_class=" + "x" * 5_000,
        "resolved=perhaps",
    ],
)
async def test_an_address_that_makes_no_sense_is_refused(pages: Pages, query: str) -> None:
    job = await failed(pages)
    answer = await pages.client.get(f"/jobs/{job.job_id}/failures?{query}")
    assert answer.status_code == 422
