"""Every route of the real application, whatever it is called and however it is asked: closed, unless it is health,
sign-in or static."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from fastapi import WebSocket
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from tests.unit.web.auth.door import EVE, PROGRAMS, Door, bearer, cookie_of, opened

FREE = {
    "/health/live",
    "/health/ready",
    "/sign-in",
    "/sign-in/callback",
    "/sign-in/link",
    "/sign-in/oidc",
    "/sign-out",
    "/static/x",
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as made:
        yield made


def of(door: Door) -> list[str]:
    """Every path that the application routes, and every one that it describes."""
    routed = {str(getattr(found, "path", "")) for found in iter_route_contexts(door.app.routes)}
    assert all(routed), "a route without a path: this walk does not know how to ask for it"
    mounted = {f"{route.path}/x" for route in door.app.routes if isinstance(route, Mount)}
    return sorted({*routed, *mounted, *door.app.openapi()["paths"]})


def concrete(path: str) -> str:
    """A path with something in the place of each parameter."""
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + "x" + rest.partition("}")[2]
    return path


async def test_the_walk_finds_the_routes_that_there_are(door: Door) -> None:
    found = of(door)
    assert {"/api/v1/jobs", "/api/v1/events", "/api/v1/openapi.json", "/jobs"} <= set(found)
    assert len(found) > 20


async def test_nothing_but_health_sign_in_and_static_is_free(door: Door) -> None:
    async with door.caller() as stranger:
        free = set()
        for path in of(door):
            answers = [await stranger.request(method, concrete(path)) for method in METHODS]
            if not all(_is_closed(path, answer.status_code, answer.headers) for answer in answers):
                free.add(path)
    assert free == FREE


def _is_closed(path: str, status: int, headers: Mapping[str, str]) -> bool:
    if status == 401:
        return True
    return status == 303 and headers["location"].startswith("/sign-in") and path != "/sign-out"


async def test_who_is_signed_in_but_not_on_the_list_gets_nowhere_either(door: Door) -> None:
    headers = bearer(await door.token(EVE))
    async with door.caller() as unlisted:
        for path in sorted(set(of(door)) - FREE):
            for method in METHODS:
                answer = await unlisted.request(method, concrete(path), headers=headers)
                assert answer.status_code == 403, (method, path)
                if method != "HEAD":
                    assert answer.json()["code"] == "FORBIDDEN"


async def test_pages_warn_who_is_not_on_the_list_and_show_nothing_else(tmp_path: Path) -> None:
    settings = {"oidc": {"issuer": "https://id.example.com", "client_id": "x"}, "public_url": "http://127.0.0.1:8080"}
    async with opened(tmp_path, settings) as door:
        headers = {**cookie_of(await door.session(EVE)), "Accept": "text/html"}
        async with door.caller() as unlisted:
            for path in sorted(path for path in set(of(door)) - FREE if not path.startswith(PROGRAMS)):
                answer = await unlisted.get(concrete(path), headers=headers)
                assert answer.status_code == 403, path
                assert "not on the list" in answer.text and EVE in answer.text
                for control in ("<nav", "data-events", "<table", "<input", '<a class="button', "hx-"):
                    assert control not in answer.text, (path, control)


async def test_a_web_socket_is_not_accepted(door: Door) -> None:
    async def accepting(socket: WebSocket) -> None:
        await socket.accept()

    door.app.add_api_websocket_route("/socket", accepting)
    token = await door.token()
    scope = {
        "type": "websocket",
        "path": "/socket",
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {token}".encode())],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        sent.append(dict(message))  # type: ignore[call-overload]

    await door.app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/jobs",
        "/./api/v1/jobs",
        "/static/../api/v1/jobs",
        "/static/%2e%2e/api/v1/jobs",
        "/static/..%2fapi/v1/jobs",
        "/static//api/v1/jobs",
        "/static/%2e%2e%2fapi%2fv1%2fjobs",
        "/static/..%5c..%5capp.py",
        "/static/../app.py",
        "/health/live/../../api/v1/jobs",
        "/health/live%2f..%2f..%2fapi/v1/jobs",
        "/sign-in/../api/v1/jobs",
        "/sign-in%2f..%2fjobs",
        "/sign-in/;/../api/v1/jobs",
        "/API/v1/jobs",
        "/api/v1/jobs/",
        "/api/v1/jobs;x=/static/",
        "/api/v1/jobs%00/static/",
        "/api/v1/jobs?x=/static/y",
        "/jobs#/static/",
        "/%61pi/v1/jobs",
        "/health/live/",
        "/health",
        "/sign-in/oidc/../../jobs",
    ],
)
async def test_tricks_with_the_path_open_nothing(door: Door, path: str) -> None:
    async with door.caller() as stranger:
        for method in ("GET", "POST", "HEAD"):
            target = stranger.build_request(method, "/")
            raw = path.encode().partition(b"#")[0]
            target.url = target.url.copy_with(raw_path=raw)
            answer = await stranger.send(target)
            assert answer.status_code in (303, 401, 404, 405), (method, answer.status_code, answer.text)
            assert '"items"' not in answer.text and "create_app" not in answer.text
