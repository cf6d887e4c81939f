"""The list of jobs as an operator lives with it: numbers that move, stopping, retrying, cancelling, finding."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.looking import (
    PATIENCE,
    choose,
    ended,
    figure,
    live,
    mark,
    open_list,
    processed,
    row,
    state,
    unmarked,
)
from tests.browser.stage import USERS, Stage
from tests.integration.server_process import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_link_lets_one_browser_in_and_no_other(browser: Browser, stage: Stage) -> None:
    link = stage.link()
    first, second = await browser.new_context(), await browser.new_context()
    page = await first.new_page()
    await page.goto(link)
    await page.wait_for_url(f"{stage.url}/jobs")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")

    late = await second.new_page()
    await late.goto(link)
    await late.goto(f"{stage.url}/jobs")
    assert "/sign-in" in late.url
    assert await late.locator("table").count() == 0

    await page.get_by_role("button", name=re.compile("Account of")).click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.goto(f"{stage.url}/jobs")
    assert "/sign-in" in page.url
    await first.close()
    await second.close()


async def test_numbers_move_without_a_reload_and_a_stop_shows_first_that_it_is_stopping(
    page: Page, stage: Stage
) -> None:
    stage.history.misbehave("purchase-history", latency={"min_ms": 2_500, "median_ms": 2_600, "p99_ms": 2_700})
    job = stage.purchases("stopped-by-hand", 40, concurrency=4, batch_size=1)
    await open_list(page, "/jobs?q=stopped-by-hand")
    await mark(page)
    seen = await figure(processed(row(page, job)))
    await expect(processed(row(page, job))).not_to_have_text(re.compile(rf"^{seen}$"), timeout=PATIENCE)
    assert await figure(processed(row(page, job))) > seen

    dialog = await choose(page, job, "^Stop")
    await expect(dialog).to_contain_text("those under way (at most 4) are ended first")
    await expect(dialog).to_contain_text("What was written stays written")
    await dialog.get_by_label("Why").fill("it is lunch time")
    await dialog.get_by_role("button", name="Stop", exact=True).click()

    await state(row(page, job), "stopping")
    await state(row(page, job), "stopped")
    assert not await unmarked(page)
    kept = stage.job("stopped-by-hand")
    assert 0 < kept["processed"] < 40
    assert await figure(processed(row(page, job))) == kept["processed"]
    assert "it is lunch time" in stage.log("stopped-by-hand")

    stage.history.misbehave("purchase-history")
    stage.start("stopped-by-hand", "purchases", rate_limit=1000)
    await state(row(page, job), "succeeded")
    await expect(processed(row(page, job))).to_have_text("40")
    assert not await unmarked(page)


async def test_failures_are_retried_and_leave_the_list_of_failures(page: Page, stage: Stage) -> None:
    broken = stage.history.some[3:6]
    stage.history.misbehave("shop-orders", failing_users=dict.fromkeys(broken, 422))
    job = stage.purchases("three-fail", 12, rate_limit=1000)
    wait_for(lambda: ended(stage, "three-fail"), "the end of the load")
    await open_list(page, "/jobs?q=three-fail")
    await expect(row(page, job).locator("[data-label=Failed]")).to_have_text("3")
    stage.history.misbehave("shop-orders")

    dialog = await choose(page, job, "Retry 3 failures")
    await dialog.get_by_role("button", name="Retry 3").click()

    await expect(row(page, job).locator("[data-label=Failed]")).to_have_text("0", timeout=PATIENCE)
    await expect(processed(row(page, job))).to_have_text("12")


async def test_a_cancel_asks_first_and_ends_it_for_good(page: Page, stage: Stage) -> None:
    job = stage.start("ended-for-good", rate_limit=20, batch_size=5)
    await open_list(page, "/jobs?q=ended-for-good")

    dialog = await choose(page, job, "Cancel job")
    await dialog.get_by_role("link", name="Leave as it is").click()
    await expect(dialog).to_be_hidden()
    assert stage.job("ended-for-good")["state"] == "running"

    dialog = await choose(page, job, "Cancel job")
    await expect(dialog).to_contain_text("It ends for good")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()

    dialog = await choose(page, job, "Cancel job")
    await dialog.get_by_role("button", name="Cancel job").click()
    await state(row(page, job), "canceled")
    assert stage.job("ended-for-good")["processed"] < USERS


async def test_jobs_are_searched_sorted_and_filtered_by_an_address_that_can_be_shared(page: Page, stage: Stage) -> None:
    for key, users in (("shared-b", 2), ("shared-a", 3), ("shared-c", 1)):
        stage.purchases(key, users, dry_run=True)
        wait_for(lambda key=key: ended(stage, key), "the dry run")  # type: ignore[misc]
    keys = page.locator("#rows .key")
    await open_list(page)

    await page.keyboard.press("/")
    await page.keyboard.type("shared-")
    await expect(keys).to_have_count(3)
    assert "q=shared-" in page.url
    await page.locator("thead").get_by_role("link", name="Job", exact=True).click()
    await page.wait_for_url(re.compile("sort="))
    first = await keys.all_inner_texts()
    await page.locator("thead").get_by_role("link", name="Job", exact=True).click()
    await expect(keys.first).not_to_have_text(first[0])
    assert sorted(first) == ["shared-a", "shared-b", "shared-c"]
    assert await keys.all_inner_texts() == first[::-1]

    other = await page.context.new_page()
    await other.goto(page.url)
    assert await other.locator("#rows .key").all_inner_texts() == first[::-1]
    await other.goto("/jobs?state=canceled&q=shared-")
    await expect(other.locator("#list")).to_contain_text("No job fits")


async def test_several_jobs_are_chosen_and_archived_at_once(page: Page, stage: Stage) -> None:
    for key in ("old-1", "old-2"):
        stage.purchases(key, 1, dry_run=True)
        wait_for(lambda key=key: ended(stage, key), "the dry run")  # type: ignore[misc]
    await open_list(page, "/jobs?q=old-")

    await page.get_by_label("Select every job of this page").check()
    await page.locator(".bulk").get_by_role("button", name="Archive").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_contain_text("Archive 2 jobs?")
    await dialog.get_by_role("button", name="Archive 2 jobs").click()
    await expect(dialog).to_be_hidden()

    await page.goto("/jobs?q=old-")
    await expect(page.locator("#list")).to_contain_text("No job fits")


async def test_a_page_that_is_open_while_the_server_restarts_comes_back_and_is_right(page: Page, stage: Stage) -> None:
    job = stage.start("through-a-restart", rate_limit=150, batch_size=50)
    await open_list(page, "/jobs?q=through-a-restart")
    await mark(page)

    assert await asyncio.to_thread(stage.server.stop) == 0
    await expect(page.locator("#connection")).to_have_attribute("data-state", "lost", timeout=PATIENCE)
    await expect(page.locator("#connection")).to_contain_text("old")
    await asyncio.to_thread(stage.server.start)

    await live(page)
    await state(row(page, job), "running")
    before = await figure(processed(row(page, job)))
    await expect(processed(row(page, job))).not_to_have_text(f"{before:,}", timeout=PATIENCE)
    assert not await unmarked(page)
    shown = stage.job("through-a-restart")
    assert shown["run"] == 2
    assert "shutdown" in stage.log("through-a-restart")
    stage.server.cli.run("jobs", "cancel", "through-a-restart")
    await state(row(page, job), "canceled")
