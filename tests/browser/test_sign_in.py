"""Signing in and out in a real browser, through a real identity provider, under the strict policy of the pages."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.integration.server_process import ServerProcess, in_directory
from tests.servers.keycloak import CLIENT, KeycloakServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def guarded(keycloak: KeycloakServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that people sign in to by name."""
    folder = tmp_path_factory.mktemp("guarded")
    server = ServerProcess(in_directory(folder))
    server.cli = in_directory(
        folder,
        public_url=server.url,
        oidc_issuer=keycloak.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=keycloak.client_secret,
    )
    try:
        yield server.start()
    finally:
        server.close()


async def sign_in(page: Page, keycloak: KeycloakServer, who: str) -> None:
    await page.get_by_role("link", name="Sign in").click()
    await page.fill("#username", who)
    await page.fill("#password", keycloak.password)
    await page.click("#kc-login")


async def test_somebody_signs_in_where_they_wanted_to_go_and_out_everywhere(
    browser: Browser, guarded: ServerProcess, keycloak: KeycloakServer
) -> None:
    context = await browser.new_context(base_url=guarded.url)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    await page.goto("/jobs?state=failed")
    await sign_in(page, keycloak, "ann")
    await page.wait_for_url(f"{guarded.url}/jobs?state=failed")
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    await page.click("#account-button")
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.wait_for_url("**/sign-in")
    await page.goto("/jobs")
    await sign_in(page, keycloak, "eve")  # the provider asks again: it has forgotten ann
    await expect(page.get_by_role("heading", name="You may not enter")).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("eve@example.com is not on the list")
    assert await page.get_by_role("navigation").count() == 0
    assert complaints == []
    await context.close()
