"""Event files from the first form to the last retry, as an operator meets them; all from the pages."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.archive import write_files
from tests.browser.looking import PATIENCE, live, mark, unmarked
from tests.browser.stage import Stage
from tests.browser.test_starting import badge
from tests.integration.server_process import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES = 5


def fact(page: Page, name: str, panel: int = 0) -> Locator:
    """What stands beside a label of a panel: 0 is Discovery, 1 is Processing."""
    facts = page.locator(".columns .panel").nth(panel)
    return facts.locator("dt", has_text=re.compile(f"^{re.escape(name)}$")).locator("xpath=following-sibling::dd[1]")


async def submit(page: Page, uri: str, **fields: str) -> None:
    await page.goto("/event-files")
    await page.get_by_label("Where the files lie").fill(uri)
    await page.get_by_label("Events", exact=True).select_option("receipts")
    for name, value in fields.items():
        await page.locator(f"input[name={name}]").fill(value)
    await page.get_by_role("button", name="Start", exact=True).click()


async def test_files_are_submitted_read_retried_and_submitted_again(page: Page, stage: Stage) -> None:
    folder = stage.files / "by-hand"
    uri = write_files(folder, FILES)
    before = stage.ask("GET", "/cards")["jobs"]
    await submit(page, f"file://{stage.files}/nowhere")
    await expect(page.get_by_role("alert")).to_contain_text("there is no folder", ignore_case=True)
    await expect(page.get_by_label("Where the files lie")).to_have_value(f"file://{stage.files}/nowhere")
    assert stage.ask("GET", "/cards")["jobs"] == before

    await submit(page, uri, rate_limit="1", concurrency="1")
    await page.wait_for_url(re.compile("/jobs/"))
    await live(page)
    await mark(page)
    await expect(fact(page, "Objects discovered")).to_have_text(str(FILES), timeout=PATIENCE)
    job_id = page.url.rpartition("/")[2]
    away = _move_the_last(stage, job_id, folder)
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)
    await expect(fact(page, "Objects processed", 1)).to_contain_text(str(FILES - 1))
    await expect(fact(page, "Objects failed", 1)).to_have_text("1")
    for label, panel in (("Total size (bytes)", 0), ("Events ingested", 1), ("Processed size (bytes)", 1)):
        await expect(fact(page, label, panel)).to_contain_text(re.compile("[1-9]"))
    for label, panel in (("Created at", 0), ("Last updated at", 0), ("Started at", 1), ("Last updated at", 1)):
        await expect(fact(page, label, panel).locator("time")).to_be_visible()
    assert not await unmarked(page)

    await _the_failed_object_is_found_and_retried(page, away)
    await _the_same_again_is_told(page, stage, uri, job_id)


def _move_the_last(stage: Stage, job_id: str, folder: Path) -> tuple[Path, Path]:
    """Takes away what is read last, before it is read."""
    objects = stage.ask("GET", f"/jobs/{job_id}/objects")["items"]
    place = folder / objects[-1]["key"]
    hidden = place.rename(stage.files / "hidden.json.gz")
    return hidden, place


async def _the_failed_object_is_found_and_retried(page: Page, away: tuple[Path, Path]) -> None:
    hidden, place = away
    await page.get_by_role("link", name="Objects", exact=True).click()
    await expect(page.locator("tbody tr")).to_have_count(FILES)
    await page.get_by_label("Text in the key or the error").fill("it is gone")
    await page.get_by_role("button", name="Search").click()
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(place.name)
    await expect(rows.locator("[data-label=State]")).to_contain_text("Failed")
    await expect(page.get_by_role("link", name="Retry all 1")).to_be_visible()
    hidden.rename(place)
    await rows.get_by_role("link", name="Retry…").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("tried again now")
    await dialog.get_by_role("button", name="Retry 1").click()
    await page.goto(page.url.partition("?")[0])
    await expect(page.locator(".chip", has_text=re.compile("^Ingested"))).to_contain_text(str(FILES), timeout=PATIENCE)
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)


async def _the_same_again_is_told(page: Page, stage: Stage, uri: str, first: str) -> None:
    await submit(page, uri)
    await page.wait_for_url(re.compile("/jobs/"))
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)
    told = page.locator(".notice", has_text="The same as job")
    await expect(told).to_contain_text(f"{FILES} of its {FILES} objects are unchanged")
    assert stage.job(first)["key"] in await told.inner_text()
    assert stage.job(page.url.rpartition("/")[2])["skipped_by"] == {"unchanged": FILES}


async def test_a_job_over_files_is_cancelled_and_keeps_what_it_ingested(page: Page, stage: Stage) -> None:
    uri = write_files(stage.files / "canceled", FILES)
    await submit(page, uri, rate_limit="0.5", concurrency="1")
    await page.wait_for_url(re.compile("/jobs/"))
    job_id = page.url.rpartition("/")[2]
    wait_for(lambda: stage.job(job_id)["processed"], "the first object")
    await page.get_by_role("link", name="Cancel job").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("What was written stays written")
    await dialog.get_by_role("button", name="Cancel job").click()
    await expect(badge(page)).to_contain_text("Canceled", timeout=PATIENCE)
    totals = stage.ask("GET", f"/jobs/{job_id}/objects")["totals"]
    assert totals["objects_discovered"] == FILES
    assert 0 < totals["objects_processed"] < FILES
    await page.goto("/event-files")
    await expect(page.locator(f"#job-{job_id} .where")).to_contain_text("Canceled")
