"""A trusted proxy: its header counts on its own connections; from anywhere else it is a forgery."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from retrograph.config import ProxySettings
from retrograph.web.auth.proxy import TrustedProxy
from tests.unit.web.auth.door import ANN, EVE, OWN_PAGE, Door, bearer, opened

JOBS = "/api/v1/jobs"
HEADER = "X-Forwarded-Email"
PROXY = {"proxy": {"header": HEADER, "networks": "10.1.0.0/28, fd00::/64, 10.2.0.5"}}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path, PROXY, host="0.0.0.0") as made:
        yield made


@pytest.mark.parametrize("peer", ["10.1.0.3", "10.2.0.5", "fd00::7", "::ffff:10.1.0.3"])
async def test_the_proxy_says_who_it_is(door: Door, peer: str) -> None:
    async with door.caller(peer=peer) as proxy:
        assert (await proxy.get(JOBS, headers={HEADER: ANN})).status_code == 200
        assert (await proxy.get(JOBS, headers={HEADER: EVE})).status_code == 403
        assert (await proxy.get(JOBS)).status_code == 401
        assert (await proxy.get(JOBS, headers={HEADER: ""})).status_code == 401


@pytest.mark.parametrize(
    "peer", ["10.1.0.16", "127.0.0.1", "::1", "fd00:0:0:1::7", "10.2.0.6", "", "unix", "::ffff:10.1.0.99"]
)
async def test_the_header_from_elsewhere_is_refused(door: Door, peer: str) -> None:
    spoken = {"X-Forwarded-For": "10.1.0.3", "Forwarded": "for=10.1.0.3", "X-Real-IP": "10.1.0.3"}
    async with door.caller(peer=peer) as forger:
        for headers in ({HEADER: ANN}, {HEADER: ANN, **spoken}, {HEADER.lower(): ANN}, {HEADER: ""}):
            answer = await forger.get(JOBS, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "PROXY_NOT_TRUSTED")
        assert (await forger.get(JOBS, headers=spoken)).status_code == 401
        allowed = await forger.get(JOBS, headers={HEADER: ANN, **bearer(await door.token(name=f"t{len(peer)}"))})
        assert allowed.status_code == 403


@pytest.mark.parametrize(
    "value", [f"{ANN}, {EVE}", f"{EVE}, {ANN}", f" {ANN}x", f"<{ANN}>", ANN.upper(), f"{ANN}\u00a0", "ann", "*"]
)
async def test_what_is_not_exactly_an_address_of_the_list_is_not_on_it(door: Door, value: str) -> None:
    async with door.caller(peer="10.1.0.3") as proxy:
        answer = await proxy.get(JOBS, headers=[(HEADER.encode(), value.encode("latin-1"))])
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_header_that_was_smuggled_in_beside_the_proxys_is_refused(door: Door) -> None:
    async with door.caller(peer="10.1.0.3") as proxy:
        for headers in ([(HEADER, ANN), (HEADER, EVE)], [(HEADER, ANN), (HEADER.lower(), ANN)]):
            answer = await proxy.get(JOBS, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "PROXY_HEADER_TWICE")
        assert (await proxy.get(JOBS, headers=[("X_Forwarded_Email", ANN)])).status_code == 401


async def test_nothing_behind_the_guard_sees_the_header(door: Door) -> None:
    seen: list[Any] = []

    async def look(request: Request) -> dict[str, str]:
        seen.append((request.headers.get(HEADER), str(request.state.viewer)))
        return {}

    door.app.add_api_route("/health/live/x", look)
    door.app.add_api_route("/static-less", look)
    async with door.caller(peer="10.1.0.3") as proxy:
        assert (await proxy.get("/static-less", headers={HEADER: ANN})).status_code == 200
    assert seen == [(None, ANN)]


async def test_pages_of_other_sites_write_nothing_through_the_proxy(door: Door) -> None:
    async with door.caller(peer="10.1.0.3") as proxy:
        stop = "/api/v1/jobs/none/stop"
        answer = await proxy.post(stop, headers={HEADER: ANN, "Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.json()["code"]) == (403, "CROSS_SITE")
        assert (await proxy.post(stop, headers={HEADER: ANN, **OWN_PAGE})).status_code == 404


async def test_without_a_configured_proxy_the_header_is_a_header_like_any_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as door, door.caller() as caller:
        assert (await caller.get(JOBS, headers={HEADER: ANN})).status_code == 401


async def test_who_comes_through_the_proxy_signs_out_there(door: Door) -> None:
    async with door.caller(peer="10.1.0.3") as proxy:
        answer = await proxy.post("/sign-out", headers={HEADER: ANN, **OWN_PAGE})
        assert answer.status_code == 200 and "sign out there" in answer.text


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("8.8.8.8", ["1.1.1.1"], "8.8.8.8"),
        ("10.1.0.3", [], "10.1.0.3"),
        ("10.1.0.3", ["1.1.1.1"], "1.1.1.1"),
        ("::ffff:10.1.0.3", ["1.1.1.1"], "1.1.1.1"),
        ("10.1.0.3", ["9.9.9.9, 1.1.1.1"], "1.1.1.1"),
        ("10.1.0.3", ["9.9.9.9", "1.1.1.1, 10.2.0.5"], "1.1.1.1"),
        ("10.1.0.3", ["9.9.9.9, not an address"], "10.1.0.3"),
        ("10.1.0.3", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("10.1.0.3", ["10.2.0.5, 10.1.0.4"], "10.2.0.5"),
        ("", ["1.1.1.1"], ""),
    ],
)
def test_an_attempt_is_that_of_whoever_speaks_to_the_outermost_proxy(
    peer: str, forwarded: list[str], sender: str
) -> None:
    proxies = TrustedProxy(ProxySettings(**PROXY["proxy"]))
    assert proxies.sender(peer, forwarded) == sender


async def test_attempts_behind_a_proxy_are_counted_by_person_and_not_for_all(tmp_path: Path) -> None:
    values = {"proxy": {"networks": "10.1.0.0/28"}, "sessions": {"sign_ins_per_minute": 2}}
    async with opened(tmp_path, values) as door, door.caller(peer="10.1.0.3") as proxy:

        async def attempt(*forwarded: str) -> int:
            headers = [("X-Forwarded-For", word) for word in forwarded]
            return (await proxy.get("/sign-in/link?key=x", headers=headers)).status_code

        assert [await attempt("1.1.1.1") for _ in range(3)] == [403, 403, 429]
        assert await attempt("9.9.9.9", "1.1.1.1") == 429
        assert await attempt("1.1.1.1", "2.2.2.2") == 403
    async with opened(tmp_path, {"proxy": {"networks": "10.1.0.0/28"}}) as door, door.caller(peer="10.1.0.3") as proxy:
        assert (await proxy.get(JOBS, headers={HEADER: ANN})).status_code == 401
