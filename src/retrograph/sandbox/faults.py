"""How a service misbehaves: the fields of a fault document, checked wherever one comes in."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=600_000)]
RetryAfter = Literal["seconds", "date", "none", "mixed"]
Flaw = Literal["truncated", "html", "wrong-type", "not-utf-8", "empty"]
Down = Literal["refused", "unavailable"]

SERVICES: Final = ("purchase-history", "shop-orders", "products", "categories")
ALL: Final = "all"
FLAWS: Final[tuple[Flaw, ...]] = get_args(Flaw)

_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)
_SPREAD = ("min_ms", "median_ms", "p99_ms")


class InvalidFaults(ValueError):
    """A fault document is wrong; the message names the field."""


class Latency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an answer is held back: `fixed_ms` and evenly up to `jitter_ms` more, or a spread with a long tail."""

    fixed_ms: Milliseconds | None = None
    jitter_ms: Milliseconds = 0.0
    min_ms: Milliseconds | None = None
    median_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None = None

    def __post_init__(self) -> None:
        spread = [getattr(self, name) for name in _SPREAD]
        if self.fixed_ms is None:
            _check_spread(spread, self.jitter_ms)
        elif any(value is not None for value in spread):
            raise ValueError("latency has either fixed_ms (and jitter_ms) or min_ms, median_ms and p99_ms")

    def seconds(self, share: float) -> float:
        """The delay that `share` of all requests stay below: log-normal above the minimum where it is a spread."""
        if self.min_ms is None or self.median_ms is None or self.p99_ms is None:
            return ((self.fixed_ms or 0.0) + self.jitter_ms * share) / 1000
        above = self.median_ms - self.min_ms
        if above == 0:
            return self.min_ms / 1000
        sigma = math.log((self.p99_ms - self.min_ms) / above) / _Z99
        return (self.min_ms + above * math.exp(sigma * _NORMAL.inv_cdf(max(share, 1e-12)))) / 1000


def _check_spread(spread: list[float | None], jitter_ms: float) -> None:
    values = [value for value in spread if value is not None]
    if len(values) < len(spread):
        raise ValueError("latency needs fixed_ms, or all of min_ms, median_ms and p99_ms")
    if values != sorted(values):
        raise ValueError("latency: min_ms, median_ms and p99_ms must not decrease")
    if values[0] == values[1] and values[1] != values[2]:
        raise ValueError("latency: median_ms must be above min_ms where p99_ms is above it")
    if jitter_ms:
        raise ValueError("latency: jitter_ms goes with fixed_ms only")


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults of one service. A request suffers one of the shared ones at most, so their shares add up."""

    too_many_requests: Share = 0.0
    """The share of requests that are answered 429."""
    retry_after: RetryAfter = "seconds"
    """What a 429 says in `Retry-After`: whole seconds, a date, nothing, or by turns each of these."""
    retry_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 1
    """How far away that is."""
    server_errors: Share = 0.0
    """The share of requests that are answered with one of `server_error_statuses`."""
    server_error_statuses: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=500, le=599)], ...], msgspec.Meta(min_length=1)
    ] = (500, 502, 503, 504)
    dropped: Share = 0.0
    """The share of requests whose connection is cut, half of them in the middle of the answer."""
    malformed: Share = 0.0
    """The share of requests that are answered 200 with a body that is wrong in one of the ways of `flaws`."""
    flaws: Annotated[tuple[Flaw, ...], msgspec.Meta(min_length=1)] = FLAWS
    latency: Latency | None = None
    """How long every answer is held back, errors included."""
    failing_users: Mapping[str, Annotated[int, msgspec.Meta(ge=400, le=599)]] = {}
    """Users whose every request is answered with the status."""
    down: Down | None = None
    """Whether the service is down, its health included: `refused` cuts connections, `unavailable` answers 503."""

    def __post_init__(self) -> None:
        if self.too_many_requests + self.server_errors + self.dropped + self.malformed > 1 + 1e-9:
            raise ValueError("too_many_requests, server_errors, dropped and malformed must not add up to more than 1")


NO_FAULTS: Final = Faults()


def read(document: object) -> Faults:
    """Checks a fault document. Raises `InvalidFaults`, naming the field that is wrong."""
    try:
        return msgspec.convert(document, Faults)
    except msgspec.ValidationError as error:
        raise InvalidFaults(str(error)) from error


def merged(faults: Faults, patch: Mapping[str, Any]) -> Faults:
    """The faults with a JSON merge patch (RFC 7396) applied: `null` takes a field back to its default."""
    return read(_merge(msgspec.to_builtins(faults), patch))


def _merge(target: object, patch: object) -> object:
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def read_plan(document: object) -> dict[str, Faults]:
    """Checks a document of faults by service (`all` included), as a file for the start holds it."""
    if not isinstance(document, Mapping):
        raise InvalidFaults("the faults must be an object of fault documents by service")
    return {checked_service(service): read(faults) for service, faults in document.items()}


def checked_service(name: object) -> str:
    """Returns the name of a service, or `all`. Raises `InvalidFaults` for any other."""
    if isinstance(name, str) and name in (*SERVICES, ALL):
        return name
    raise InvalidFaults(f"service must be one of {', '.join((*SERVICES, ALL))}, not {name!r}")
