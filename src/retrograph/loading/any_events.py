"""Files that hold events of several forms: each goes to the family whose document it is."""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from retrograph.loading.events import Received, Refused, Written

Form = Literal["receipts", "factoids", "identity"]


class WritesEvents(Protocol):
    """One family's way into the graph."""

    async def write(self, events: Sequence[Received]) -> Written: ...


class _Head(msgspec.Struct):
    event_type: str | None = None
    type: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_IDENTITY: Final = ("signup", "login")


def form_of(payload: bytes) -> Form:
    """By the field that says it; what has neither is taken for a receipt, whose decoder says what is wrong."""
    try:
        head = _HEAD.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "receipts"
    if head.event_type in _IDENTITY:
        return "identity"
    return "factoids" if head.event_type is None and head.type is not None else "receipts"


class AnyEvents:
    """Writes batches of mixed events."""

    def __init__(self, receipts: WritesEvents, factoids: WritesEvents, identity: WritesEvents) -> None:
        self._families: dict[Form, WritesEvents] = {"receipts": receipts, "factoids": factoids, "identity": identity}

    async def write(self, events: Sequence[Received]) -> Written:
        """See `EventLoad.write`."""
        places: dict[Form, list[int]] = {}
        for place, event in enumerate(events):
            places.setdefault(form_of(event.payload), []).append(place)
        together = Written()
        for form, mine in places.items():
            written = await self._families[form].write([events[place] for place in mine])
            together.counts.update(written.counts)
            together.left_out.update(written.left_out)
            together.refused += [Refused(mine[refused.place], refused.error) for refused in written.refused]
        together.refused.sort(key=lambda refused: refused.place)
        return together
