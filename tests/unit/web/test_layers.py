"""What every request passes: an id and a line in the log, a bound to its body, an answer to what nobody foresaw."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from retrograph.web.body_limit import BodyLimit
from retrograph.web.requests_log import RequestLog
from retrograph.web.surprises import Surprises
from tests.unit.web.auth.door import Door, bearer, opened


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(tmp_path) as made:
        yield made


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how long the body was."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def in_pieces(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size


def calling(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1")


async def test_a_body_is_counted_as_it_arrives() -> None:
    async with calling(BodyLimit(reading, most=10)) as client:
        assert (await client.post("/", content=in_pieces(4, 6))).text == "10"
        over = await client.post("/", content=in_pieces(4, 6, 1))
        said = await client.post("/", content=b"x" * 11)
    assert (over.status_code, said.status_code) == (413, 413)
    assert over.json()["code"] == "TOO_LARGE" and over.headers["connection"] == "close"


async def test_a_sender_who_goes_away_is_no_surprise() -> None:
    answers: list[Message] = []
    messages: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/v1/jobs", "headers": [], "query_string": b""}
    with capture_logs() as lines:
        await RequestLog(Surprises(BodyLimit(reading), answer=lambda _: PlainTextResponse("", 500)))(
            scope, receive, send
        )
    assert answers[0]["status"] == 400
    assert [(line["event"], line["status"], line["log_level"]) for line in lines] == [("request", 400, "info")]


async def test_a_request_is_known_by_its_id_and_its_query_is_not_logged() -> None:
    with capture_logs() as lines:
        async with calling(RequestLog(reading)) as client:
            given = await client.get("/jobs?key=secret", headers={"X-Request-Id": "abcdef-0123456789"})
            wrong = await client.get("/jobs", headers={"X-Request-Id": "<script>alert(1)</script>"})
    assert given.headers["x-request-id"] == "abcdef-0123456789"
    assert len(wrong.headers["x-request-id"]) == 32 and "script" not in wrong.headers["x-request-id"]
    assert [(line["event"], line["method"], line["path"], line["status"]) for line in lines] == [
        ("request", "GET", "/jobs", 200)
    ] * 2
    assert "secret" not in str(lines)


async def test_what_nobody_foresaw_is_answered_with_every_header_and_told_in_the_log(door: Door) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("a secret of ours")

    door.app.add_api_route("/api/v1/broken", broken)
    async with door.caller(**bearer(await door.token())) as client:
        with capture_logs() as lines:
            answer = await client.get("/api/v1/broken")
            people = await client.get("/api/v1/broken", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["code"], people.status_code) == (500, "FAILED", 500)
    assert "secret" not in answer.text + people.text
    for name in ("content-security-policy", "x-content-type-options", "x-frame-options", "x-request-id"):
        assert name in answer.headers, name
    assert [line["status"] for line in lines if line["event"] == "request"] == [500, 500]
    broke = next(line for line in lines if line["event"] == "request-broke-off")
    assert isinstance(broke["exc_info"], ZeroDivisionError)
