"""A cache that many share, which may be flushed, and away."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from retrograph.cache.cache import DEPENDENCY
from retrograph.errors import DependencyDown
from tests.simulation.process import Process

T = TypeVar("T")


class CacheServer:
    """What it holds."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self.down = False

    def flush(self) -> None:
        self.values.clear()
        self.members.clear()


class SimulatedCache:
    """One process's way to it; see `cache.cache.Cache`."""

    def __init__(self, server: CacheServer, process: Process) -> None:
        self._server = server
        self._process = process

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        values = self._server.values
        return await self._ask("get", lambda: {key: values[key] for key in keys if key in values})

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        del lifetime_seconds
        await self._ask("put", lambda: self._server.values.update(values))

    async def put_new(self, key: str, value: str, *, lifetime_seconds: int | None = None) -> bool:
        del lifetime_seconds
        return await self._ask("put new", lambda: self._server.values.setdefault(key, value) is value)

    async def forget(self, keys: Collection[str]) -> int:
        values = self._server.values
        return await self._ask("forget", lambda: sum(values.pop(key, None) is not None for key in keys))

    async def add_members(self, name: str, members: Collection[str]) -> None:
        await self._ask("add", lambda: self._set(name).update(members))

    async def remove_members(self, name: str, members: Collection[str]) -> None:
        await self._ask("remove", lambda: self._set(name).difference_update(members))

    async def members_among(self, name: str, members: Collection[str]) -> frozenset[str]:
        return await self._ask("among", lambda: frozenset(self._set(name).intersection(members)))

    async def ping(self) -> None:
        await self._ask("ping", lambda: None)

    async def close(self) -> None:
        pass

    def _set(self, name: str) -> set[str]:
        return self._server.members.setdefault(name, set())

    async def _ask(self, what: str, work: Callable[[], T]) -> T:
        async def served() -> T:
            if self._server.down:
                raise DependencyDown(DEPENDENCY, "the cache does not answer")
            return work()

        return await self._process.ask(f"cache.{what}", served, partial(DependencyDown, DEPENDENCY), lambda: None)
