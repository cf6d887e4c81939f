"""A SQLite connection that lives in a thread of its own, so that the event loop never waits for the disk.

SQLite's errors are translated here, and nowhere else.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.graph.store import DEPENDENCY, GraphDataError, TransientGraphError

BUSY_TIMEOUT_SECONDS: Final = 5.0

Result = TypeVar("Result")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into ours; `path` names the file in their sentences."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise GraphDataError(f"a value does not fit the graph: {error}") from error
    except msgspec.DecodeError as error:
        raise GraphDataError(f"the graph file {path} holds a list that cannot be read: {error}") from error


def translate(error: sqlite3.Error, path: Path) -> RetrographError:
    """What an error of SQLite means to the product."""
    name = str(getattr(error, "sqlite_errorname", None) or "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return TransientGraphError(f"the graph file {path} is locked by another process", outage=True)
    if name.startswith("SQLITE_READONLY"):
        return ConfigurationError(f"the graph file {path} cannot be written: it or its folder is read-only")
    if name.startswith("SQLITE_CANTOPEN"):
        return ConfigurationError(f"the graph file {path} cannot be opened: check that its folder exists and is yours")
    if name.startswith("SQLITE_NOTADB"):
        return ConfigurationError(f"{path} is not a SQLite file: choose another path for the graph")
    if name.startswith("SQLITE_CORRUPT"):
        return ConfigurationError(f"the graph file {path} is damaged: restore it from a copy, or load it anew")
    if name.startswith("SQLITE_FULL"):
        return DependencyDown(DEPENDENCY, f"the disk that holds the graph file {path} is full")
    if name.startswith("SQLITE_IOERR"):
        return DependencyDown(DEPENDENCY, f"the disk that holds the graph file {path} fails: {error}")
    if name.startswith(("SQLITE_NOMEM", "SQLITE_PROTOCOL")):
        return DependencyDown(DEPENDENCY, f"the graph file {path} cannot be used: {error}")
    return GraphDataError(str(error))


class Connection:
    """One connection and its thread. Calls run one after the other, in the order they were made."""

    def __init__(self, path: Path, *, synchronous: str = "FULL", read_only: bool = False) -> None:
        self._path = path
        self._synchronous = synchronous
        self._read_only = read_only
        self._thread = _thread()
        self._connection: sqlite3.Connection | None = None

    async def run(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `action` in the thread; a cancelled caller leaves it running, and the next one waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._call, action)

    def _call(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        with translated(self._path):
            if self._connection is None:
                self._connection = self._connect()
            return action(self._connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            if self._read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Closes the connection and ends its thread; a pending transaction is rolled back. It may be closed again, and
        used again: whoever could not open the graph closes it, and may try later."""
        ending, self._thread = self._thread, _thread()
        await asyncio.get_running_loop().run_in_executor(ending, self._disconnect)
        ending.shutdown(wait=False)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _thread() -> ThreadPoolExecutor:
    """It begins with its first call."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-graph")


class WriteTransaction:
    """`BEGIN IMMEDIATE` … `COMMIT` on a connection that nobody else uses meanwhile.

    A trip to the thread costs more than many a statement, so what nobody waits for (the beginning, a lock) is done
    together with the next step.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first: list[Callable[[sqlite3.Connection], object]] = [_begin]

    def later(self, action: Callable[[sqlite3.Connection], object]) -> None:
        """Does it before the next step, or before the commit."""
        self._first.append(action)

    async def run(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does a step."""
        first, self._first = self._first, []

        def step(connection: sqlite3.Connection) -> Result:
            for waiting in first:
                waiting(connection)
            return action(connection)

        return await self._connection.run(step)

    async def commit(self) -> None:
        """Ends it; what it did counts from now on."""
        await self.run(_commit)

    async def roll_back(self) -> None:
        """Ends it as if it had never begun."""
        await self._connection.run(_roll_back)


def _begin(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def rows(connection: sqlite3.Connection, statement: str, *parameters: Any) -> list[Any]:
    """All rows of a query."""
    return connection.execute(statement, parameters).fetchall()
