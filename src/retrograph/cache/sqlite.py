"""The embedded cache: two small tables in a SQLite file, usually the store's own.

A power cut may take the last writes back: whatever is here can be made anew.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from retrograph.cache.cache import DEPENDENCY
from retrograph.clock import Clock, to_millis
from retrograph.errors import DependencyDown

BUSY_SECONDS: Final = 5.0
_AT_ONCE: Final = 500
"""SQLite takes no more than some thousand parameters."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS cache_values (key TEXT PRIMARY KEY, value TEXT NOT NULL, ends_at INTEGER)",
    "CREATE TABLE IF NOT EXISTS cache_members (name TEXT, member TEXT, PRIMARY KEY (name, member)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS cache_values_by_end ON cache_values (ends_at) WHERE ends_at IS NOT NULL",
)
_PUT: Final = (
    "INSERT INTO cache_values (key, value, ends_at) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at"
)
_PUT_NEW: Final = "INSERT INTO cache_values (key, value, ends_at) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"
_DROP_ENDED: Final = "DELETE FROM cache_values WHERE ends_at <= ?"
_ADD: Final = "INSERT INTO cache_members (name, member) VALUES (?, ?) ON CONFLICT DO NOTHING"
_REMOVE: Final = "DELETE FROM cache_members WHERE name = ? AND member = ?"

T = TypeVar("T")


class SqliteCache:
    """`Cache` over a file. It is opened by its first verb."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._connection: sqlite3.Connection | None = None

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        now = self._now()

        def read(connection: sqlite3.Connection) -> dict[str, str]:
            found: dict[str, str] = {}
            for some in _slices(keys):
                marks = ", ".join("?" * len(some))
                statement = (
                    f"SELECT key, value FROM cache_values WHERE key IN ({marks}) AND (ends_at IS NULL OR ends_at > ?)"
                )
                found.update(connection.execute(statement, (*some, now)).fetchall())
            return found

        return await self._run(read)

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        now = self._now()
        ends = _end(now, lifetime_seconds)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_DROP_ENDED, (now,))
            connection.executemany(_PUT, [(key, value, ends) for key, value in values.items()])

        await self._write(write)

    async def put_new(self, key: str, value: str, *, lifetime_seconds: int | None = None) -> bool:
        now = self._now()

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute(_DROP_ENDED, (now,))
            return connection.execute(_PUT_NEW, (key, value, _end(now, lifetime_seconds))).rowcount == 1

        return await self._write(write)

    async def forget(self, keys: Collection[str]) -> int:
        now = self._now()

        def write(connection: sqlite3.Connection) -> int:
            connection.execute(_DROP_ENDED, (now,))
            return sum(
                connection.execute(
                    f"DELETE FROM cache_values WHERE key IN ({', '.join('?' * len(some))})", some
                ).rowcount
                for some in _slices(keys)
            )

        return await self._write(write)

    async def add_members(self, name: str, members: Collection[str]) -> None:
        await self._write(lambda connection: connection.executemany(_ADD, [(name, one) for one in members]))

    async def remove_members(self, name: str, members: Collection[str]) -> None:
        await self._write(lambda connection: connection.executemany(_REMOVE, [(name, one) for one in members]))

    async def members_among(self, name: str, members: Collection[str]) -> frozenset[str]:
        def read(connection: sqlite3.Connection) -> frozenset[str]:
            found: set[str] = set()
            for some in _slices(members):
                marks = ", ".join("?" * len(some))
                statement = f"SELECT member FROM cache_members WHERE name = ? AND member IN ({marks})"
                found.update(member for (member,) in connection.execute(statement, (name, *some)))
            return frozenset(found)

        return await self._run(read)

    async def ping(self) -> None:
        await self._run(lambda connection: connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return done

        return await self._run(transaction)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def call() -> T:
            try:
                if self._connection is None:
                    self._connection = _connected(self._path)
                return work(self._connection)
            except sqlite3.Error as error:
                raise DependencyDown(DEPENDENCY, f"the cache in {self._path} cannot be used: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _now(self) -> int:
        return to_millis(self._clock.now())


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        for statement in _TABLES:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _end(now: int, lifetime_seconds: int | None) -> int | None:
    return None if lifetime_seconds is None else now + lifetime_seconds * 1000


def _slices(texts: Collection[str]) -> Iterator[Sequence[str]]:
    left = iter(texts)
    while some := tuple(islice(left, _AT_ONCE)):
        yield some
