"""How far recount passes have walked the purchasers of marked products, noted on the graph itself.

A product may have a million purchasers, and a pass may be ended at any moment: the next one goes on where it was. The
note holds as long as the marks do: whoever buys one of these products after it was marked reads its new category, so
behind the note nobody needs to be visited again until the product is marked anew, with another token.
"""

from collections.abc import Sequence
from typing import Final, Self

import msgspec

from retrograph.graph.model import Mark
from retrograph.graph.store import GraphStore

NOTE: Final = "recount"
USERS_BETWEEN_NOTES: Final = 1_000


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The purchasers of these marks' products have been recounted, up to and including the user `after`."""

    marks: tuple[tuple[str, str], ...] = ()
    """Product and token of each."""
    after: str = ""

    @classmethod
    def of(cls, marks: Sequence[Mark], after: str) -> Self:
        """To be noted."""
        return cls(marks=tuple((mark.key, mark.token) for mark in marks), after=after)

    def begun(self, marks: Sequence[Mark]) -> list[Mark]:
        """Those of the present marks that the walk has been begun for."""
        noted = set(self.marks)
        return [mark for mark in marks if (mark.key, mark.token) in noted]


async def noted(graph: GraphStore) -> Position:
    """Where the last pass has come to."""
    text = await graph.note(NOTE)
    return msgspec.json.decode(text, type=Position) if text else Position()


async def note(graph: GraphStore, position: Position) -> None:
    """Notes how far the walk has come."""
    await graph.set_note(NOTE, msgspec.json.encode(position).decode())


async def forget(graph: GraphStore) -> None:
    """The walk is at its end, and its marks are cleared."""
    await graph.set_note(NOTE, None)
