"""What a person sees of the list of jobs, and how they reach for it."""

import re
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.browser.stage import Stage

SECONDS = 1_000
PATIENCE = 90 * SECONDS


async def open_list(page: Page, address: str = "/jobs") -> None:
    """Opens a page and waits until it is live."""
    await page.goto(address)
    await live(page)


async def live(page: Page) -> None:
    """Waits until the page hears from the server."""
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=PATIENCE)


def row(page: Page, job: Any) -> Locator:
    return page.locator(f"#job-{job['job_id']}")


def processed(row: Locator) -> Locator:
    return row.locator("[data-label=Processed]")


async def figure(cell: Locator) -> int:
    text = re.sub(r"[^0-9]", "", await cell.inner_text())
    return int(text or 0)


async def state(row: Locator, word: str) -> None:
    """Waits until the row says so."""
    await expect(row.locator(".where")).to_contain_text(re.compile(word, re.IGNORECASE), timeout=PATIENCE)


async def choose(page: Page, job: Any, action: str) -> Locator:
    """Chooses from a job's menu; returns the dialog that opens."""
    await row(page, job).get_by_role("button", name=f"Actions of {job['key']}").click()
    await page.get_by_role("menuitem", name=re.compile(action)).locator("visible=true").click()
    dialog = page.locator("#dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def mark(page: Page) -> None:
    """Leaves a mark on the page that only a reload takes away."""
    await page.evaluate("window.sinceItWasOpened = true")


async def unmarked(page: Page) -> bool:
    """Whether the page was loaded anew."""
    return not await page.evaluate("window.sinceItWasOpened === true")


def ended(stage: Stage, key: str) -> Any:
    """The job, once it has ended."""
    job = stage.job(key)
    return job if job["state"] in ("succeeded", "failed", "canceled", "stopped") else None
