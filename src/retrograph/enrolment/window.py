"""Why a user whose gate is opened is loaded twice, and when a load may be spared. Pure."""

from dataclasses import dataclass

from retrograph.cache.keys import LoadedInto


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long after the gate was opened an event may still have been left out: a consumer that has not looked again
    left it out, and a history service that lags did not tell it to the first load."""

    refresh_ms: int
    """How late a consumer may look again."""
    settle_ms: int
    """How late a history service may be."""

    @property
    def whole_ms(self) -> int:
        """When the second load is due, after the opening."""
        return self.refresh_ms + self.settle_ms


def spared(loaded: LoadedInto | None, graph_id: str, open_since: int | None, window: Window) -> bool:
    """Whether both loads need not be: one into this graph has ended that did what the second one is for, because its
    `as_of` lies a whole window after the gate was opened (`open_since`, milliseconds; `None`: not known)."""
    if loaded is None or open_since is None or loaded.graph_id != graph_id:
        return False
    return open_since + window.whole_ms < loaded.as_of
