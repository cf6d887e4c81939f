"""Notes in the cache who was loaded, for a week: the detector spares whoever was loaded since the gate is open."""

from collections.abc import Mapping
from typing import Final

import structlog

from retrograph.cache.cache import Cache
from retrograph.cache.keys import LOADED_SECONDS, LoadedInto, loaded_key
from retrograph.errors import DependencyDown
from retrograph.jobs.pressure import Pressed, Pressure
from retrograph.jobs.work import Load, Outcome, Permit, unconditionally

_TOGETHER: Final = 500

_log = structlog.get_logger()


class NotedLoad:
    """A `Load` that notes each user whom the one inside has loaded. Nothing rests on it: what a crash or a cache that
    is away takes is a load too many, later."""

    def __init__(self, load: Load, cache: Cache, into: LoadedInto) -> None:
        self._load = load
        self._cache = cache
        self._text = into.text()
        self._waiting: dict[str, str] = {}

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        outcome = await self._load.load(key, permit)
        if outcome.status == "processed":
            self._waiting[loaded_key(key)] = self._text
            if len(self._waiting) >= _TOGETHER:
                await self._note()
        return outcome

    async def ping(self, dependency: str) -> bool:
        return await self._load.ping(dependency)

    def pressure(self) -> Pressure | None:
        """What slows the load down."""
        return self._load.pressure() if isinstance(self._load, Pressed) else None

    async def finish(self) -> None:
        await self._load.finish()

    async def close(self) -> None:
        await self._note()
        await self._load.close()

    async def _note(self) -> None:
        noted: Mapping[str, str] = self._waiting
        self._waiting = {}
        if not noted:
            return
        try:
            await self._cache.put(noted, lifetime_seconds=LOADED_SECONDS)
        except DependencyDown as error:
            _log.debug("cache-away", error=str(error))
