"""The detector: finds users whom the flag has come to cover, and requests their loads.

Whom it found is remembered before anything is requested, so a pass that dies in the middle forgets nobody: the next
one seals it and requests its loads, under the key that they had. Whoever has left is forgotten, and is new when they
come back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Final, Literal, Protocol
from uuid import uuid4

import structlog

from retrograph.cache.cache import Cache
from retrograph.cache.keys import KNOWN_ENABLED, loaded_key, loaded_of
from retrograph.clock import Clock
from retrograph.enrolment.detections import Detection, DetectionStore, Looked
from retrograph.enrolment.pausing import woken
from retrograph.enrolment.requests import Batch, LoadRequests
from retrograph.enrolment.window import Window, spared
from retrograph.errors import DependencyDown, RetrographError
from retrograph.ids.compact import SeenIds

PAGE: Final = 2_000
LOOK_SECONDS: Final = 10.0
SOON_MS: Final = 60_000
"""Two servers that begin a pass at the same time: one of them does."""

_log = structlog.get_logger()


class Flags(Protocol):
    """Whoever answers for flags."""

    async def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]: ...


class Detector:
    """`detect` is one pass; one `watch` in each server makes them on a schedule, and finishes what a crash left."""

    def __init__(
        self,
        store: DetectionStore,
        cache: Cache,
        flags: Flags,
        requests: LoadRequests,
        window: Window,
        *,
        flag: str,
        candidates: Callable[[], AsyncIterator[str]],
        loaded_into: "LoadedSince",
    ) -> None:
        self._store = store
        self._cache = cache
        self._flags = flags
        self._requests = requests
        self._window = window
        self._flag = flag
        self._candidates = candidates
        self._loaded_into = loaded_into
        self._wanted_by: str | None = None
        self._wake = asyncio.Event()

    def soon(self, who: str) -> None:
        """Asks for a pass at once, in the background: somebody has changed whom the flag covers."""
        self._wanted_by = who
        self._wake.set()

    async def detect(self, who: str, rest_ms: int = 0) -> Detection | None:
        """One pass over the candidates; `None` where another one has begun within `rest_ms`. Its loads are requested
        by `finish`. Raises DependencyDown."""
        detection_id = str(uuid4())
        if not await self._store.begin(detection_id, self._flag, who, rest_ms):
            return None
        known = SeenIds()
        left = await self._recall(known)
        looked = new = 0
        many_spared = 0
        async for some in _pages(self._candidates()):
            looked += len(some)
            covered = await self._flags.covered(self._flag, some)
            unknown = [user_id for user_id in some if user_id in covered and known.add(user_id)]
            needless = await self._spared(unknown)
            if needless:
                await self._store.add_spared(self._flag, needless)
                many_spared += len(needless)
            wanted = [user_id for user_id in unknown if user_id not in needless]
            if wanted and not await self._store.add(detection_id, self._flag, wanted):
                raise DependencyDown("detector", "another pass has begun meanwhile, and goes on with what was found")
            new += len(wanted)
            await self._mirror(unknown)
        seen = Looked(looked=looked, left=left, spared=many_spared)
        done = await self._store.seal(detection_id, seen, self._window)
        _log.info("detected", looked=looked, found=done.found, left=left, spared=many_spared)
        return done

    async def finish(self) -> Sequence[Detection]:
        """Requests the loads that are due, of this pass and of any before; answers those passes."""
        done: list[Detection] = []
        load: Literal["first", "second"]
        for load in ("first", "second"):
            for detection in await self._store.due(load):
                await self._requests.request(self._batch(detection, load))
                await self._store.requested(detection.detection_id, load)
                _log.info("newly-enabled-load-requested", load=load, users=detection.found, batch=detection.key)
                done.append(detection)
        return done

    async def watch(self, clock: Clock, every_seconds: float) -> None:
        """Passes on the schedule, until cancelled; 0: only what others have begun is finished."""
        told = ""
        while True:
            try:
                if self._wanted_by is not None:
                    await self.detect(self._wanted_by)
                    self._wanted_by = None
                elif every_seconds:
                    await self.detect("schedule", max(int(every_seconds * 1000), SOON_MS))
                await self.finish()
                told = ""
            except RetrographError as error:
                if str(error) != told:
                    _log.warning("detector-waits", reason=str(error))
                told = str(error)
            except Exception:
                _log.exception("detector-waits")
            await woken(self._wake, clock, LOOK_SECONDS)

    async def latest(self, limit: int = 50) -> Sequence[Detection]:
        """The latest passes."""
        return await self._store.latest(limit)

    async def count_known(self) -> int:
        """How many users the flag is known to cover."""
        return await self._store.count_known(self._flag)

    def _batch(self, detection: Detection, load: Literal["first", "second"]) -> Batch:
        key = detection.key if load == "first" else detection.second_key
        return Batch(
            key=key, reason="newly_enabled", count=detection.found, users=self._members(detection), who="detector"
        )

    async def _members(self, detection: Detection) -> AsyncIterator[str]:
        after = ""
        while page := await self._store.members(detection.detection_id, after, PAGE):
            for user_id in page:
                yield user_id
            after = page[-1]

    async def _recall(self, known: SeenIds) -> int:
        """Everybody who is known and still covered; how many have left."""
        left, after = 0, ""
        while page := await self._store.known(self._flag, after, PAGE):
            covered = await self._flags.covered(self._flag, page)
            gone = [user_id for user_id in page if user_id not in covered]
            if gone:
                await self._store.drop(self._flag, gone)
                await self._mirror(gone, gone=True)
                left += len(gone)
            for user_id in page:
                if user_id in covered:
                    known.add(user_id)
            after = page[-1]
        return left

    async def _spared(self, user_ids: Sequence[str]) -> frozenset[str]:
        since = self._loaded_into.open_since()
        if since is None or not user_ids:
            return frozenset()
        try:
            graph_id = await self._loaded_into.graph_id()
            found = await self._cache.get([loaded_key(user_id) for user_id in user_ids])
        except DependencyDown:
            return frozenset()  # nobody is spared: a load too many is harmless
        return frozenset(
            user_id
            for user_id in user_ids
            if (text := found.get(loaded_key(user_id))) and spared(loaded_of(text), graph_id, since, self._window)
        )

    async def _mirror(self, user_ids: Sequence[str], *, gone: bool = False) -> None:
        """For whoever else looks: nothing here reads it."""
        try:
            if gone:
                await self._cache.remove_members(KNOWN_ENABLED, user_ids)
            else:
                await self._cache.add_members(KNOWN_ENABLED, user_ids)
        except DependencyDown:
            return


class LoadedSince(Protocol):
    """What decides whether an ended load counts."""

    def open_since(self) -> int | None:
        """Since when at least the flag has covered whom it covers now: milliseconds; `None`: not known."""
        ...

    async def graph_id(self) -> str:
        """The graph that loads go into. Raises DependencyDown."""
        ...


async def _pages(users: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    some: list[str] = []
    async for user_id in users:
        some.append(user_id)
        if len(some) == PAGE:
            yield some
            some = []
    if some:
        yield some
