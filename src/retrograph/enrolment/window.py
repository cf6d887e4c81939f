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
    """Whether a first load need not be: one into this graph has ended whose `as_of` lies after everybody had heard
    that the gate is open (`open_since`, milliseconds; `None`: not known to have been open before)."""
    if loaded is None or open_since is None or loaded.graph_id != graph_id:
        return False
    return open_since + window.refresh_ms < loaded.as_of
