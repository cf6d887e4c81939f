"""From a URL to a cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retrograph.cache.cache import Cache
from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.errors import MissingExtra


def build_cache(settings: Settings, clock: Clock) -> Cache:
    """The configured cache; nothing is asked of it yet. Raises MissingExtra."""
    url = settings.cache
    if url.scheme == "sqlite":
        from retrograph.cache.sqlite import SqliteCache

        return SqliteCache(url.path, clock)
    try:
        from retrograph.cache.valkey import ValkeyCache
    except ModuleNotFoundError as error:
        raise MissingExtra(url.scheme, "valkey") from error
    return ValkeyCache(url.get_secret_value())


@asynccontextmanager
async def open_cache(settings: Settings, clock: Clock) -> AsyncIterator[Cache]:
    """The same; closed where the block ends."""
    cache = build_cache(settings, clock)
    try:
        yield cache
    finally:
        await cache.close()
