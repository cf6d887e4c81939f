"""Enrolment: the gate is opened for a user, and then the user is loaded, twice.

What is recorded is recorded for good; everything that follows is done by whichever server lives, and whatever a crash
cuts off is found unfinished and done again. Each step may be repeated.

    recorded → copied to the cache → first load requested → second load, when the window has passed → settled
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog

from retrograph.cache.cache import Cache
from retrograph.cache.keys import enrolled_key
from retrograph.clock import Clock
from retrograph.enrolment.listed import each
from retrograph.enrolment.pausing import woken
from retrograph.enrolment.requests import Batch, LoadRequests
from retrograph.enrolment.store import EnrolmentStore, Load, NewEnrolment, Outstanding, Place
from retrograph.enrolment.window import Window
from retrograph.errors import RetrographError, UsageError
from retrograph.facts import InvalidId, clean_id

LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 1_000
COPIED_ALL: Final = "retrograph:enrolments-copied:"
"""There, for each server, as long as the cache was not flushed since it began to copy everything into it."""
_COPIED_SECONDS: Final = 7 * 86_400

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolAnswer:
    """What whoever enrols is told; a repetition has the request id of the first time."""

    user_id: str
    request_id: str
    already_enrolled: bool


class Enrolments:
    """`enrol` is the door's verb; one `watch` in each server does the rest."""

    def __init__(
        self, store: EnrolmentStore, cache: Cache, requests: LoadRequests, window: Window, clock: Clock
    ) -> None:
        self._store = store
        self._cache = cache
        self._requests = requests
        self._window = window
        self._clock = clock
        self._wake = asyncio.Event()
        self._told: dict[str, str] = {}
        self._copied_key = COPIED_ALL + str(uuid4())
        self._copied_all = False

    async def enrol(self, user_id: str, who: str) -> EnrolAnswer:
        """Opens the gate for a user: it is open for good when this returns. Raises UsageError, DependencyDown."""
        try:
            cleaned = clean_id(user_id)
        except InvalidId as error:
            raise UsageError(f"user_id: {error}", field="user_id") from error
        request_id = f"enroll-{uuid4()}"
        new = NewEnrolment(user_id=cleaned, request_id=request_id, origin="api", who=who)
        kept = (await self._store.record([new], self._window))[cleaned]
        self._wake.set()
        known = kept.request_id != request_id
        _log.info("enrolled", request=kept.request_id, who=who, already=known)
        return EnrolAnswer(user_id=cleaned, request_id=kept.request_id, already_enrolled=known)

    async def outstanding(self) -> Outstanding:
        """How many are enrolled, and how many wait for what."""
        return await self._store.outstanding()

    async def watch(self) -> None:
        """Does what is outstanding, at once when somebody is enrolled, until cancelled."""
        while True:
            await self.step()
            await woken(self._wake, self._clock, LOOK_SECONDS)

    async def step(self) -> None:
        """Everything that is outstanding, once. What fails is told, and left for the next time; no step waits for
        another: a cache that is down keeps no load back."""
        await self._tried("copy", self._copy)
        await self._tried("copy-all", self._copy_all)
        await self._tried("first-load", lambda: self._request("first"))
        await self._tried("second-load", lambda: self._request("second"))

    async def _copy(self) -> None:
        while users := await self._store.uncopied(AT_ONCE):
            await self._cache.put({enrolled_key(user_id): "1" for user_id in users})
            await self._store.copied(users, self._window)

    async def _copy_all(self) -> None:
        """After a flush, everybody once more."""
        if self._copied_all and await self._cache.get([self._copied_key]):
            return
        self._copied_all = False
        # The mark comes first: a flush while everybody is copied takes it away as well.
        await self._cache.put({self._copied_key: "1"}, lifetime_seconds=_COPIED_SECONDS)
        place: Place | None = None
        while page := await self._store.walk(place, AT_ONCE):
            await self._cache.put({enrolled_key(one.user_id): "1" for one in page})
            place = page[-1]
        self._copied_all = True

    async def _request(self, load: Load) -> None:
        fresh = f"enrolment-{uuid4()}" + ("-second" if load == "second" else "")
        for key, users in (await self._store.batches(load, fresh, AT_ONCE)).items():
            batch = Batch(key=key, reason="enrollment", count=len(users), users=each(users))
            await self._requests.request(batch)
            await self._store.requested(load, key)
            _log.info("enrolment-load-requested", load=load, batch=key, users=len(users))

    async def _tried(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except RetrographError as error:
            if self._told.get(what) != str(error):
                _log.warning("enrolment-waits", what=what, reason=str(error))
            self._told[what] = str(error)
        except Exception:
            _log.exception("enrolment-waits", what=what)
        else:
            self._told.pop(what, None)
