"""One call: tried five times, paced, counted, and told apart into our own errors."""

import asyncio
import gzip
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from retrograph.errors import ConfigurationError, DependencyDown, MalformedAnswer, ServiceFailed
from retrograph.upstream.http import HttpLimits
from retrograph.upstream.service import segment
from tests.unit.upstream.support import Scripted, asking, json, serving


class Document(msgspec.Struct):
    value: int


DOCUMENT = msgspec.json.Decoder(Document)
GOOD = json('{"value": 1}')
PAGE = web.Response(text="<html></html>", content_type="text/html")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_pushed_back_or_failed_call_is_tried_again(status: int) -> None:
    script = Scripted([json("{}", status), json("{}", status), GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) == Document(1)
        assert asked.clock.slept == [0.5, 1.0]
        assert asked.retries == {("products", str(status)): 2}
        assert asked.pace.push_backs == (2 if status in (429, 503) else 0)


async def test_five_tries_are_all_and_the_error_says_so() -> None:
    script = Scripted([json("{}", 502)])
    async with serving(script.handle) as url, asking(url) as asked:
        with pytest.raises(ServiceFailed, match=r"products: /x failed 5 times, at last: status 502") as failure:
            await asked.service.fetch("/x", DOCUMENT)
    assert failure.value.dependency == "products"
    assert len(script.requests) == 5
    assert asked.clock.slept == [0.5, 1.0, 2.0, 4.0]


async def test_all_tries_of_a_call_carry_one_request_id_that_the_error_names() -> None:
    script = Scripted([json("{}", 500)])
    async with serving(script.handle) as url, asking(url) as asked:
        with pytest.raises(ServiceFailed) as failure:
            await asked.service.fetch("/x", DOCUMENT)
    (request_id,) = {request.headers["X-Request-Id"] for request in script.requests}
    assert request_id in str(failure.value)


@pytest.mark.parametrize("wish", ["7", "Tue, 02 Jan 2018 00:00:07 GMT"])
async def test_retry_after_is_honoured(wish: str) -> None:
    script = Scripted([json("{}", 429, Retry_After=wish), GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        await asked.service.fetch("/x", DOCUMENT)
        assert asked.clock.slept == [7.5]


async def test_a_dropped_connection_is_tried_again() -> None:
    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    script = Scripted([drop, drop, drop, GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) == Document(1)
        assert asked.retries["products", "connection"] >= 1


async def test_an_answer_that_breaks_off_is_tried_again() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b'{"value": 1')
        assert request.transport is not None
        request.transport.close()
        return answer

    script = Scripted([cut, GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) == Document(1)
        assert asked.retries == {("products", "truncated"): 1}


async def test_a_silent_server_is_a_timeout_that_is_tried_again() -> None:
    released = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    script = Scripted([silent, GOOD])
    async with serving(script.handle) as url, asking(url, limits=HttpLimits(read_seconds=0.05)) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) == Document(1)
        assert asked.retries == {("products", "timeout"): 1}
        released.set()


async def test_nobody_listening_fails_the_call_and_the_ping() -> None:
    async with serving(Scripted([GOOD]).handle) as url:
        pass
    async with asking(url) as asked:
        with pytest.raises(ServiceFailed, match="no connection"):
            await asked.service.fetch("/x", DOCUMENT)
        assert not await asked.service.ping()
        with pytest.raises(DependencyDown, match="does not answer"):
            await asked.service.probe("/x")


async def test_404_is_nothing_and_is_not_tried_again() -> None:
    script = Scripted([json("{}", 404)])
    async with serving(script.handle) as url, asking(url) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) is None
    assert len(script.requests) == 1


async def test_another_4xx_fails_the_item_at_once() -> None:
    script = Scripted([json("{}", 422)])
    async with serving(script.handle) as url, asking(url) as asked:
        with pytest.raises(ServiceFailed, match="was answered with 422"):
            await asked.service.fetch("/x", DOCUMENT)
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_a_configuration_error_that_names_the_setting(status: int) -> None:
    async with serving(Scripted([json("{}", status)]).handle) as url, asking(url, token="secret") as asked:
        with pytest.raises(ConfigurationError, match="check RETROGRAPH_PRODUCTS_TOKEN") as failure:
            await asked.service.fetch("/x", DOCUMENT)
    assert "secret" not in str(failure.value)


async def test_a_redirect_is_not_followed_but_reported() -> None:
    script = Scripted([json("{}", 302, Location="https://login.example/")])
    async with serving(script.handle) as url, asking(url, token="secret") as asked:
        with pytest.raises(ConfigurationError, match=r"redirects to https://login\.example/"):
            await asked.service.fetch("/x", DOCUMENT)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (json('{"value": "1"}'), r"Expected `int`, got `str` - at `\$.value`"),
        (json('{"value": 1'), "truncated"),
        (json(""), "truncated"),
        (json("[]"), "Expected `object`, got `array`"),
        (web.Response(body=b'{"value": \xff}', content_type="application/json"), "invalid"),
        (PAGE, "a web page, not JSON"),
    ],
)
async def test_a_malformed_answer_fails_the_item_and_says_where(answer: web.Response, why: str) -> None:
    script = Scripted([answer])
    async with serving(script.handle) as url, asking(url) as asked:
        with pytest.raises(MalformedAnswer, match=rf"products: the answer to /x is malformed: .*{why}") as failure:
            await asked.service.fetch("/x", DOCUMENT)
    assert failure.value.dependency == "products"
    assert len(script.requests) == 1


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_huge_answer_is_not_taken_in(compressed: bool) -> None:
    body = b'{"value": 1' + b" " * 100_000 + b"}"
    headers = {"Content-Type": "application/json"}
    if compressed:
        body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    script = Scripted([web.Response(body=body, headers=headers)])
    async with serving(script.handle) as url, asking(url, limits=HttpLimits(body_bytes=50_000)) as asked:
        with pytest.raises(MalformedAnswer, match="larger than 50000 bytes"):
            await asked.service.fetch("/x", DOCUMENT)


