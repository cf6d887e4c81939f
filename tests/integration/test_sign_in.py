"""Signing in through a real identity provider, at the real server, as a browser does it."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.integration.server_process import ADMIN, ServerProcess, in_directory
from tests.servers.keycloak import CLIENT, KeycloakServer

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def server(keycloak: KeycloakServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that trusts the provider, for the tests of this file."""
    folder = tmp_path_factory.mktemp("sign-in")
    made = ServerProcess(in_directory(folder))
    made.cli = in_directory(
        folder,
        public_url=made.url,
        oidc_issuer=keycloak.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=keycloak.client_secret,
        sessions_sign_ins_per_minute="1000",
    )
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[httpx2.Client]:
    """Keeps cookies and follows nothing by itself."""
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


def begin(browser: httpx2.Client, wanted: str = "/jobs") -> str:
    """The provider's address that the server sends the browser to."""
    answer = browser.get("/sign-in/oidc", params={"next": wanted})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def at_provider(keycloak: KeycloakServer, address: str, who: str) -> str:
    """Signs in there; where the provider sends the browser then."""
    form = httpx2.get(address, timeout=60)
    action = re.search(r'action="([^"]+)"', form.text)
    assert action is not None, form.text
    # Its cookies are for HTTPS alone; browsers count this machine's own addresses as such.
    kept = "; ".join(text.partition(";")[0] for text in form.headers.get_list("set-cookie"))
    given = {"username": who, "password": keycloak.password}
    answer = httpx2.post(unescape(action[1]), data=given, headers={"Cookie": kept}, timeout=60)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def signed_in(browser: httpx2.Client, keycloak: KeycloakServer, who: str = "ann") -> httpx2.Response:
    return browser.get(at_provider(keycloak, begin(browser), who))


def test_an_admin_signs_in_comes_where_they_wanted_and_signs_out(
    browser: httpx2.Client, keycloak: KeycloakServer, server: ServerProcess
) -> None:
    assert browser.get("/api/v1/jobs").status_code == 401
    back = signed_in(browser, keycloak)
    assert (back.status_code, back.headers["location"]) == (303, "/jobs")
    (cookie,) = (text for text in back.headers.get_list("set-cookie") if "session" in text)
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert browser.get("/api/v1/jobs").status_code == 200
    assert ADMIN in browser.get("/jobs").text
    secret = cookie.partition("=")[2].partition(";")[0]
    out = browser.post("/sign-out", headers=OWN_PAGE)
    assert out.status_code == 303
    assert browser.get("/api/v1/jobs").status_code == 401
    kept = {"Cookie": f"retrograph-session-{server.port}={secret}"}
    assert httpx2.get(f"{server.url}/api/v1/jobs", headers=kept).status_code == 401
    _ends_at_the_provider(keycloak, out.headers["location"], server)


def _ends_at_the_provider(keycloak: KeycloakServer, address: str, server: ServerProcess) -> None:
    """The provider takes the hint, asks nothing, and sends the browser back."""
    assert address.startswith(keycloak.issuer + "/protocol/openid-connect/logout?")
    answer = httpx2.get(address)
    assert (answer.status_code, answer.headers.get("location")) == (302, f"{server.url}/sign-in"), answer.text


