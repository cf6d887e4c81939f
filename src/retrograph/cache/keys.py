"""What the keys are called: other systems read them, and set some of them."""

from dataclasses import dataclass
from typing import Final

import msgspec

from retrograph.clock import iso

ENROLLED: Final = "experiment:enrolled:"
IDEMPOTENCY: Final = "idempotency:"
LOADED: Final = "loaded_users:"
KNOWN_ENABLED: Final = "backfill:known_enabled_users"
"""The set of those whom the detector has found covered."""
LOADED_SECONDS: Final = 7 * 86_400


def enrolled_key(user_id: str) -> str:
    """There for whoever is enrolled."""
    return ENROLLED + user_id


def idempotency_key(request_id: str) -> str:
    """There for a request that was done."""
    return IDEMPOTENCY + request_id


def loaded_key(user_id: str) -> str:
    """There for whoever was loaded within a week; see `LoadedInto`."""
    return LOADED + user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedInto:
    """That a full load of a user has ended: into which graph, and as of when (milliseconds)."""

    graph_id: str
    as_of: int

    def text(self) -> str:
        """As it is kept."""
        written = {"graph_id": self.graph_id, "as_of": iso(self.as_of), "as_of_ms": self.as_of}
        return msgspec.json.encode(written).decode()


class _Written(msgspec.Struct):
    graph_id: str
    as_of_ms: int


def loaded_of(text: str) -> LoadedInto | None:
    """Reads it; `None` for what somebody else has written there."""
    try:
        found = msgspec.json.decode(text, type=_Written)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    return LoadedInto(graph_id=found.graph_id, as_of=found.as_of_ms)
