"""A backfill as an operator brings it up: dry run, the real one, a stop, and on from the cursor; all from the pages."""

import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.looking import PATIENCE, ended, figure, live, mark, unmarked
from tests.browser.stage import USERS, Stage
from tests.integration.server_process import served, wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "identity-by-hand"


def badge(page: Page) -> Locator:
    """The state beside the job's name."""
    return page.locator(".job-heading .state").first


def scanned(page: Page, word: str = "processed") -> Locator:
    return page.locator(".tally span", has_text=re.compile(rf"^[0-9,]+ {word}"))


async def test_a_dry_run_is_run_for_real_stopped_and_goes_on_from_its_cursor(page: Page, stage: Stage) -> None:
    await page.goto("/start/identity")
    await page.locator("input[name=key]").fill(KEY)
    await page.get_by_role("button", name="Dry run").click()
    await page.wait_for_url(re.compile("/jobs/"))
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)
    await expect(scanned(page, "skipped")).to_have_text(f"{USERS:,} skipped")
    await expect(scanned(page)).to_have_text("0 processed")

    await page.get_by_role("link", name="Run for real").click()
    assert "/start/identity" in page.url
    await page.locator("input[name=key]").fill(KEY)
    await page.locator("input[name=rate_limit]").fill("150")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.wait_for_url(re.compile("/jobs/"))
    await live(page)
    await mark(page)
    await expect(badge(page)).to_contain_text("Running")
    before = await figure(scanned(page))
    await expect(scanned(page)).not_to_have_text(f"{before:,} processed", timeout=PATIENCE)
    assert not await unmarked(page)

    await _running_key_says_so(page, stage)

    await page.get_by_role("link", name="Stop").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("the same key goes on from there")
    await dialog.get_by_role("button", name="Stop", exact=True).click()
    await expect(badge(page)).to_contain_text("Stopped", timeout=PATIENCE)
    assert not await unmarked(page)
    stopped = stage.job(KEY)
    assert 0 < stopped["processed"] < USERS

    await page.goto("/start/identity")
    await page.locator("input[name=key]").fill(KEY)
    await expect(page.locator("#identity-outlook")).to_contain_text(re.compile("cursor", re.IGNORECASE))
    await page.locator("input[name=rate_limit]").fill("20000")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.wait_for_url(re.compile("/jobs/"))
    await expect(badge(page)).to_contain_text("Succeeded", timeout=PATIENCE)
    await expect(scanned(page)).to_have_text(f"{USERS:,} processed")
    job = stage.job(KEY)
    assert (job["job_id"], job["run"], job["processed"]) == (stopped["job_id"], 2, USERS)

    await page.get_by_role("link", name="Spec", exact=True).click()
    await expect(page.locator("#job")).to_contain_text("rate_limit was 20000")


async def _running_key_says_so(page: Page, stage: Stage) -> None:
    other = await page.context.new_page()
    await other.goto("/start/identity")
    await other.locator("input[name=key]").fill(KEY)
    await other.get_by_role("button", name="Start", exact=True).click()
    await expect(other.locator(".notice")).to_contain_text(re.compile("runs|running"), timeout=PATIENCE)
    link = other.locator(".notice a")
    assert stage.job(KEY)["job_id"] in (await link.get_attribute("href") or "")
    await other.close()


async def test_what_cannot_be_started_is_marked_where_it_is_wrong(page: Page) -> None:
    await page.goto("/start/purchases")
    await page.locator("[name=ids]").fill("hh-0001")
    await page.locator("input[name=rate_limit]").fill("fast")
    await page.get_by_role("button", name="Start", exact=True).click()

    wrong = page.locator("input[name=rate_limit]")
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(wrong).to_have_value("fast")
    await expect(page.locator("[name=ids]")).to_have_value("hh-0001")


async def test_a_user_is_shown_with_who_is_linked(page: Page, stage: Stage) -> None:
    stage.start("identity-for-the-graph")
    wait_for(lambda: ended(stage, "identity-for-the-graph"), "all users")
    await page.goto("/graph")
    await page.get_by_label("User id").fill("user-0000003")
    await page.get_by_role("button", name="Show").click()

    await expect(page.locator("svg.picture")).to_be_visible()
    await expect(page.locator("#identifiers tbody tr").first).to_be_visible()
    assert await page.locator("#purchases").count() == 0
    await page.get_by_role("link", name="Identity", exact=True).last.click()
    await expect(page.locator("#digest")).to_contain_text("sha256:")
    told = stage.server.cli.run("graph", "digest", "--only", "identity", "--json").json["digest"]
    await expect(page.locator("#digest")).to_contain_text(told)


async def test_somebody_who_is_not_on_the_list_sees_a_warning_and_nothing_else(browser: Browser, stage: Stage) -> None:
    behind_a_proxy = stage.server.cli.with_settings(
        proxy_header="X-Forwarded-Email", proxy_networks="127.0.0.1/32", store="sqlite:///other.db"
    )
    with served(behind_a_proxy, "proxied") as server:
        context = await browser.new_context(
            base_url=server.url, extra_http_headers={"X-Forwarded-Email": "eve@example.com"}
        )
        page = await context.new_page()
        for address in ("/jobs", "/start/identity", "/graph"):
            answer = await page.goto(address)
            assert answer is not None
            assert answer.status == 403
            await expect(page.locator("body")).to_contain_text("eve@example.com")
            assert await page.locator("table, main form:not([action='/sign-out']), nav").count() == 0
        refused = await context.request.get("/api/v1/jobs")
        assert (refused.status, (await refused.json())["code"]) == (403, "FORBIDDEN")
        await context.close()
