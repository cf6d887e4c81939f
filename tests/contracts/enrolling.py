"""Whoever loads, a cache that can be switched off, and the fixtures that tests of enrolments and detections share."""

from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

import pytest

from retrograph.cache.sqlite import SqliteCache
from retrograph.clock import SystemClock
from retrograph.enrolment.requests import Batch
from retrograph.enrolment.window import Window
from retrograph.errors import DependencyDown
from retrograph.store.engine import Database
from retrograph.store.schema import open_database
from tests.contracts.job_stores import DatabaseTime, store_url

__all__ = ["store_url"]

WINDOW = Window(refresh_ms=30_000, settle_ms=900_000)


class Requests:
    """Takes batches, or is away."""

    def __init__(self) -> None:
        self.down = False
        self.dies_after = False
        self.taken: list[tuple[str, tuple[str, ...]]] = []

    async def request(self, batch: Batch) -> None:
        if self.down:
            raise DependencyDown("queue", "the queue does not answer")
        self.taken.append((batch.key, tuple([user async for user in batch.users])))
        if self.dies_after:
            raise DependencyDown("queue", "its answer was lost")

    @property
    def loads(self) -> dict[str, int]:
        """How many different batches each user is in."""
        batches = dict(self.taken)
        counted: dict[str, int] = {}
        for users in batches.values():
            for user in users:
                counted[user] = counted.get(user, 0) + 1
        return counted


class DownCache(SqliteCache):
    """A cache that can be switched off, and flushed."""

    down = False

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        self._check()
        return await super().get(keys)

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        self._check()
        await super().put(values, lifetime_seconds=lifetime_seconds)

    def _check(self) -> None:
        if self.down:
            raise DependencyDown("cache", "the cache does not answer")

    async def flush(self) -> None:
        def emptied(connection: object) -> None:
            connection.execute("DELETE FROM cache_values")  # type: ignore[attr-defined]

        await self._write(emptied)


@pytest.fixture
def time() -> DatabaseTime:
    return DatabaseTime()


@pytest.fixture
async def database(store_url: str, time: DatabaseTime) -> AsyncIterator[Database]:
    opened = await open_database(store_url, now=time)
    yield opened
    await opened.close()


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[DownCache]:
    made = DownCache(tmp_path / "cache.db", SystemClock())
    yield made
    await made.close()


@pytest.fixture
def requests() -> Requests:
    return Requests()
