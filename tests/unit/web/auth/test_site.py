"""Rules over what a request says of itself: where to go after signing in, and who is at this machine."""

import pytest

from retrograph.web.auth.site import Site, local_path, name_of


@pytest.mark.parametrize(
    "text", ["/jobs", "/jobs?state=failed&q=a%20b", "/graph/users/ann", "/jobs/a:b.c-1", "/?x=//y"]
)
def test_a_path_of_this_server_is_gone_to(text: str) -> None:
    assert local_path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "jobs",
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/jobs\r\nSet-Cookie: a=b",
        "/j\x00bs",
        "/jöbs",
        "/\u2028/evil.example",
        "/../evil",
        "/a/../../b",
        "/sign-in?next=/jobs",
        "/sign-out",
        "/api/v1/jobs",
        "/static/x",
        "/" + "x" * 2_000,
    ],
)
def test_anything_else_is_the_first_page(text: str | None) -> None:
    assert local_path(text) == "/"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:80", "127.0.0.1"),
        ("LocalHost", "localhost"),
        ("[::1]:8080", "::1"),
        ("a/b", ""),
        ("localhost@evil.example", ""),
        ("evil.example@localhost", ""),
        ("localhost?x", ""),
        ("localhost#x", ""),
        ("localhost:port", ""),
        ("[::1", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert name_of(host) == name


LOCAL = Site(on_loopback=True)


def test_somebody_at_this_machine_comes_over_loopback_by_its_name_and_through_no_proxy() -> None:
    assert LOCAL.is_this_machine("127.0.0.1:8080", "127.0.0.1", {})
    assert LOCAL.is_this_machine("localhost", "::1", {})


@pytest.mark.parametrize(
    ("site", "host", "peer", "headers"),
    [
        (Site(on_loopback=False), "127.0.0.1", "127.0.0.1", {}),
        (LOCAL, "127.0.0.1", "10.0.0.7", {}),
        (LOCAL, "127.0.0.1", "", {}),
        (LOCAL, "evil.example", "127.0.0.1", {}),
        (LOCAL, "127.0.0.1.evil.example", "127.0.0.1", {}),
        (LOCAL, "127.0.0.1", "127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),
        (LOCAL, "127.0.0.1", "127.0.0.1", {"forwarded": "for=127.0.0.1"}),
        (LOCAL, "127.0.0.1", "127.0.0.1", {"via": "1.1 proxy"}),
    ],
)
def test_nobody_else_is_at_this_machine(site: Site, host: str, peer: str, headers: dict[str, str]) -> None:
    assert not site.is_this_machine(host, peer, headers)
