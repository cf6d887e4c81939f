"""One database behind every table of the store: how it is opened, how transactions begin, and what time it is there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import URL, Connection, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from retrograph.errors import ConfigurationError, MissingExtra
from retrograph.store.errors import translated

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another one's lock: well under a lease."""

Synchronous: TypeAlias = Literal["NORMAL", "FULL"]
DatabaseClock: TypeAlias = Callable[[AsyncConnection], Awaitable[int]]

# `now` in SQLite is the machine's clock and constant within one statement. PostgreSQL's now() is the beginning of the
# transaction: whoever waited for a lock would decide about a lease with a time before the wait.
_SQLITE_NOW: Final = text("SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)")
_POSTGRES_NOW: Final = text("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint")


class Database:
    """Connections to one SQLite file or PostgreSQL database. `now` can be replaced, so that tests decide the time."""

    def __init__(self, engine: AsyncEngine, where: str, now: DatabaseClock | None = None) -> None:
        self._engine = engine
        self.where = where
        """Its address without secrets, for messages."""
        self._embedded = engine.dialect.name == "sqlite"
        self._now = now or self._own_clock
        self._writer = asyncio.Lock()

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this machine."""
        return self._embedded

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; on SQLite it holds the write lock from its beginning."""
        with translated(self.where):
            async with self._turn(), self._engine.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        with translated(self.where):
            async with self._engine.connect() as connection:
                reading = await connection.execution_options(retrograph_reads=True)
                async with reading.begin():
                    yield reading

    async def now(self, connection: AsyncConnection) -> int:
        """The database's clock in milliseconds: on PostgreSQL the server's, on SQLite the machine's.

        Ask after the lock is held: a moment before it may be long ago.
        """
        return await self._now(connection)

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self._embedded else postgresql.insert(table)

    async def close(self) -> None:
        """Gives back every connection."""
        await self._engine.dispose()

    def _turn(self) -> AbstractAsyncContextManager[Any]:
        # SQLite has one writer: within a process a queue is fairer and quicker than its polling for the lock.
        return self._writer if self._embedded else nullcontext()

    async def _own_clock(self, connection: AsyncConnection) -> int:
        found = await connection.scalar(_SQLITE_NOW if self._embedded else _POSTGRES_NOW)
        return int(found)


def connect(url: str, *, synchronous: Synchronous = "FULL", now: DatabaseClock | None = None) -> Database:
    """A database that is not migrated yet; see `schema.open_database`. Raises ConfigurationError, MissingExtra."""
    parsed = _parsed(url)
    where = parsed.database or "" if parsed.drivername == "sqlite" else parsed.render_as_string(hide_password=True)
    engine = _sqlite_engine(parsed, synchronous) if parsed.drivername == "sqlite" else _postgres_engine(parsed)
    return Database(engine, where, now)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the job store's URL must be sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if parsed.drivername not in ("sqlite", "postgresql", "postgres"):
        raise ConfigurationError(f"the job store cannot be {parsed.drivername}://; sqlite:/// and postgresql:// can")
    return parsed


def _sqlite_engine(url: URL, synchronous: Synchronous) -> AsyncEngine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("the job store needs a file: sqlite:///FILE")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(f"the job store {url.database} cannot be created: there is no folder {folder}")
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=4,
        max_overflow=4,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("retrograph_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: URL) -> AsyncEngine:
    if find_spec("psycopg") is None:
        raise MissingExtra("postgresql", "postgres")
    # A process that is frozen inside a transaction holds its locks, and would commit when it wakes: the server ends
    # such a transaction well before the lease, which it might have renewed, can be judged by anybody else.
    limits = (
        f"-c idle_in_transaction_session_timeout={int(BUSY_SECONDS * 1000)} -c lock_timeout={int(BUSY_SECONDS * 1000)}"
    )
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": 5,
            "options": limits,
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
