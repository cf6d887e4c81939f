"""One browser and one server for all browser tests; each test has a window of its own, signed in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, StorageState, async_playwright

from tests.browser.stage import Stage
from tests.browser.stage import stage as new_stage
from tests.servers.versitygw import VersitygwServer

PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, versitygw: VersitygwServer) -> Iterator[Stage]:
    """The server; tests give their jobs keys of their own."""
    with new_stage(tmp_path_factory.mktemp("stage"), versitygw) as made:
        yield made
        assert "Traceback" not in made.server.told(), made.server.told()


@pytest.fixture(autouse=True)
def behaved(stage: Stage) -> Iterator[None]:
    """What a test does to the sandbox is undone."""
    yield
    stage.history.misbehave()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """The real browser, without a window."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, headless=True)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def signed_in(browser: Browser, stage: Stage) -> StorageState:
    """What a browser keeps of somebody who has used the one-time link."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(stage.server.one_time_link())
    await page.wait_for_url(f"{stage.url}/jobs")
    kept = await context.storage_state()
    await context.close()
    return kept


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, stage: Stage, signed_in: StorageState) -> AsyncIterator[Page]:
    """A page of somebody who may enter; no error may be written to its console."""
    context = await browser.new_context(base_url=stage.url, storage_state=signed_in)
    context.set_default_timeout(PATIENCE_MS)
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    await context.close()
    assert complaints == []
