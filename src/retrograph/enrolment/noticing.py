"""Users whom another system has enrolled, by the cache's key alone: recorded like our own."""

from typing import Final
from uuid import uuid4

from retrograph.enrolment.store import EnrolmentStore, NewEnrolment
from retrograph.enrolment.window import Window

MOST: Final = 10_000
"""Of those that wait to be recorded: whoever else there is is noticed again with their next event."""
WHO: Final = "another system"


class Notices:
    """Gathers them, and records them together."""

    def __init__(self, store: EnrolmentStore, window: Window) -> None:
        self._store = store
        self._window = window
        self._waiting: set[str] = set()

    def notice(self, user_id: str) -> None:
        """Somebody is enrolled of whom the store may not know."""
        if len(self._waiting) < MOST:
            self._waiting.add(user_id)

    async def record(self) -> None:
        """Records those that wait. Raises DependencyDown; they go on waiting then."""
        if not self._waiting:
            return
        users = sorted(self._waiting)
        new = [NewEnrolment(user_id=one, request_id=f"enroll-{uuid4()}", origin="cache", who=WHO) for one in users]
        await self._store.record(new, self._window)
        self._waiting.difference_update(users)
