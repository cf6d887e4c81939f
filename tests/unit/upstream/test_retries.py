"""Waits and verdicts are decided as designed: full jitter from 0.5 s to 30 s, and what the service asks for on top."""

import errno
import ssl
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.upstream.retries import (
    LONGEST_RETRY_AFTER_SECONDS,
    Broken,
    Transient,
    Untrusted,
    retried_status,
    retry_after_seconds,
    transport_fault,
    wait_seconds,
)

NOW = datetime(2018, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", None),
        ("soon", None),
        ("²", None),
        ("99999999999999999999", LONGEST_RETRY_AFTER_SECONDS),
        ("Tue, 02 Jan 2018 12:00:30 GMT", 30.0),
        ("Tue, 02 Jan 2018 11:00:00 GMT", 0.0),
        ("Tue, 02 Jan 2018 12:00:30 -0000", 30.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_SECONDS),
        ("Tue, 99 Jan 2018 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_the_reading(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0.0 <= seconds <= LONGEST_RETRY_AFTER_SECONDS


def test_the_bound_of_the_jitter_doubles_up_to_thirty_seconds() -> None:
    assert [wait_seconds(tries, None, 1.0) for tries in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert wait_seconds(3, None, 0.0) == 0.0


def test_what_the_service_asks_for_comes_before_the_jitter() -> None:
    assert wait_seconds(2, 7.0, 0.5) == 7.5


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (504, True), (404, False), (400, False)])
def test_which_statuses_are_tried_again(status: int, again: bool) -> None:
    assert retried_status(status) is again


def every_vendor_error() -> list[type[aiohttp.ClientError]]:
    found: list[type[aiohttp.ClientError]] = []
    waiting: list[type[aiohttp.ClientError]] = [aiohttp.ClientError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return list(dict.fromkeys(found))


def made(kind: type[aiohttp.ClientError]) -> aiohttp.ClientError:
    """An instance of any of aiohttp's errors, whatever its constructor wants."""
    key: Any = Mock(host="h", port=1, ssl=True, is_ssl=True)
    error = kind.__new__(kind)
    error.args = ("text",)
    for name, value in {
        "_conn_key": key, "_os_error": OSError(errno.ECONNREFUSED, "no"), "_certificate_error": ssl.SSLError("bad"),
        "request_info": key, "status": 400, "message": "text", "headers": None, "history": (), "_url": "u",
        "_description": "d", "expected": b"", "got": b"", "host": "h", "port": 1, "_path": "p",
    }.items():  # fmt: skip
        try:
            setattr(error, name, value)
        except AttributeError:
            continue
    return error


@pytest.mark.parametrize("kind", every_vendor_error())
def test_every_error_of_the_http_library_has_a_meaning(kind: type[aiohttp.ClientError]) -> None:
    assert isinstance(transport_fault(made(kind)), Transient | Untrusted | Broken)


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        (aiohttp.ServerDisconnectedError, Transient),
        (aiohttp.ClientConnectorError, Transient),
        (aiohttp.ClientConnectorDNSError, Transient),
        (aiohttp.SocketTimeoutError, Transient),
        (aiohttp.ClientPayloadError, Transient),
        (aiohttp.ClientConnectorCertificateError, Untrusted),
        (aiohttp.InvalidURL, Broken),
    ],
)
def test_what_is_worth_another_try(kind: type[aiohttp.ClientError], meaning: type[Exception]) -> None:
    assert type(transport_fault(made(kind))) is meaning


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), ssl.SSLError("broken")])
def test_errors_of_the_machine_are_tried_again(error: Exception) -> None:
    assert isinstance(transport_fault(error), Transient)
