"""Which items are done, when many are under way: the cursor moves only to the lowest item that is not.

Items done above the cursor are known by their own cursors, so that a checkpoint can save them and the next run
passes over them: nothing is counted twice or done again.
"""

from collections import deque
from collections.abc import Iterable


class Slot:
    """One item under way."""

    __slots__ = ("cursor", "done")

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        self.done = False


class Window:
    """The items between the cursor and the furthest one taken, in the order of the walk."""

    def __init__(self, cursor: str | None = None, done_above: Iterable[str] = ()) -> None:
        self._cursor = cursor
        self._slots: deque[Slot] = deque()
        self._known = set(done_above)

    @property
    def cursor(self) -> str | None:
        """Everything up to here is done."""
        return self._cursor

    @property
    def span(self) -> int:
        """How far items run ahead of the cursor."""
        return len(self._slots)

    @property
    def above(self) -> list[str]:
        """The cursors of items that are done beyond the cursor, those of earlier runs included."""
        return [slot.cursor for slot in self._slots if slot.done] + sorted(self._known)

    def take(self, cursor: str) -> Slot | None:
        """Begins the next item of the walk; `None` where an earlier run has done it."""
        slot = Slot(cursor)
        self._slots.append(slot)
        if cursor not in self._known:
            return slot
        self._known.discard(cursor)
        self.finish(slot)
        return None

    def finish(self, slot: Slot) -> None:
        """An item is done, whatever came of it."""
        slot.done = True
        slots = self._slots
        while slots and slots[0].done:
            self._cursor = slots.popleft().cursor
