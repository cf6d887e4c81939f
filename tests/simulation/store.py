"""The job store's database: real SQL on SQLite in memory, one transaction at a time, reached by steps that may fail.

The statements are the product's own. What is simulated is the way to them, their time, and a process that is frozen in
the middle of a transaction: then everybody else waits, as with a file.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from retrograph.errors import DependencyDown
from retrograph.store.engine import Database
from retrograph.store.schema import _upgrade
from tests.simulation.audit import Audit
from tests.simulation.locks import LockTable
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import EPOCH_MILLIS, Process, Witness

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
STORE: Final = "store"


@cache
def _engine() -> tuple[Engine, sqlite3.Connection, sqlite3.Connection]:
    """One connection for all worlds, so that statements are compiled once; and the empty database they begin with."""
    connection, empty = (sqlite3.connect(":memory:", check_same_thread=False) for _ in range(2))
    connection.isolation_level = None
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def _begin(opened: Connection) -> None:
        opened.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as opened:
        _upgrade(opened)
    connection.backup(empty)
    return engine, connection, empty


class StoreServer:
    """The database; every process has a `Database` of its own that leads here."""

    def __init__(self, loop: SimulatedLoop, witness: Witness, locks: LockTable, audit: Audit) -> None:
        self._engine, self.connection, empty = _engine()
        empty.backup(self.connection)
        self._loop = loop
        self._witness = witness
        self._locks = locks
        self._audit = audit
        self._transactions = 0
        self._asleep = 0.0
        self._asked_the_time = 0
        self.down = False

    def database(self, process: Process) -> Database:
        """A process's way to it."""
        return Database(_Backend(self, process), "simulated", embedded=True, now=lambda _: self.now())

    def now(self) -> int:
        """Its clock in milliseconds. A process that is frozen inside a transaction looks at it before and after."""
        self._asked_the_time += 1
        slept = self._asleep if self._asked_the_time > 1 else 0.0
        return EPOCH_MILLIS + int((self._loop.time() + slept) * 1000)

    def restart(self, seconds: float) -> None:
        """Answers nobody for a while."""
        self._witness.saw(STORE, f"is down for {seconds:.3f} s")
        self.down = True
        self._loop.call_later(seconds, self._up)

    def _up(self) -> None:
        self.down = False

    async def transact(self, process: Process, work: Callable[[Connection], T], asleep: float) -> T:
        """One transaction, once nobody else has one; `asleep` is how long its process is frozen inside it."""
        self._transactions += 1
        number = self._transactions
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._locks.acquire(number, STORE)
        except TimeoutError:
            self._locks.release(number)  # its turn may have come in the same moment
            raise DependencyDown(STORE, "the store is locked by another process") from None
        try:
            if self.down:
                raise DependencyDown(STORE, "the store does not answer")
            return await self._transaction(process, work, asleep)
        finally:
            self._locks.release(number)

    async def _transaction(self, process: Process, work: Callable[[Connection], T], asleep: float) -> T:
        self._asleep, self._asked_the_time = asleep, 0
        try:
            with self._engine.begin() as connection:
                before = self._audit.look(self.connection)
                result = work(connection)
                self._audit.judge(process.name, work, result, before, self.connection, self.now())
        finally:
            self._asleep = 0.0
        if asleep:
            await asyncio.sleep(asleep)
        return result


class _Backend:
    def __init__(self, server: StoreServer, process: Process) -> None:
        self._server = server
        self._process = process

    async def run(self, work: Callable[[Connection], T], *, reads: bool) -> T:
        async def served() -> T:
            asleep, self._process.asleep = self._process.asleep, 0.0
            return await self._server.transact(self._process, work, 0.0 if reads else asleep)

        name = named(work)
        return await self._process.ask(f"{STORE}.{name}", served, partial(DependencyDown, STORE), lambda: None)

    async def close(self) -> None:
        pass


def named(work: Any) -> str:
    """What a transaction is for, as a person reads it."""
    function = work.func if isinstance(work, partial) else work
    told = work.keywords.get("wanted") if isinstance(work, partial) else None
    number = getattr(told, "number", None)
    return f"{function.__name__}{f' {number}' if number is not None else ''}"
