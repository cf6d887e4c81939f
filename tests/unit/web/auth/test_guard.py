"""Who gets past the guard, and who does not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from retrograph.entry.sql_store import SqlEntryStore
from retrograph.store.engine import connect
from retrograph.web.app import create_app
from retrograph.web.auth.identifying import Identifying
from tests.unit.web.auth.door import ANN, EVE, HERE, OWN_PAGE, Door, bearer, cookie_of, opened

JOBS = "/api/v1/jobs"
OIDC = {"oidc": {"issuer": "https://id.example.com", "client_id": "x"}, "public_url": "https://here.example.com"}
HTTPS = "https://here.example.com"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def named_door(tmp_path: Path) -> AsyncIterator[Door]:
    """A server that listens beyond loopback and is called by its name."""
    async with opened(tmp_path, OIDC, host="0.0.0.0") as made:
        yield made


# --- tokens


async def test_a_token_of_an_admin_opens(door: Door) -> None:
    async with door.caller() as caller:
        assert (await caller.get(JOBS, headers=bearer(await door.token()))).status_code == 200


async def test_what_is_not_that_token_does_not(door: Door) -> None:
    token = await door.token()
    wrong = [token[:-1], token + "x", token.upper(), "", token.removeprefix("rtg_"), "null", "x" * 5_000]
    async with door.caller() as caller:
        for text in wrong:
            answer = await caller.get(JOBS, headers={"Authorization": f"Bearer {text}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for header in (token, f"Basic {token}", f"Token {token}"):
            assert (await caller.get(JOBS, headers={"Authorization": header})).status_code == 401


async def test_a_revoked_token_is_refused_at_the_next_request(door: Door) -> None:
    headers = bearer(await door.token())
    async with door.caller() as caller:
        assert (await caller.get(JOBS, headers=headers)).status_code == 200
        await door.store.revoke_token("deploy")
        assert (await caller.get(JOBS, headers=headers)).status_code == 401


async def test_a_wrong_token_is_not_helped_by_a_session(named_door: Door) -> None:
    headers = {**cookie_of(await named_door.session(), HTTPS), **bearer("rtg_wrong")}
    async with named_door.caller(base=HTTPS) as caller:
        assert (await caller.get(JOBS, headers=headers)).status_code == 401


async def test_two_authorization_headers_are_one_too_many(door: Door) -> None:
    token = await door.token()
    async with door.caller() as caller:
        headers = [("Authorization", "Basic x"), ("Authorization", f"Bearer {token}")]
        assert (await caller.get(JOBS, headers=headers)).status_code == 401


async def test_a_token_in_the_address_is_no_token(door: Door) -> None:
    token = await door.token()
    async with door.caller() as caller:
        for query in (f"?token={token}", f"?access_token={token}", f"?key={token}"):
            assert (await caller.get(JOBS + query)).status_code == 401


async def test_a_token_writes_from_anywhere_since_no_browser_sends_it_by_itself(door: Door) -> None:
    headers = {**bearer(await door.token()), "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with door.caller() as caller:
        assert (await caller.post("/api/v1/jobs/none/stop", headers=headers)).status_code == 404


# --- the allow-list


async def test_the_list_is_asked_at_each_request(tmp_path: Path) -> None:
    admins = tmp_path / "admins"
    admins.write_text(f"{ANN}\n")
    async with opened(tmp_path, {**OIDC, "admins": str(admins)}) as door, door.caller(base=HTTPS) as caller:
        by_token, by_session = bearer(await door.token()), cookie_of(await door.session(), HTTPS)
        for headers in (by_token, by_session):
            assert (await caller.get(JOBS, headers=headers)).status_code == 200
        admins.write_text("bob@example.com\n")
        for headers in (by_token, by_session):
            answer = await caller.get(JOBS, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("email", [EVE, "Ann@example.com", "ann@EXAMPLE.com", "ann@example.com.evil.org"])
async def test_nobody_else_is_an_admin(named_door: Door, email: str) -> None:
    async with named_door.caller(base=HTTPS) as caller:
        answer = await caller.get(JOBS, headers=cookie_of(await named_door.session(email), HTTPS))
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


# --- who is not signed in


async def test_pages_lead_to_the_sign_in_page_and_back(door: Door) -> None:
    async with door.caller() as caller:
        answer = await caller.get("/jobs?state=failed&q=a%26b")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=/jobs%3Fstate%3Dfailed%26q%3Da%2526b"
        assert (await caller.post("/start/purchases")).headers["location"] == "/sign-in"


async def test_a_part_of_a_page_says_where_the_page_has_to_go(door: Door) -> None:
    async with door.caller() as caller:
        shown = {"HX-Request": "true", "HX-Current-URL": f"{HERE}/jobs?q=x"}
        answer = await caller.get("/jobs", headers=shown)
        assert answer.status_code == 401
        assert answer.headers["hx-redirect"] == "/sign-in?next=/jobs%3Fq%3Dx"
        fetched = {"Sec-Fetch-Dest": "empty", "Referer": "https://evil.example/jobs"}
        assert (await caller.get("/jobs", headers=fetched)).status_code == 401


# --- names of this server


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "x@127.0.0.1", "[::2]", ""]
)
async def test_a_name_that_was_pointed_here_is_refused(door: Door, host: str) -> None:
    async with door.caller() as caller:
        for path in ("/sign-in", "/jobs", JOBS, "/static/icon.svg"):
            assert (await caller.get(path, headers={"Host": host})).status_code == 421
        assert (await caller.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:9", "[::1]:8080", "LOCALHOST"])
async def test_the_names_of_loopback_are_names_of_a_server_on_it(door: Door, host: str) -> None:
    async with door.caller() as caller:
        assert (await caller.get("/sign-in", headers={"Host": host})).status_code == 200


async def test_a_server_with_a_name_answers_for_that_one_alone(named_door: Door) -> None:
    token = await named_door.token()
    async with named_door.caller(base=HTTPS) as caller:
        assert (await caller.get("/sign-in")).status_code == 200
        for host in ("10.0.0.7:8080", "localhost", "here.example.com:444", "here.example.com.evil.org"):
            assert (await caller.get("/sign-in", headers={"Host": host})).status_code == 421
            assert (await caller.get(JOBS, headers={"Host": host, "Authorization": "Basic x"})).status_code == 421
        scrape = {"Host": "10.0.0.7:8080", **bearer(token)}
        assert (await caller.get(JOBS, headers=scrape)).status_code == 200


# --- pages of other sites


STRANGE = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HTTPS},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://here.example.com"},
    {"Origin": "https://here.example.com:444"},
    {"Origin": "https://here.example.com.evil.org"},
    {"Origin": "https://x@here.example.com"},
    {"Origin": "here.example.com"},
]


@pytest.mark.parametrize("said", STRANGE)
async def test_a_write_that_no_page_of_ours_asked_for_is_refused(named_door: Door, said: dict[str, str]) -> None:
    session = await named_door.session()
    form = {"Content-Type": "application/x-www-form-urlencoded", **cookie_of(session, HTTPS), **said}
    async with named_door.caller(base=HTTPS) as caller:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = await caller.request(method, "/api/v1/jobs/none/stop", headers=form)
            assert (answer.status_code, answer.json()["code"]) == (403, "CROSS_SITE")
        assert (await caller.post("/sign-out", headers=form)).status_code == 403
        assert (await caller.get(JOBS, headers=cookie_of(session, HTTPS))).status_code == 200


@pytest.mark.parametrize("said", [OWN_PAGE, {"Origin": HTTPS}, {"Sec-Fetch-Site": "none"}])
async def test_a_write_of_our_own_page_is_let_through(named_door: Door, said: dict[str, str]) -> None:
    headers = {**cookie_of(await named_door.session(), HTTPS), **said}
    async with named_door.caller(base=HTTPS) as caller:
        assert (await caller.post("/api/v1/jobs/none/stop", headers=headers)).status_code == 404


async def test_a_method_that_is_only_spoken_of_is_not_taken(named_door: Door) -> None:
    headers = {**cookie_of(await named_door.session(), HTTPS), "X-HTTP-Method-Override": "POST"}
    async with named_door.caller(base=HTTPS) as caller:
        assert (await caller.get("/api/v1/jobs/none/stop?_method=POST", headers=headers)).status_code in (404, 405)


# --- what a browser is told


async def test_every_answer_is_strict_with_the_browser(named_door: Door) -> None:
    async with named_door.caller(base=HTTPS) as caller:
        paths = ("/sign-in", "/jobs", JOBS, "/health/live", "/static/icon.svg", "/nothing")
        for answer in [await caller.get(path) for path in paths]:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert (await caller.get(JOBS)).headers["cache-control"] == "no-store"


async def test_a_store_that_is_away_lets_nobody_in_and_is_not_named(door: Door) -> None:
    away = SqlEntryStore(connect("postgresql://nobody@127.0.0.1:1/nothing"))
    entry = door.entry
    identifying = Identifying(away, entry.allow_list, entry.site, None, entry.sessions, entry.ways)
    entry = replace(entry, identifying=identifying, store=away)
    app = create_app(replace(door.app.state.context, entry=entry))
    async with replace(door, app=app).caller() as caller:
        api = await caller.get(JOBS, headers=bearer(await door.token()))
        assert (api.status_code, api.json()["code"]) == (503, "DEPENDENCY_DOWN")
        session = cookie_of(await door.session("root@here", way="link"))
        page = await caller.get("/jobs", headers={**session, "Accept": "text/html"})
        link = await caller.get("/sign-in/link?key=x")
        assert (page.status_code, link.status_code) == (503, 503)
        assert [answer for answer in (api, page, link) if "nobody" in answer.text or "postgresql" in answer.text] == []
        assert (await caller.get("/health/live")).status_code == 200
    await away.close()
