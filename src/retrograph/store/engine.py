"""One database behind every table of the store: how it is opened, how transactions begin, and what time it is there.

A transaction is a plain function of a connection. On SQLite it runs whole in a thread: the file's only write lock is
held for a millisecond, and not while an event loop is busy with something else. On PostgreSQL the same function
runs on the event loop.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from retrograph.config.values import redacted
from retrograph.errors import ConfigurationError, MissingExtra
from retrograph.store.errors import translated

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another one's lock: well under a lease."""
ANSWER_SECONDS: Final = 60.0
"""How long a transaction may take on a server. Those of this product take milliseconds, the largest a few seconds."""

Synchronous: TypeAlias = Literal["NORMAL", "FULL"]
DatabaseClock: TypeAlias = Callable[[Connection], int]

# `now` in SQLite is the machine's clock and constant within one statement. PostgreSQL's now() is the beginning of the
# transaction: whoever waited for a lock would decide about a lease with a time before the wait.
_SQLITE_NOW: Final = text("SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)")
_POSTGRES_NOW: Final = text("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint")


class _Backend(Protocol):
    """Runs transactions."""

    async def run(self, work: Callable[[Connection], T], *, reads: bool) -> T: ...

    async def close(self) -> None: ...


class Database:
    """One SQLite file or PostgreSQL database. `now` can be replaced, so that tests decide the time."""

    def __init__(self, backend: _Backend, where: str, *, embedded: bool, now: DatabaseClock | None = None) -> None:
        self._backend = backend
        self._now = now or (_sqlite_clock if embedded else _postgres_clock)
        self.where = where
        """Its address without secrets, for messages."""
        self.embedded = embedded
        """Whether it is a file of this machine."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """A transaction that may write; on SQLite it holds the write lock from its beginning.

        Where the caller is cancelled meanwhile, it may have been committed or not.
        """
        with translated(self.where):
            return await self._backend.run(work, reads=False)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """A transaction that only reads."""
        with translated(self.where):
            return await self._backend.run(work, reads=True)

    def now(self, connection: Connection) -> int:
        """The database's clock in milliseconds: on PostgreSQL the server's, on SQLite the machine's.

        Ask after the lock is held: a moment before it may be long ago.
        """
        return self._now(connection)

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self.embedded else postgresql.insert(table)

    async def close(self) -> None:
        """Gives back every connection."""
        await self._backend.close()


def connect(
    url: str,
    *,
    synchronous: Synchronous = "FULL",
    busy_seconds: float = BUSY_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    now: DatabaseClock | None = None,
) -> Database:
    """A database that is not migrated yet; see `schema.open_database`. Raises ConfigurationError, MissingExtra."""
    parsed = _parsed(url)
    if parsed.drivername == "sqlite":
        return Database(
            _Embedded(_sqlite_engine(parsed, synchronous, busy_seconds)), parsed.database or "", embedded=True, now=now
        )
    where = redacted(parsed.render_as_string(hide_password=False))
    server = _Server(_postgres_engine(parsed, busy_seconds), answer_seconds)
    return Database(server, where, embedded=False, now=now)


class _Embedded:
    """SQLite in threads: one that writes, because there can be only one writer, and one that reads beside it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(retrograph_reads=True)
        self._threads = {reads: ThreadPoolExecutor(1, thread_name_prefix="store") for reads in (False, True)}

    async def run(self, work: Callable[[Connection], T], *, reads: bool) -> T:
        engine = self._reading if reads else self._engine

        def transaction() -> T:
            with engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads[reads], transaction)

    async def close(self) -> None:
        for thread in self._threads.values():
            await asyncio.to_thread(thread.shutdown)
        self._engine.dispose()


class _Server:
    """PostgreSQL on the event loop.

    A server that is frozen still acknowledges what it is sent, and never answers: no timeout of the connection ends
    that. So all connections are cut when a transaction has lasted too long; what waits for them then fails.
    """

    def __init__(self, engine: AsyncEngine, answer_seconds: float) -> None:
        self._engine = engine
        self._answer_seconds = answer_seconds
        self._connections: WeakSet[Any] = WeakSet()
        event.listen(engine.sync_engine, "connect", self._note)

    async def run(self, work: Callable[[Connection], T], *, reads: bool) -> T:
        del reads
        limit = asyncio.get_running_loop().call_later(self._answer_seconds, self._cut)
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            limit.cancel()

    def _note(self, connection: Any, _record: Any) -> None:
        self._connections.add(connection.driver_connection)

    def _cut(self) -> None:
        for connection in list(self._connections):
            if not connection.closed:
                with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
                    end.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        await self._engine.dispose()


def _sqlite_clock(connection: Connection) -> int:
    return int(connection.scalar(_SQLITE_NOW))


def _postgres_clock(connection: Connection) -> int:
    return int(connection.scalar(_POSTGRES_NOW))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the job store's URL must be sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if parsed.drivername not in ("sqlite", "postgresql", "postgres"):
        raise ConfigurationError(f"the job store cannot be {parsed.drivername}://; sqlite:/// and postgresql:// can")
    return parsed


def _sqlite_engine(url: URL, synchronous: Synchronous, busy_seconds: float) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("the job store needs a file: sqlite:///FILE")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(f"the job store {url.database} cannot be created: there is no folder {folder}")
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("retrograph_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: URL, busy_seconds: float) -> AsyncEngine:
    if find_spec("psycopg") is None:
        raise MissingExtra("postgresql", "postgres")
    # A process that is frozen inside a transaction holds its locks, and would commit when it wakes: the server ends
    # such a transaction well before the lease, which it might have renewed, can be judged by anybody else. Whoever
    # waits for its locks is more patient than that.
    idle, patience = int(busy_seconds * 1000), int(busy_seconds * 2000)
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": 5,
            "options": f"-c idle_in_transaction_session_timeout={idle} -c lock_timeout={patience}",
            "application_name": "retrograph",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 10_000,
        },
        pool_size=4,
        max_overflow=4,
        pool_pre_ping=True,
    )
