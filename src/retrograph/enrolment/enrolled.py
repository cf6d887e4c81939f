"""Who is enrolled, as the gate asks it: a set of this process, and one look into the cache for the rest of a batch.

The set is read from the store and read on at an interval. Nobody is turned away by a set that is older than that: the
second load of an enrolment brings what was left out within one interval after it, and nothing brings what was left out
later by a process that was cut off from the store, or stood still. The cache is asked because other systems may enrol
by its key as well; whom they have enrolled is recorded before they are let in, so that neither a flush nor a crash
takes them away. A cache that does not answer hides such users for a while: their recording brings their loads, which
bring what was left out.
"""

from collections.abc import Collection, Mapping
from typing import Final

import structlog

from retrograph.cache.cache import Cache
from retrograph.cache.keys import ENROLLED, enrolled_key
from retrograph.clock import Clock
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.store import EnrolmentStore, Place
from retrograph.errors import DependencyDown, RetrographError
from retrograph.ids.compact import SeenIds

PAGE: Final = 10_000
OVERLAP_MS: Final = 60_000
"""A transaction has its time before it commits: each look goes back so far."""

_log = structlog.get_logger()


class EnrolledUsers:
    """See `flags.gate.Enrolled`. Whoever holds it runs `watch` beside."""

    def __init__(
        self, store: EnrolmentStore, cache: Cache, notices: Notices, clock: Clock, *, oldest_seconds: float
    ) -> None:
        """`oldest_seconds`: how old a look may be by which somebody is turned away."""
        self._store = store
        self._oldest_seconds = oldest_seconds
        self._looked_at = float("-inf")
        self._cache = cache
        self._notices = notices
        self._clock = clock
        self._known = SeenIds()
        self._place: Place | None = None
        self._told: dict[str, str] = {}

    async def among(self, user_ids: Collection[str]) -> frozenset[str]:
        """Those that are enrolled. Raises DependencyDown where that cannot be known of all of them now."""
        known = frozenset(filter(self._known.__contains__, user_ids))
        if len(known) < len(user_ids) and self._clock.monotonic() - self._looked_at > self._oldest_seconds:
            await self.look()
            known = frozenset(filter(self._known.__contains__, user_ids))
        rest = [user_id for user_id in user_ids if user_id not in known]
        return known | await self._noticed(rest) if rest else known

    async def look(self) -> None:
        """Reads on from where the last look ended. Raises DependencyDown."""
        began = self._clock.monotonic()
        place = self._place and Place(self._place.enrolled_at - OVERLAP_MS, "")
        while page := await self._store.walk(place, PAGE):
            for one in page:
                self._known.add(one.user_id)
            place = page[-1]
            self._place = max(place, self._place) if self._place else place
            if len(page) < PAGE:
                break
        self._looked_at = began

    async def watch(self, every_seconds: float) -> None:
        """Looks on the interval, until cancelled."""
        while True:
            try:
                await self.look()
                self._told.pop("store", None)
            except RetrographError as error:
                self._tell("store", error)
            except Exception:
                _log.exception("enrolments-not-read")
            await self._clock.sleep(every_seconds)

    async def _noticed(self, user_ids: Collection[str]) -> frozenset[str]:
        try:
            found: Mapping[str, str] = await self._cache.get([enrolled_key(user_id) for user_id in user_ids])
        except DependencyDown as error:
            self._tell("cache", error)
            return frozenset()
        self._told.pop("cache", None)
        users = frozenset(key.removeprefix(ENROLLED) for key in found)
        if users:
            await self._notices.record(users)
        for user_id in users:
            self._known.add(user_id)
        return users

    def _tell(self, what: str, error: RetrographError) -> None:
        if self._told.get(what) != str(error):
            _log.warning("enrolments-not-read", reason=str(error))
        self._told[what] = str(error)
