"""Counts what was asked and answered, so that a test or a rehearsal can see what a client really did."""

from asyncio import CancelledError
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from retrograph.sandbox.faults import SERVICES


class Tally:
    """Requests by service: how they were answered, which faults they met, how many were under way at once."""

    def __init__(self) -> None:
        self._under_way = dict.fromkeys(SERVICES, 0)
        self.reset()

    def reset(self) -> None:
        """Starts counting anew."""
        self._answers: dict[str, Counter[str]] = {service: Counter() for service in SERVICES}
        self._faults: dict[str, Counter[str]] = {service: Counter() for service in SERVICES}
        self._peaks = dict(self._under_way)

    @contextmanager
    def under_way(self, service: str) -> Iterator[None]:
        """Counts one request as being worked on, and as `abandoned` where its client does not wait for the answer."""
        self._under_way[service] += 1
        self._peaks[service] = max(self._peaks[service], self._under_way[service])
        try:
            yield
        except CancelledError:
            self.answered(service, "abandoned", None)
            raise
        finally:
            self._under_way[service] -= 1

    def answered(self, service: str, answer: str, fault: str | None) -> None:
        """Takes in how a request ended: a status, `dropped` or `abandoned`, and the fault that did it, if any."""
        self._answers[service][answer] += 1
        if fault is not None:
            self._faults[service][fault] += 1

    def requests(self, service: str) -> int:
        """How many requests of a service have ended."""
        return self._answers[service].total()

    def document(self) -> dict[str, object]:
        """The counts as the admin route shows them."""
        services = {
            service: {
                "requests": self.requests(service),
                "answers": dict(self._answers[service]),
                "faults": dict(self._faults[service]),
                "peak_under_way": self._peaks[service],
            }
            for service in SERVICES
        }
        return {"requests": sum(map(self.requests, SERVICES)), "services": services}
