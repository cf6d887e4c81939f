"""A page that moves while somebody reads, types and chooses; and one without JavaScript, or without a session."""

import asyncio
import re

import pytest
from playwright.async_api import Browser, Page, StorageState, expect

from tests.browser.looking import PATIENCE, ended, figure, live, mark, open_list, processed, row, unmarked
from tests.browser.stage import Stage
from tests.integration.server_process import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def moved(page: Page, job: object) -> None:
    """Waits until the job's number is another one."""
    cell = processed(row(page, job))
    await expect(cell).not_to_have_text(f"{await figure(cell):,}", timeout=PATIENCE)


async def test_numbers_move_and_wipe_no_form_no_selection_and_no_menu(page: Page, stage: Stage) -> None:
    job = stage.start("read-meanwhile", rate_limit=30, batch_size=10)
    await open_list(page, "/identity?q=read-meanwhile")
    await mark(page)
    key, box = page.locator("input[name=key]"), row(page, job).get_by_role("checkbox")
    await key.fill("half-typed")
    await box.check()
    await moved(page, job)
    menu = row(page, job).get_by_role("button", name="Actions of read-meanwhile")
    await menu.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitem", name="Stop…")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await moved(page, job)
    await expect(page.get_by_role("menuitem", name="Cancel job…")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    name = row(page, job).locator(".key")
    await name.evaluate("name => getSelection().selectAllChildren(name)")
    await moved(page, job)
    assert await page.evaluate("getSelection().toString()") == "read-meanwhile"

    await page.get_by_role("link", name="Refresh").click()
    await moved(page, job)
    await expect(key).to_have_value("half-typed")
    await expect(box).to_be_checked()
    await expect(page.locator("#selected")).to_have_text("1 selected")
    assert not await unmarked(page)
    stage.server.cli.run("jobs", "cancel", "read-meanwhile")


async def test_a_new_job_is_announced_and_no_row_moves_until_it_is_asked_for(page: Page, stage: Stage) -> None:
    old = stage.purchases("newcomer-1", 1, dry_run=True)
    wait_for(lambda: ended(stage, "newcomer-1"), "the dry run")
    await open_list(page, "/jobs?q=newcomer-")
    before = await row(page, old).bounding_box()
    new = stage.purchases("newcomer-2", 1, dry_run=True)
    note = page.locator("#newcomers")
    await expect(note).to_be_visible(timeout=PATIENCE)
    assert await row(page, old).bounding_box() == before
    assert await row(page, new).count() == 0
    await note.get_by_role("link", name="Show").click()
    await expect(row(page, new)).to_be_visible()
    await expect(note).to_be_hidden()


async def test_the_appearance_is_remembered(page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await open_list(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(246, 247, 249)"
    await page.get_by_role("button", name="Dark appearance").click()
    assert await page.evaluate(ground) == "rgb(14, 17, 22)"
    await page.goto("/health")
    assert await page.evaluate(ground) == "rgb(14, 17, 22)"
    await expect(page.get_by_role("button", name="Dark appearance")).to_have_attribute("aria-pressed", "true")


async def test_without_javascript_a_job_is_found_and_archived(
    browser: Browser, stage: Stage, signed_in: StorageState
) -> None:
    stage.purchases("plain-html", 1, dry_run=True)
    wait_for(lambda: ended(stage, "plain-html"), "the dry run")
    context = await browser.new_context(base_url=stage.url, storage_state=signed_in, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/jobs")
    await page.locator("#search").fill("plain-html")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("q=plain-html"))
    await page.get_by_role("checkbox", name="Select plain-html").check()
    await page.locator(".bulk").get_by_role("button", name="Archive").click()
    await expect(page.get_by_role("heading", name="Archive plain-html?")).to_be_visible()
    await page.get_by_role("button", name="Archive", exact=True).click()
    await page.wait_for_url(re.compile("/jobs\\?q=plain-html"))
    await expect(page.locator("#list")).to_contain_text("No job fits")
    await context.close()


async def test_a_session_that_has_ended_says_so_and_wipes_nothing(page: Page) -> None:
    await open_list(page, "/purchases")
    await page.locator("input[name=key]").fill("half-typed")
    await page.context.clear_cookies()
    await page.get_by_role("link", name="Refresh").click()
    await expect(page.locator("#toasts")).to_contain_text("Your session has ended", timeout=PATIENCE)
    await expect(page.locator("#connection")).to_have_text("signed out")
    await expect(page.locator("input[name=key]")).to_have_value("half-typed")
    await page.reload()
    await page.wait_for_url(re.compile("/sign-in"))


async def test_a_page_says_how_old_it_is_while_the_network_is_away(page: Page) -> None:
    await open_list(page)
    await page.context.set_offline(True)
    await page.get_by_role("link", name="Refresh").click()
    await expect(page.locator("#toasts")).to_contain_text("did not answer")
    await page.context.set_offline(False)
    await live(page)


async def test_what_is_sent_while_the_server_is_away_is_not_sent_and_stays_typed(page: Page, stage: Stage) -> None:
    job = stage.start("asked-while-away", rate_limit=20)
    await open_list(page, "/identity?q=asked-while-away")
    key = page.locator("input[name=key]")
    await asyncio.to_thread(stage.server.kill)
    await expect(page.locator("#connection")).to_have_attribute("data-state", "lost", timeout=PATIENCE)
    await key.fill("half-typed")
    await page.get_by_role("button", name="Dry run", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("Nothing was sent")
    await row(page, job).get_by_role("button", name="Actions of asked-while-away").click()
    await page.get_by_role("menuitem", name="Cancel job…").click()
    await expect(page.locator("#toasts")).to_contain_text("nothing was asked of it")
    await expect(key).to_have_value("half-typed")

    await asyncio.to_thread(stage.server.start)
    await live(page)
    await expect(key).to_have_value("half-typed")
    await moved(page, job)
    await page.get_by_role("button", name="Dry run", exact=True).click()
    await page.wait_for_url(re.compile("/jobs/"))
    started = stage.ask("GET", f"/jobs/{page.url.rpartition('/')[2]}")
    assert (started["key"].partition(":")[0], started["processed"]) == ("half-typed", 0)
    await expect(page.locator("#content")).to_contain_text(re.compile("dry run", re.IGNORECASE))
    stage.server.cli.run("jobs", "cancel", "asked-while-away")


async def test_what_is_sent_after_the_session_has_ended_stays_typed(page: Page) -> None:
    await open_list(page, "/identity")
    key = page.locator("input[name=key]")
    await key.fill("typed-before-it-ended")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Dry run", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("Your session has ended", timeout=PATIENCE)
    await expect(key).to_have_value("typed-before-it-ended")


async def test_a_menu_stays_open_when_what_stands_before_it_comes_goes_or_changes_places(page: Page) -> None:
    await open_list(page)
    kept = await page.evaluate(
        """async () => {
          const script = document.querySelector("script[type=module]").src;
          const { morphChildren } = await import(new URL("morph.js", script));
          const part = document.createElement("div");
          document.body.append(part);
          const parsed = (html) => Object.assign(document.createElement("template"), { innerHTML: html }).content;
          const row = (id) => `<p id="row-${id}">${id}</p>`;
          const held = '<p id="row-menu">text<span id="open-menu" popover>menu</span></p>';
          const shapes = [
            row("a") + held,
            row("new") + row("a") + held,
            held + row("a"),
            row("a") + "some words" + held + row("b"),
            row("b") + held + row("a"),
            "<i>nothing else</i>" + held,
          ];
          part.append(parsed(shapes[0]));
          const menu = document.getElementById("open-menu");
          menu.showPopover();
          const seen = [];
          for (const shape of shapes) {
            morphChildren(part, parsed(shape));
            seen.push(menu.matches(":popover-open") && part.textContent === parsed(shape).textContent);
          }
          return seen;
        }"""
    )
    assert kept == [True] * 6