def test_what_is_sent_to_the_provider_is_what_the_standard_asks_for(browser: httpx2.Client) -> None:
    first, second = (parse_qs(urlsplit(begin(browser)).query) for _ in range(2))
    assert first["response_type"] == ["code"] and first["code_challenge_method"] == ["S256"]
    assert set(first["scope"][0].split()) == {"openid", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


def test_an_address_that_is_not_verified_opens_nothing(browser: httpx2.Client, keycloak: KeycloakServer) -> None:
    back = signed_in(browser, keycloak, "bob")
    assert back.status_code == 403
    assert "has not verified your e-mail address" in back.text
    assert browser.get("/api/v1/jobs").status_code == 401


def test_who_is_not_on_the_list_is_warned(browser: httpx2.Client, keycloak: KeycloakServer) -> None:
    assert signed_in(browser, keycloak, "eve").status_code == 303
    answer = browser.get("/jobs")
    assert answer.status_code == 403 and "eve@example.com is not on the list" in answer.text
    answer = browser.get("/api/v1/jobs")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def test_an_answer_counts_once(browser: httpx2.Client, keycloak: KeycloakServer) -> None:
    address = at_provider(keycloak, begin(browser), "ann")
    assert browser.get(address).status_code == 303
    browser.post("/sign-out", headers=OWN_PAGE)
    assert browser.get(address).status_code == 403
    assert browser.get("/api/v1/jobs").status_code == 401


def test_an_answer_counts_for_the_browser_that_asked(
    browser: httpx2.Client, keycloak: KeycloakServer, server: ServerProcess
) -> None:
    address = at_provider(keycloak, begin(browser), "ann")
    with httpx2.Client(base_url=server.url) as victim:
        assert victim.get(address).status_code == 403
        begin(victim)
        assert victim.get(address).status_code == 403
        assert victim.get("/api/v1/jobs").status_code == 401


def test_a_code_does_not_fit_another_sign_in(browser: httpx2.Client, keycloak: KeycloakServer) -> None:
    """The provider itself refuses it, since the challenge was another one."""
    code = parse_qs(urlsplit(at_provider(keycloak, begin(browser), "ann")).query)["code"][0]
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    answer = browser.get("/sign-in/callback", params={"code": code, "state": state, "iss": keycloak.issuer})
    assert answer.status_code == 403
    assert browser.get("/api/v1/jobs").status_code == 401


@pytest.mark.parametrize("change", ["state", "code", "iss"])
def test_an_answer_that_was_tampered_with_is_refused(
    browser: httpx2.Client, keycloak: KeycloakServer, change: str
) -> None:
    query = parse_qs(urlsplit(at_provider(keycloak, begin(browser), "ann")).query)
    assert change in query
    for values in ([], ["x" + query[change][0][1:]], [query[change][0]] * 2):
        answer = browser.get("/sign-in/callback", params={**query, change: values})
        assert answer.status_code == 403
    assert browser.get("/api/v1/jobs").status_code == 401


def test_a_session_that_was_planted_is_not_the_one_that_is_opened(
    browser: httpx2.Client, keycloak: KeycloakServer, server: ServerProcess
) -> None:
    planted = "p" * 43
    browser.cookies.set(f"retrograph-session-{server.port}", planted, domain="127.0.0.1")
    assert signed_in(browser, keycloak).status_code == 303
    kept = {"Cookie": f"retrograph-session-{server.port}={planted}"}
    assert httpx2.get(f"{server.url}/api/v1/jobs", headers=kept).status_code == 401


def test_signing_in_again_ends_the_session_before(
    browser: httpx2.Client, keycloak: KeycloakServer, server: ServerProcess
) -> None:
    signed_in(browser, keycloak)
    name = f"retrograph-session-{server.port}"
    first = browser.cookies[name]
    signed_in(browser, keycloak)
    assert browser.cookies[name] != first
    assert httpx2.get(f"{server.url}/api/v1/jobs", headers={"Cookie": f"{name}={first}"}).status_code == 401
    assert browser.get("/api/v1/jobs").status_code == 200


def test_the_way_back_is_a_page_of_this_server(browser: httpx2.Client, keycloak: KeycloakServer) -> None:
    for wanted in ("https://evil.example/", "//evil.example/", "/\\evil.example", "/%09/evil.example"):
        back = browser.get(at_provider(keycloak, begin(browser, wanted), "ann"))
        assert urlsplit(back.headers["location"]).netloc == ""
        assert not back.headers["location"].startswith(("//", "/\\"))


def test_no_secret_is_in_the_log(browser: httpx2.Client, keycloak: KeycloakServer, server: ServerProcess) -> None:
    address = at_provider(keycloak, begin(browser), "ann")
    browser.get(address)
    token = server.token("logged")
    with server.client(token) as client:
        assert client.get("/api/v1/jobs").status_code == 200
    told = server.told()
    query = parse_qs(urlsplit(address).query)
    secrets = [query["code"][0], query["state"][0], token, keycloak.client_secret, *browser.cookies.values()]
    assert "ann@example.com (token logged)" in told and "signed in" in told
    assert [secret for secret in secrets if secret in told] == []


def test_the_provider_is_away(browser: httpx2.Client, keycloak: KeycloakServer, tmp_path: Path) -> None:
    made = ServerProcess(in_directory(tmp_path))
    away = keycloak.issuer.replace(f":{keycloak.port}/", ":1/")
    made.cli = in_directory(tmp_path, public_url=made.url, oidc_issuer=away, oidc_client_id=CLIENT)
    try:
        made.start()
        answer = httpx2.get(f"{made.url}/sign-in/oidc", timeout=60)
        assert answer.status_code == 503 and "does not answer" in answer.text
    finally:
        made.close()
