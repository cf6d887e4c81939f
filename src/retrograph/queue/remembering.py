"""Remembers requests in the cache: `idempotency:{request_id}` and `loaded_users:{user_id}`, for seven days each.

They spare work, and nothing rests on them: a cache that was flushed, or does not answer, remembers nothing.
"""

from collections.abc import Awaitable
from typing import TypeVar

import structlog

from retrograph.cache.cache import Cache
from retrograph.cache.keys import LOADED_SECONDS, LoadedInto, idempotency_key, loaded_key
from retrograph.clock import Clock, to_millis
from retrograph.errors import DependencyDown
from retrograph.queue.message import LoadRequest

T = TypeVar("T")

_log = structlog.get_logger()


class Remembering:
    """`Memory` over the cache, of loads into one graph."""

    def __init__(self, cache: Cache, graph_id: str, clock: Clock) -> None:
        self._cache = cache
        self._graph_id = graph_id
        self._clock = clock

    async def is_done(self, request: LoadRequest) -> bool:
        """By the request's own id alone: whether a load of the user before is enough is for whoever asks to know, since
        a second load after a gate was opened must not be spared."""
        key = idempotency_key(request.request_id)
        found = await self._unless_away(self._cache.get([key]))
        return found is not None and key in found

    async def note(self, request: LoadRequest) -> None:
        until = request.until
        as_of = to_millis(self._clock.now()) if until is None else until
        loaded = LoadedInto(graph_id=self._graph_id, as_of=as_of)
        values = {loaded_key(request.user_id): loaded.text(), idempotency_key(request.request_id): "done"}
        await self._unless_away(self._cache.put(values, lifetime_seconds=LOADED_SECONDS))

    async def _unless_away(self, asking: Awaitable[T]) -> T | None:
        try:
            return await asking
        except DependencyDown as error:
            _log.debug("cache-away", error=str(error))
            return None
