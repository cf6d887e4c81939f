"""Who may enter the real server, over real connections: what it prints, refuses, and keeps to itself."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.command_line import CommandLine
from tests.integration.server_process import ADMIN, ServerProcess, in_directory

HEADER = "X-Forwarded-Email"
PROXY = {"proxy_header": HEADER, "proxy_networks": "10.1.0.0/28, 127.0.0.9"}


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(in_directory(tmp_path_factory.mktemp("proxy"), **PROXY))
    try:
        yield server.start()
    finally:
        server.close()


def say(server: ServerProcess, request: str, source: str = "127.0.0.1") -> str:
    """Sends a request as it stands, from an address of this machine; the answer as it stands."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(source, 0)) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def asking(*headers: str, host: str = "127.0.0.1", first: str = "GET /api/v1/jobs HTTP/1.1") -> str:
    return "\n".join([first, f"Host: {host}", "Connection: close", *headers, "", ""])


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def test_only_the_other_end_of_the_connection_says_where_it_comes_from(behind_proxy: ServerProcess) -> None:
    forged = asking(f"{HEADER}: {ADMIN}", "X-Forwarded-For: 10.1.0.3", "Forwarded: for=10.1.0.3", "X-Real-IP: 10.1.0.3")
    assert status(say(behind_proxy, forged)) == 403
    assert status(say(behind_proxy, forged, source="127.0.0.9")) == 200


@pytest.mark.parametrize(
    "headers",
    [
        [f"{HEADER}: {ADMIN}", f"{HEADER}: eve@example.com"],
        [f"{HEADER}: eve@example.com", f"x-forwarded-EMAIL: {ADMIN}"],
        [f"{HEADER}: eve@example.com, {ADMIN}"],
        [f"{HEADER} : {ADMIN}"],
        [f"X_Forwarded_Email: {ADMIN}"],
        [f"X-Note: a\n {HEADER}: {ADMIN}"],
        ["Content-Length: 5", "Transfer-Encoding: chunked", f"{HEADER}: eve@example.com"],
    ],
)
def test_a_header_that_was_smuggled_through_the_proxy_opens_nothing(
    behind_proxy: ServerProcess, headers: list[str]
) -> None:
    answer = say(behind_proxy, asking(*headers), source="127.0.0.9")
    assert status(answer) in (400, 401, 403)
    assert '"items"' not in answer


def test_an_upgrade_is_not_made(behind_proxy: ServerProcess) -> None:
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    for path in ("/api/v1/events", "/", "/static/x"):
        answer = say(behind_proxy, asking(*upgrade, first=f"GET {path} HTTP/1.1"))
        assert status(answer) != 101


@pytest.mark.parametrize("first", ["GET http://evil.example/api/v1/jobs HTTP/1.1", "GET /api/v1/jobs HTTP/1.0"])
def test_other_ways_to_name_a_page_open_nothing(behind_proxy: ServerProcess, first: str) -> None:
    assert status(say(behind_proxy, asking(first=first))) in (303, 400, 401, 404)


def test_the_link_lets_in_once_and_is_in_no_log(tmp_path: Path) -> None:
    server = ServerProcess(CommandLine(tmp_path))
    try:
        server.start()
        link = server.one_time_link()
        with httpx2.Client(base_url=server.url) as browser, httpx2.Client(base_url=server.url) as other:
            assert browser.get(link).status_code == 303
            assert browser.get("/api/v1/jobs").status_code == 200
            assert other.get(link).status_code == 403
            printed = CommandLine(tmp_path).run("tokens", "link", "--address", server.url)
            assert other.get(printed.out.strip()).status_code == 303
            assert other.get("/api/v1/jobs").status_code == 200
            secrets = [link.partition("key=")[2], *browser.cookies.values(), *other.cookies.values()]
        told = server.told()
        assert "/sign-in/link" in told
        assert [secret for secret in secrets if secret in told] == []
    finally:
        server.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "RETROGRAPH_ADMINS"),
        ({"admins": ADMIN}, "RETROGRAPH_OIDC_ISSUER and RETROGRAPH_OIDC_CLIENT_ID"),
    ],
)
def test_a_door_that_nobody_watches_is_not_opened(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    ended = CommandLine(tmp_path, **settings).run("serve", "--host", "0.0.0.0", "--port", "0")
    assert ended.code == 2
    assert words in ended.err and "127.0.0.1" in ended.err
    assert ended.out == ""


def test_a_link_names_the_port_that_is_configured(tmp_path: Path) -> None:
    assert (
        "http://127.0.0.1:9123/sign-in/link?key=" in CommandLine(tmp_path, listen_port="9123").run("tokens", "link").out
    )
    assert "http://127.0.0.1:8080/sign-in/link?key=" in CommandLine(tmp_path).run("tokens", "link").out


def test_tokens_at_the_command_line(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, admins=ADMIN)
    assert cli.run("tokens", "list").err.startswith("there are no tokens")
    made = cli.run("tokens", "create", "--email", ADMIN, "--name", "deploy")
    assert made.code == 0 and made.out.startswith("rtg_") and len(made.out.strip()) == 47
    assert "only time" in made.err
    stray = cli.run("tokens", "create", "--email", "eve@example.com", "--name", "stray", "--expires", "1h")
    assert "eve@example.com is not in RETROGRAPH_ADMINS" in stray.err
    (first, second) = cli.run("tokens", "list", "--json").json
    assert {first["name"], second["name"]} == {"deploy", "stray"}
    assert made.out.strip() not in cli.run("tokens", "list", "--json").out
    assert cli.run("tokens", "revoke", "deploy").code == 0
    again = cli.run("tokens", "revoke", "deploy")
    assert again.code == 2 and "no valid token deploy" in again.err
    assert "revoked" in cli.run("tokens", "list").out
