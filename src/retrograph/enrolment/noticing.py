"""Users whom another system has enrolled, by the cache's key alone: recorded like our own."""

from collections.abc import Collection
from typing import Final
from uuid import uuid4

from retrograph.enrolment.store import EnrolmentStore, NewEnrolment
from retrograph.enrolment.window import Window

WHO: Final = "another system"


class Notices:
    """Records them before anything of theirs is let in: a process that dies afterwards has forgotten nobody."""

    def __init__(self, store: EnrolmentStore, window: Window) -> None:
        self._store = store
        self._window = window

    async def record(self, user_ids: Collection[str]) -> None:
        """Records those whom the store may not know. Raises DependencyDown."""
        users = sorted(user_ids)
        new = [NewEnrolment(user_id=one, request_id=f"enroll-{uuid4()}", origin="cache", who=WHO) for one in users]
        await self._store.record(new, self._window)