async def test_a_token_is_sent_with_every_call() -> None:
    script = Scripted([GOOD])
    async with serving(script.handle) as url, asking(url, token=" abc \n") as asked:
        await asked.service.fetch("/x", DOCUMENT)
        await asked.service.ping()
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer abc", "Bearer abc"]


async def test_without_a_token_no_header_is_sent() -> None:
    script = Scripted([GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        await asked.service.fetch("/x", DOCUMENT)
    assert "Authorization" not in script.requests[0].headers


async def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    script = Scripted([GOOD])
    async with serving(script.handle) as url, asking(url, token_file=file) as asked:
        await asked.service.fetch("/x", DOCUMENT)
        file.write_text("three\n")
        asked.clock.pass_time(2)
        await asked.service.fetch("/x", DOCUMENT)
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer one", "Bearer three"]


async def test_a_token_that_was_rotated_during_the_call_is_no_refusal(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    async def only_new(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer new":
            return web.Response(body=b'{"value": 1}')
        other = tmp_path / "next"
        other.write_text("new")
        other.replace(file)
        return web.Response(status=401)

    async with serving(Scripted([only_new]).handle) as url, asking(url, token_file=file) as asked:
        assert await asked.service.fetch("/x", DOCUMENT) == Document(1)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
async def test_a_token_file_without_a_token_is_a_configuration_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    async with asking("http://127.0.0.1:9", token_file=file) as asked:
        with pytest.raises(ConfigurationError, match="RETROGRAPH_PRODUCTS_TOKEN: the token file"):
            await asked.service.fetch("/x", DOCUMENT)


@pytest.mark.parametrize(("status", "up"), [(200, True), (404, True), (401, True), (429, True), (500, False)])
async def test_any_answer_below_500_counts_as_up(status: int, up: bool) -> None:
    script = Scripted([json("{}", status)])
    async with serving(script.handle) as url, asking(f"{url}/base/") as asked:
        assert await asked.service.ping() is up
    assert script.requests[0].path == "/base/health"


@pytest.mark.parametrize("may_be_unknown", [True, False])
async def test_a_web_site_is_told_apart_from_the_service(may_be_unknown: bool) -> None:
    async with serving(Scripted([PAGE]).handle) as url, asking(url) as asked:
        with pytest.raises(ConfigurationError, match=r"RETROGRAPH_PRODUCTS_URL: .* a web page, not JSON"):
            await asked.service.probe("/x", may_be_unknown=may_be_unknown)


async def test_a_web_site_that_knows_no_such_page_is_told_apart_too() -> None:
    missing = web.Response(status=404, text="<html></html>", content_type="text/html")
    async with serving(Scripted([missing]).handle) as url, asking(url) as asked:
        with pytest.raises(ConfigurationError, match="a web page, not JSON"):
            await asked.service.probe("/x", may_be_unknown=True)


async def test_an_unknown_user_is_no_reason_to_doubt_the_service() -> None:
    missing = web.Response(status=404, text="<html></html>", content_type="text/html")
    async with serving(Scripted([missing, json("{}")]).handle) as url, asking(url) as asked:
        await asked.service.probe("/x", may_be_unknown=True)


async def test_a_service_that_does_not_know_its_own_path_is_another_one() -> None:
    async with serving(Scripted([json("{}", 404)]).handle) as url, asking(url) as asked:
        with pytest.raises(ConfigurationError, match="does not know /x"):
            await asked.service.probe("/x?a=b")


@pytest.mark.parametrize("url", ["", "products", "ftp://host", "http://", "http://host:port", "http://h/?a=b"])
async def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"RETROGRAPH_PRODUCTS_URL: .* is not an http"):
        async with asking(url):
            pass


async def test_credentials_in_a_url_are_used_and_never_shown() -> None:
    script = Scripted([json("{}", 403)])
    async with serving(script.handle) as url, asking(url.replace("//", "//me:secret@")) as asked:
        with pytest.raises(ConfigurationError) as failure:
            await asked.service.fetch("/x", DOCUMENT)
    assert "secret" not in str(failure.value)
    assert script.requests[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("raw", ["a/b", "a%2Fb", "a b", "ä", "?x=1&y", "..", ".", "#", "a+b", "日本", "a;b", "a%"])
async def test_an_id_arrives_in_the_path_as_it_is(raw: str) -> None:
    script = Scripted([GOOD])
    async with serving(script.handle) as url, asking(url) as asked:
        await asked.service.fetch(f"/v1/{segment(raw)}/x?q={segment(raw)}", DOCUMENT)
    request = script.requests[0]
    assert request.raw_path == f"/v1/{segment(raw)}/x?q={segment(raw)}"
    assert request.query["q"] == raw
    assert "/" not in segment(raw)


def test_no_id_is_a_step_up_the_path() -> None:
    assert [segment(raw) for raw in ("..", ".", "a.b", "a/b")] == ["%2E%2E", "%2E", "a.b", "a%2Fb"]
