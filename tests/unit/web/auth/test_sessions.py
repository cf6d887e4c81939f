"""One-time links, sessions and streams: opened on this machine, ended in time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrograph.errors import ConfigurationError
from retrograph.web.auth.guard import RECHECK_SECONDS, Guard
from tests.unit.jobs.clocks import JumpingClock
from tests.unit.web.auth.door import ANN, HERE, OWN_PAGE, Door, bearer, cookie_of, opened

JOBS = "/api/v1/jobs"
OIDC = {"oidc": {"issuer": "https://id.example.com", "client_id": "x"}, "public_url": "https://here.example.com"}
HTTPS = "https://here.example.com"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as made:
        yield made


# --- one-time links


async def test_a_link_opens_a_session_once(door: Door) -> None:
    link = await door.link()
    async with door.caller() as browser, door.caller() as other:
        answer = await browser.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await browser.get(JOBS)).status_code == 200
        assert (await other.get(link)).status_code == 403
        assert (await other.get(JOBS)).status_code == 401


async def test_only_opening_a_link_uses_it_up(door: Door) -> None:
    link = await door.link()
    async with door.caller() as browser:
        for method in ("HEAD", "OPTIONS", "POST"):
            await browser.request(method, link, headers=OWN_PAGE)
        assert (await browser.get(link)).status_code == 303


async def test_a_link_that_two_open_at_the_same_time_lets_one_in(door: Door) -> None:
    link = await door.link()
    async with door.caller() as browser:
        answers = await asyncio.gather(*(browser.get(link) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 7


@pytest.mark.parametrize("key", ["", "?key=", "?key=x", "?key=" + "x" * 43, "?key=" + "x" * 9_000])
async def test_a_link_that_was_never_printed_opens_nothing(door: Door, key: str) -> None:
    async with door.caller() as browser:
        assert (await browser.get(f"/sign-in/link{key}")).status_code == 403


async def test_a_link_works_at_this_machine_alone(door: Door) -> None:
    link = await door.link()
    async with door.caller(peer="10.0.0.7") as elsewhere:
        assert (await elsewhere.get(link)).status_code == 403
    async with door.caller(**{"X-Forwarded-For": "10.0.0.7"}) as through_proxy:
        assert (await through_proxy.get(link)).status_code == 403
    async with door.caller() as browser:
        assert (await browser.get(link)).status_code == 303


async def test_the_session_of_a_link_works_at_this_machine_alone(door: Door) -> None:
    headers = cookie_of(await door.session("root@here", way="link"))
    async with door.caller() as here, door.caller(peer="10.0.0.7") as elsewhere:
        assert (await here.get(JOBS, headers=headers)).status_code == 200
        assert (await elsewhere.get(JOBS, headers=headers)).status_code == 401
        assert (await here.get(JOBS, headers={**headers, "X-Forwarded-For": "10.0.0.7"})).status_code == 401


async def test_a_server_that_people_sign_in_to_by_name_knows_no_links(tmp_path: Path) -> None:
    async with opened(tmp_path, {**OIDC, "public_url": HERE}) as door, door.caller() as browser:
        assert await door.entry.one_time_link(HERE, "root") is None
        assert (await browser.get(await door.link())).status_code == 403
        session = await door.session("root@here", way="link")
        assert (await browser.get(JOBS, headers=cookie_of(session))).status_code == 401


# --- sessions


async def test_the_cookie_is_out_of_reach(tmp_path: Path) -> None:
    async with opened(tmp_path) as door, door.caller() as browser:
        answer = await browser.get(await door.link())
        (cookie,) = answer.headers.get_list("set-cookie")
        assert cookie.startswith("retrograph-session-8080=")
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_over_https_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, OIDC, host="0.0.0.0") as door, door.caller(base=HTTPS) as browser:
        session = await door.session()
        answer = await browser.post("/sign-out", headers={**cookie_of(session, HTTPS), **OWN_PAGE})
        (cookie,) = answer.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-retrograph-session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "domain" not in cookie.lower()
        insecure = {"Cookie": f"retrograph-session-80={await door.session()}"}
        assert (await browser.get(JOBS, headers=insecure)).status_code == 401


async def test_signing_out_ends_the_session(door: Door) -> None:
    headers = cookie_of(await door.session("root@here", way="link"))
    async with door.caller() as browser:
        assert (await browser.get(JOBS, headers=headers)).status_code == 200
        assert (await browser.post("/sign-out", headers={**headers, **OWN_PAGE})).headers["location"] == "/sign-in"
        assert (await browser.get(JOBS, headers=headers)).status_code == 401
        assert (await browser.get("/sign-out", headers=headers)).status_code == 405


async def test_a_session_that_has_ended_opens_nothing(door: Door) -> None:
    headers = cookie_of(await door.session("root@here", way="link", absolute_ms=0))
    async with door.caller() as browser:
        assert (await browser.get(JOBS, headers=headers)).status_code == 401


@pytest.mark.parametrize("way", ["oidc", "proxy", "token", "x"])
async def test_a_session_of_a_way_that_is_closed_opens_nothing(door: Door, way: str) -> None:
    async with door.caller() as browser:
        assert (await browser.get(JOBS, headers=cookie_of(await door.session(ANN, way=way)))).status_code == 401


async def test_a_planted_session_is_never_taken_up(door: Door) -> None:
    planted = "p" * 43
    async with door.caller() as browser:
        await browser.get(await door.link(), headers=cookie_of(planted))
        assert (await browser.get(JOBS)).status_code == 200
    async with door.caller() as attacker:
        assert (await attacker.get(JOBS, headers=cookie_of(planted))).status_code == 401


# --- attempts


async def test_attempts_to_sign_in_are_counted_by_where_they_come_from(tmp_path: Path) -> None:
    async with opened(tmp_path, {"sessions": {"sign_ins_per_minute": 3}}) as door:
        link = await door.link()
        async with door.caller() as browser, door.caller(peer="127.0.0.2") as other:
            for _ in range(3):
                assert (await browser.get("/sign-in/link?key=x")).status_code == 403
            answer = await browser.get(link, headers={"X-Forwarded-For": "9.9.9.9"})
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert (await browser.get("/sign-in")).status_code == 200
            assert (await other.get(link)).status_code == 303


# --- answers that go on


class Stream:
    """A route that goes on until its reader is gone."""

    def __init__(self, content_type: bytes) -> None:
        self.headers = [(b"content-type", content_type)]
        self.ended = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"news\n", "more_body": True})
        self.ended = True


async def bodies(folder: Path, content_type: bytes) -> list[bytes]:
    """What arrives of an answer that goes on, while its viewer is taken off the list and time passes."""
    admins = folder / "admins"
    admins.write_text(ANN)
    clock, stream = JumpingClock(), Stream(content_type)
    sent: list[dict[str, Any]] = []
    async with opened(folder, {"admins": str(admins)}) as door:
        guard = Guard(stream, replace(door.entry, clock=clock))
        header = (b"authorization", bearer(await door.token())["Authorization"].encode())

        async def receive() -> dict[str, Any]:
            over = any(not message.get("more_body", True) for message in sent)
            if len(sent) == 3:
                admins.write_text("bob@example.com")
            if len(sent) == 5:
                clock.advance(RECHECK_SECONDS)
            return {"type": "http.disconnect" if over or len(sent) > 7 else "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/api/v1/events", "headers": [header], "query_string": b""}
        await guard({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    assert stream.ended
    return [message["body"] for message in sent[1:]]


async def test_a_stream_ends_soon_after_its_viewer_was_taken_off_the_list(tmp_path: Path) -> None:
    assert await bodies(tmp_path, b"text/event-stream; charset=utf-8") == [b"news\n"] * 4 + [b""]


async def test_a_download_that_was_allowed_is_given_whole(tmp_path: Path) -> None:
    assert await bodies(tmp_path, b"text/csv") == [b"news\n"] * 7


# --- nobody could enter


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.com"])
@pytest.mark.parametrize("settings", [{"admins": None}, {}])
async def test_beyond_loopback_a_way_in_is_needed(tmp_path: Path, host: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"RETROGRAPH_(ADMINS|OIDC_ISSUER).*127\.0\.0\.1"):
        async with opened(tmp_path, settings, host=host):
            pass


async def test_a_token_is_a_way_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        await door.token()
    async with opened(tmp_path, host="0.0.0.0") as door, door.caller(peer="10.0.0.7") as caller:
        assert (await caller.get(JOBS)).status_code == 401
        await door.store.revoke_token("deploy")
    with pytest.raises(ConfigurationError, match="tokens create"):
        async with opened(tmp_path, host="0.0.0.0"):
            pass


async def test_a_provider_needs_to_know_where_to_send_people_back(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="RETROGRAPH_PUBLIC_URL"):
        async with opened(tmp_path, {"oidc": OIDC["oidc"]}):
            pass
