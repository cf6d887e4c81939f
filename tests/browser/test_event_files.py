"""Event files from the first form to the last retry, as an operator meets them; all from the pages."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.archive import upload, write_files
from tests.browser.looking import PATIENCE, live, mark, unmarked
from tests.browser.stage import READER, SLOW_READER, Stage
from tests.browser.test_starting import badge
from tests.integration.server_process import wait_for
from tests.servers.toxiproxy import ToxiproxyServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES = 5
MORE = 1_200
"""Two pages of a bucket's list."""
SLOW_MS = 4_000


def fact(page: Page, name: str, panel: int = 0) -> Locator:
    """What stands beside a label of a panel: 0 is Discovery, 1 is Processing."""
    facts = page.locator(".columns .panel").nth(panel)
    return facts.locator("dt", has_text=re.compile(f"^{re.escape(name)}$")).locator("xpath=following-sibling::dd[1]")


async def submit(page: Page, uri: str, credentials: str = "", **fields: str) -> None:
    await page.goto("/event-files")
    await page.get_by_label("Where the files lie").fill(uri)
    await page.get_by_label("Events", exact=True).select_option("receipts")
    await page.get_by_label("Credentials", exact=True).select_option(credentials)
    for name, value in fields.items():
        await page.locator(f"input[name={name}]").fill(value)
    await page.get_by_role("button", name="Start", exact=True).click()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files lie, an address where nothing is, and what is said of it."""

    uri: str
    nowhere: str
    refusal: str
    credentials: str
    take: Callable[[str], Callable[[], object]]
    """Takes an object away; what it returns brings it back."""


def _in_a_folder(stage: Stage) -> Place:
    folder = stage.files / "by-hand"

    def take(key: str) -> Callable[[], object]:
        hidden = (folder / key).rename(stage.files / "hidden.json.gz")
        return lambda: hidden.rename(folder / key)

    uri, nowhere = write_files(folder, FILES), f"file://{stage.files}/nowhere"
    return Place(uri=uri, nowhere=nowhere, refusal="there is no folder", credentials="", take=take)


def _in_a_bucket(stage: Stage) -> Place:
    folder, client = stage.files / "for-a-bucket", stage.gateway.client()
    write_files(folder, FILES)
    uri = upload(stage.gateway, folder)
    bucket = uri.removeprefix("s3://")

    def take(key: str) -> Callable[[], object]:
        client.delete_object(Bucket=bucket, Key=key)
        return lambda: client.put_object(Bucket=bucket, Key=key, Body=(folder / key).read_bytes())

    refusal = "there is no bucket"
    return Place(uri=uri, nowhere="s3://no-such-bucket/2017", refusal=refusal, credentials=READER, take=take)


@pytest.mark.parametrize("place", [_in_a_folder, _in_a_bucket])
async def test_files_are_submitted_read_retried_and_submitted_again(
    page: Page, stage: Stage, place: Callable[[Stage], Place]
) -> None:
    files = place(stage)
    before = stage.ask("GET", "/cards")["jobs"]
    await submit(page, files.nowhere, files.credentials)
    await expect(page.get_by_role("alert")).to_contain_text(files.refusal, ignore_case=True)
    await expect(page.get_by_label("Where the files lie")).to_have_value(files.nowhere)
    await expect(page.get_by_label("Credentials", exact=True)).to_have_value(files.credentials)
    assert stage.ask("GET", "/cards")["jobs"] == before

    await submit(page, files.uri, files.credentials, rate_limit="1", concurrency="1")
    await page.wait_for_url(re.compile("/jobs/"))
    await live(page)
    await mark(page)
    await expect(fact(page, "Objects discovered")).to_have_text(str(FILES), timeout=PATIENCE)
    job_id = page.url.rpartition("/")[2]
    last = stage.ask("GET", f"/jobs/{job_id}/objects")["items"][-1]["key"]
    bring_back = files.take(last)
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)
    await _both_stages_are_told(page, files.credentials)
    assert not await unmarked(page)

    await _the_failed_object_is_found_and_retried(page, last, bring_back)
    await _the_same_again_is_told(page, stage, files, job_id)


async def _both_stages_are_told(page: Page, credentials: str) -> None:
    await expect(fact(page, "Objects processed", 1)).to_contain_text(str(FILES - 1))
    await expect(fact(page, "Objects failed", 1)).to_have_text("1")
    await expect(fact(page, "Credentials")).to_have_text([credentials] if credentials else [])
    for label, panel in (("Total size (bytes)", 0), ("Events ingested", 1), ("Processed size (bytes)", 1)):
        await expect(fact(page, label, panel)).to_contain_text(re.compile("[1-9]"))
    for label, panel in (("Created at", 0), ("Last updated at", 0), ("Started at", 1), ("Last updated at", 1)):
        await expect(fact(page, label, panel).locator("time")).to_be_visible()


async def _the_failed_object_is_found_and_retried(page: Page, key: str, bring_back: Callable[[], object]) -> None:
    await page.get_by_role("link", name="Objects", exact=True).click()
    await expect(page.locator("tbody tr")).to_have_count(FILES)
    await page.get_by_label("Text in the key or the error").fill("it is gone")
    await page.get_by_role("button", name="Search").click()
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(key.rpartition("/")[2])
    await expect(rows.locator("[data-label=State]")).to_contain_text("Failed")
    await expect(page.get_by_role("link", name="Retry all 1")).to_be_visible()
    bring_back()
    await rows.get_by_role("link", name="Retry…").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("tried again now")
    await dialog.get_by_role("button", name="Retry 1").click()
    await page.goto(page.url.partition("?")[0])
    await expect(page.locator(".chip", has_text=re.compile("^Ingested"))).to_contain_text(str(FILES), timeout=PATIENCE)
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)


async def _the_same_again_is_told(page: Page, stage: Stage, files: Place, first: str) -> None:
    await submit(page, files.uri, files.credentials)
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


async def test_a_job_is_cancelled_while_its_objects_are_listed(
    page: Page, stage: Stage, toxiproxy: ToxiproxyServer
) -> None:
    proxy = toxiproxy.proxy(stage.gateway.port, listens=stage.slow_port)
    bucket, client = stage.gateway.new_bucket(), stage.gateway.client()
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda n: client.put_object(Bucket=bucket, Key=f"{n:05}.json", Body=b"{}"), range(MORE)))
    proxy.add_toxic("latency", latency=SLOW_MS)
    await submit(page, f"s3://{bucket}", SLOW_READER)
    await page.wait_for_url(re.compile("/jobs/"))
    job_id = page.url.rpartition("/")[2]
    await expect(fact(page, "Objects discovered")).to_have_text("1,000", timeout=PATIENCE)
    await page.get_by_role("link", name="Cancel job").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("What was written stays written")
    await dialog.get_by_role("button", name="Cancel job").click()
    await expect(badge(page)).to_contain_text("Canceled", timeout=PATIENCE)
    await expect(fact(page, "Created at").locator("time")).to_be_visible()
    await expect(fact(page, "Objects processed", 1)).to_have_text("0")
    for label in ("Started at", "Last updated at"):
        await expect(fact(page, label, 1).locator("time")).to_have_count(0)
    await page.get_by_role("link", name="Objects", exact=True).click()
    found = stage.ask("GET", f"/jobs/{job_id}/objects")["totals"]["objects_discovered"]
    assert found >= 1_000
    await expect(page.locator(".chip", has_text=re.compile("^Pending"))).to_contain_text(f"{found:,}")
    await page.goto("/event-files")
    listed = page.locator(f"#job-{job_id}")
    await expect(listed.locator(".where")).to_contain_text("Canceled")
    await expect(listed).to_contain_text(SLOW_READER)
