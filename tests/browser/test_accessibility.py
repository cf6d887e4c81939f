"""Every page, light and dark, meets WCAG 2.2 AA as far as axe can tell; and each fits a narrow window."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.conftest import PATIENCE_MS
from tests.browser.looking import ended
from tests.browser.scenery import RUNNING, Scene, furnish
from tests.browser.stage import Stage
from tests.integration.server_process import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
CRITERIA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
NARROW = 360


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scenes(stage: Stage) -> AsyncIterator[list[Scene]]:
    """All pages, over jobs in every state; the one that runs is ended, so that others of its kind may."""
    yield furnish(stage)
    stage.server.cli.run("jobs", "cancel", RUNNING)
    wait_for(lambda: ended(stage, RUNNING), "the end of what runs")


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(browser: Browser, stage: Stage) -> AsyncIterator[Page]:
    """Somebody who has not signed in."""
    context = await browser.new_context(base_url=stage.url)
    context.set_default_timeout(PATIENCE_MS)
    yield await context.new_page()
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_violates_a_criterion(
    page: Page, stranger: Page, scenes: list[Scene], scheme: Literal["light", "dark"]
) -> None:
    found: list[str] = []
    for scene in scenes:
        seen = page if scene.signed_in else stranger
        await seen.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        answer = await seen.goto(scene.address)
        assert answer is not None
        assert answer.status == scene.status, scene
        found += [f"{scene.name}: {violation}" for violation in await violations(seen)]
    assert found == []


async def test_the_dialog_and_the_menus_violate_none_either(page: Page, scenes: list[Scene]) -> None:
    await page.goto("/jobs")
    await page.locator("#rows [aria-label^='Actions of']").first.click()
    assert await violations(page) == []
    await page.get_by_role("menuitem").locator("visible=true").last.press("Escape")
    await page.goto(next(scene.address for scene in scenes if scene.name == "cancel"))
    assert await violations(page) == []


async def test_nothing_sticks_out_of_a_narrow_window(page: Page, stranger: Page, scenes: list[Scene]) -> None:
    wide: list[str] = []
    for scene in scenes:
        seen = page if scene.signed_in else stranger
        await seen.set_viewport_size({"width": NARROW, "height": 800})
        await seen.goto(scene.address)
        width = await seen.evaluate("document.documentElement.scrollWidth")
        if width > NARROW:
            wide.append(f"{scene.name} is {width} wide")
    assert wide == []


async def violations(page: Page) -> list[str]:
    """What axe finds: the rule, where, and why."""
    await page.wait_for_load_state("load")
    await page.evaluate(AXE)
    result: dict[str, Any] = await page.evaluate(RUN, CRITERIA)
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
