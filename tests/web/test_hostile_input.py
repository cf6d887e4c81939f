"""Every hostile request has its one answer, and the server goes on as if nothing had been."""

import re
import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.integration.server_process import ServerProcess
from tests.web.hostile import HOSTILE, JOBS, Hostile

LONG_ENOUGH = 40


@pytest.fixture(scope="module", autouse=True)
def undisturbed(server: ServerProcess, token: str) -> Iterator[None]:
    """After all of them the server lives, has kept its jobs, and has met no error that it did not expect."""
    with server.client(token) as client:
        begun = client.post(JOBS, json={"kind": "purchases", "user_ids": ["ann"], "dry_run": True, "key": "hostile"})
        assert begun.status_code == 202, begun.text
        yield
        assert client.get("/health/live").status_code == 200
        assert client.get(f"{JOBS}/hostile").json()["key"] == "hostile"
    assert "Traceback" not in server.told()


def test_there_are_enough_of_them() -> None:
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE) >= LONG_ENOUGH


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_each_has_its_answer(server: ServerProcess, token: str, hostile: Hostile) -> None:
    with server.client(token if hostile.token else None) as client:
        headers = {name.encode(): value.encode() for name, value in hostile.headers.items()}
        request = client.build_request(
            hostile.method, server.url, content=hostile.body, headers=httpx2.Headers(headers)
        )
        request.url = request.url.copy_with(raw_path=hostile.path.encode())
        answer = client.send(request)

    assert answer.status_code == hostile.status, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-evil" not in answer.headers
    if hostile.status >= 400 and "/static" not in hostile.path:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == hostile.status
        assert problem.get("field") == hostile.field or hostile.field is None, problem
        assert hostile.says in problem["detail"], problem


RAW = {
    "a body of two lengths": (b"Content-Length: 4\r\nContent-Length: 30\r\n", b"GET /smuggled HTTP/1.1\r\n\r\n", {400}),
    "a length and pieces": (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        {400},
    ),
    "pieces that are misspelled": (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\nGET /smug", {400, 501}),
    "a length below zero": (b"Content-Length: -1\r\n", b"", {400}),
    "a length that is no number": (b"Content-Length: 0x10\r\n", b"", {400}),
    "a header's name with a space": (b"Content-Length : 4\r\n", b"{}{}", {400}),
    "a header that goes on in the next line": (b"X-One: 1\r\n  Evil: 2\r\n", b"", {400, 401}),
    "a NUL in a header": (b"X-One: a\x00b\r\n", b"", {400}),
    "a header of 200,000 bytes": (b"X-Long: " + b"a" * 200_000 + b"\r\n", b"", {400, 431}),
}


@pytest.mark.parametrize(("headers", "body", "statuses"), RAW.values(), ids=RAW.keys())
def test_a_request_within_a_request_is_never_answered(
    server: ServerProcess, headers: bytes, body: bytes, statuses: set[int]
) -> None:
    request = b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.port + headers + b"\r\n" + body

    answered = _sent(server.port, request)

    found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answered)]
    assert len(found) == 1, answered
    assert found[0] in statuses


def test_what_is_no_request_ends_the_connection(server: ServerProcess) -> None:
    for words in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
        b"GET /\r\n\r\n",
        b"\r\n\r\nhello\r\n\r\n",
    ):
        answered = _sent(server.port, words)
        assert answered == b"" or answered.startswith(b"HTTP/1.1 400"), answered


def _sent(port: int, words: bytes) -> bytes:
    """All that is answered until the server ends the connection, or says nothing for a second."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        heard = b""
        try:
            connection.sendall(words)
            while part := connection.recv(65_536):
                heard += part
        except (TimeoutError, ConnectionError):
            pass
    return heard
