"""When a call to a service is tried again, and after how long: decisions only, so that they can be read and tested.

A try that may go better next time raises `Transient`; everything else is final. Waits follow "full jitter": any time
between nothing and a bound that doubles with each try, so that many callers that failed together do not come back
together. What the service asks for with `Retry-After` comes on top.
"""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

TRIES: Final = 5
FIRST_BOUND_SECONDS: Final = 0.5
LAST_BOUND_SECONDS: Final = 30.0
LONGEST_RETRY_AFTER_SECONDS: Final = 120.0
"""Five tries that wait this long still fit into the 600 s that one item may take; a longer wish is cut."""

PUSH_BACK: Final = frozenset({429, 503})
"""With these a service says that it is asked too much: the pace slows down."""


class Transient(Exception):
    """A try failed in a way that the next one may not. `kind` is a short word for counters."""

    def __init__(self, kind: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class Untrusted(Exception):
    """The server's certificate is not the one expected: a matter of configuration, no retry mends it."""


class Broken(Exception):
    """The request cannot be made, or what answers does not speak HTTP: no retry mends it."""


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """What `Retry-After` asks for, in seconds or as an HTTP date; `None` where it is missing or unreadable."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    try:
        asked = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = asked if asked.tzinfo is not None else asked.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_SECONDS)


def wait_seconds(tries: int, retry_after: float | None, chance: float) -> float:
    """How long to wait after that many failed tries; `chance` is a random number from 0 to 1."""
    bound = min(LAST_BOUND_SECONDS, FIRST_BOUND_SECONDS * 2.0 ** (tries - 1))
    return (retry_after or 0.0) + chance * bound


def retried_status(status: int) -> bool:
    """Whether an answer of this status is worth another try."""
    return status == 429 or status >= 500


def transport_fault(error: Exception) -> Exception:
    """What a failure of aiohttp means to us: exactly one of `Transient`, `Untrusted` and `Broken`."""
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ServerFingerprintMismatch):
        return Untrusted(text)
    if isinstance(error, TimeoutError):
        return Transient("timeout", "no answer in time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Transient("truncated", "the answer broke off")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Transient("connection", f"no connection ({error.os_error.strerror or text})")
    if isinstance(error, aiohttp.ClientConnectionError | OSError | ssl.SSLError):
        return Transient("connection", f"the connection was dropped ({text})")
    return Broken(text)
