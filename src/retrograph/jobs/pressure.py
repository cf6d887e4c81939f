"""Why a run is not faster: what its load tells of the services it calls, small enough to be saved with each checkpoint.

It is in the store, because whoever looks at a job is often another process than the one that runs it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The last call that was tried again: `seconds` is how long it waited for that, from `at` (milliseconds)."""

    service: str
    kind: str
    """A status, `timeout`, `connection`, `truncated` or `token`."""
    seconds: float
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """What slows a run down now. Rates are turns per second."""

    pace: float | None = None
    """The slowest service's pace; `None` where none was slowed."""
    full: float | None = None
    """Where that pace began, and recovers to."""
    service: str | None = None
    """Whose pace it is."""
    retried: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Calls of this run that were tried again, by service and kind."""
    waiting: Waiting | None = None


@runtime_checkable
class Pressed(Protocol):
    """A load that can tell what slows it down."""

    def pressure(self) -> Pressure | None:
        """As it is now; `None` while there is nothing to tell."""
        ...


def pressure_document(pressure: Pressure | None) -> dict[str, Any] | None:
    """As it is stored and printed."""
    return None if pressure is None else asdict(pressure)


def pressure_of(document: Mapping[str, Any] | None) -> Pressure | None:
    """What `pressure_document` was given."""
    if document is None:
        return None
    waiting = document.get("waiting")
    return Pressure(**{**document, "waiting": None if waiting is None else Waiting(**waiting)})
