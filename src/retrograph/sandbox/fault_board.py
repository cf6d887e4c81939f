"""Decides which request fails, and how. A decision follows from the seed, the request and how often it was made.

So the same requests fail whatever runs beside them, and a retry is a new draw.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from retrograph.sandbox.draws import draw, share
from retrograph.sandbox.faults import ALL, FLAWS, NO_FAULTS, SERVICES, Down, Faults, Flaw, RetryAfter

Cut = Literal["before", "within"]

_REMEMBERED = 1_000_000
"""Requests whose number of tries is kept. A retry follows its first try closely, so forgetting older ones is harmless,
and a rehearsal with millions of users stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens to one request; with nothing but defaults it is answered as it should be."""

    name: str | None = None
    """The fault, as the counts of requests call it."""
    delay: float = 0.0
    """Seconds to wait before anything is answered."""
    status: int | None = None
    """The error to answer with."""
    retry_after: RetryAfter = "none"
    """How `Retry-After` is written."""
    retry_after_seconds: int = 0
    cut: Cut | None = None
    """Where the connection is cut."""
    flaw: Flaw | None = None
    """What is wrong with the body."""


SOUND = Verdict()
_DOWN: Mapping[Down, Verdict] = {
    "refused": Verdict(name="down", cut="before"),
    "unavailable": Verdict(name="down", status=503),
}


class FaultBoard:
    """The faults of each service now, and the tries of each request."""

    def __init__(self, seed: int, faults: Mapping[str, Faults]) -> None:
        self._seed = seed
        self._tries: OrderedDict[int, int] = OrderedDict()
        common = faults.get(ALL, NO_FAULTS)
        self._faults = {service: faults.get(service, common) for service in SERVICES}

    def idle(self, service: str) -> bool:
        """Whether the service has no faults at all."""
        return self._faults[service] == NO_FAULTS

    def of(self, service: str) -> Faults:
        """The faults of a service now."""
        return self._faults[service]

    def set(self, service: str, faults: Faults) -> None:
        """Replaces the faults of a service, or of `all`."""
        for name in SERVICES if service == ALL else (service,):
            self._faults[name] = faults

    def down(self, service: str) -> Verdict:
        """What becomes of a question for the service's health."""
        down = self._faults[service].down
        return _DOWN[down] if down else SOUND

    def judge(self, service: str, request: str, user_id: str | None) -> Verdict:
        """Draws for one request; the same one asked again is drawn for anew."""
        faults = self._faults[service]
        if faults.down:
            return _DOWN[faults.down]
        request_number = draw(self._seed, service, request)
        attempt = self._count(request_number)
        return decide(faults, draw(self._seed, request_number, attempt), user_id)

    def _count(self, request_number: int) -> int:
        attempt = self._tries.pop(request_number, 0)
        self._tries[request_number] = attempt + 1
        if len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        return attempt


def decide(faults: Faults, number: int, user_id: str | None) -> Verdict:
    """What these faults make of a request for which `number` was drawn."""
    delay = faults.latency.seconds(share(draw(number, "latency"))) if faults.latency else 0.0
    if user_id is not None and user_id in faults.failing_users:
        return Verdict(name="failing-user", delay=delay, status=faults.failing_users[user_id])
    place = share(number)
    choice = draw(number, "choice")
    for name, width in _widths(faults):
        if place < width:
            return _fault(name, faults, delay, choice)
        place -= width
    return Verdict(delay=delay) if delay else SOUND


def _widths(faults: Faults) -> tuple[tuple[str, float], ...]:
    return (
        ("too-many-requests", faults.too_many_requests),
        ("server-error", faults.server_errors),
        ("dropped", faults.dropped),
        ("malformed", faults.malformed),
    )


def _fault(name: str, faults: Faults, delay: float, choice: int) -> Verdict:
    match name:
        case "too-many-requests":
            kinds: tuple[RetryAfter, ...] = ("seconds", "date", "none")
            kind = kinds[choice % 3] if faults.retry_after == "mixed" else faults.retry_after
            seconds = faults.retry_after_seconds
            return Verdict(name=name, delay=delay, status=429, retry_after=kind, retry_after_seconds=seconds)
        case "server-error":
            statuses = faults.server_error_statuses
            return Verdict(name=name, delay=delay, status=statuses[choice % len(statuses)])
        case "dropped":
            return Verdict(name=name, delay=delay, cut="within" if choice % 2 else "before")
        case _:
            return Verdict(name=name, delay=delay, flaw=(faults.flaws or FLAWS)[choice % len(faults.flaws)])
