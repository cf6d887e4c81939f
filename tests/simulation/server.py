"""A graph database: committed state, open transactions, locks, and the time that ends a transaction.

It behaves as Neo4j does: what is read is what is committed at that moment, writes are seen by others once committed,
locks are held to the end, and two who wait for each other are told apart by ending one of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final

from retrograph.graph.store import WRITE_TIMEOUT_SECONDS, TransientGraphError
from tests.simulation.locks import LockTable
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import Witness
from tests.simulation.state import Change, State

WHOLE: Final = ("the whole graph", "")
"""What a writer locks where there can be only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Omissions:
    """Steps that a mutant of the graph leaves out."""

    users_lock: bool = False
    shared_lock: bool = False
    created_under_lock: bool = False
    mark_compared: bool = False
    made_again: bool = False


@dataclass(slots=True, eq=False)
class ServerTransaction:
    """A write transaction as the server sees it."""

    number: int
    owner: str
    changes: list[Change] = field(default_factory=list)
    created: set[tuple[str, str]] = field(default_factory=set)
    dirty: set[str] = field(default_factory=set)
    """Users whose edges it has written to."""
    ended: str | None = None
    """Why nothing more can be done with it."""
    closed: bool = False


class GraphServer:
    """The database itself; processes reach it through `graph.SimulatedGraph`."""

    def __init__(
        self,
        name: str,
        loop: SimulatedLoop,
        random: Random,
        witness: Witness,
        *,
        embedded: bool = False,
        may_list: bool = True,
        omissions: Omissions | None = None,
    ) -> None:
        self.name = name
        self.loop = loop
        self.random = random
        self.witness = witness
        self.embedded = embedded
        self.may_list = may_list
        self.omissions = omissions or Omissions()
        self.state = State()
        self.locks = LockTable(random)
        self.open: dict[int, ServerTransaction] = {}
        self.lease: tuple[str, float] | None = None
        self.down = False
        self._numbers = count(1)

    def answer(self) -> None:
        """Raises TransientGraphError while the server is down."""
        if self.down:
            raise TransientGraphError(f"{self.name} does not answer", outage=True)

    def begin(self, owner: str) -> ServerTransaction:
        """A new transaction with its timeout."""
        self.answer()
        transaction = ServerTransaction(next(self._numbers), owner)
        self.open[transaction.number] = transaction
        self.loop.call_later(WRITE_TIMEOUT_SECONDS, self._time_out, transaction)
        return transaction

    async def lock(self, transaction: ServerTransaction, label: str, key: str) -> None:
        """Takes one lock; between two of them, others may be quicker."""
        await self.locks.acquire(transaction.number, (label, key))
        if self.random.random() < 0.2:
            await asyncio.sleep(self.random.expovariate(500))

    def check(self, transaction: ServerTransaction) -> None:
        """Raises TransientGraphError where the transaction has ended."""
        self.answer()
        if transaction.ended is not None:
            self._close(transaction)
            raise TransientGraphError(f"the transaction has ended: {transaction.ended}")

    def commit(self, transaction: ServerTransaction) -> None:
        """Makes everything it wrote visible at one moment."""
        self.check(transaction)
        for change in transaction.changes:
            change(self.state)
        self.end(transaction, "committed")

    def end(self, transaction: ServerTransaction, why: str) -> None:
        """Rolls back what is not committed, and lets go of its locks."""
        transaction.ended = transaction.ended or why
        self._close(transaction)

    def _close(self, transaction: ServerTransaction) -> None:
        if not transaction.closed:
            transaction.closed = True
            del self.open[transaction.number]
            self.locks.release(transaction.number)

    def _time_out(self, transaction: ServerTransaction) -> None:
        """Its statements fail from now on; its locks may stay until its client, or the client's end, is heard of."""
        if transaction.ended is None:
            self.witness.saw(self.name, f"transaction {transaction.number} of {transaction.owner} times out")
            transaction.ended = "it took more than its time"
            if not self.embedded and self.random.random() < 0.5:
                self._close(transaction)
            else:
                self.locks.wake(transaction.number)

    def restart(self, seconds: float) -> None:
        """Answers nobody for a while; what was open is rolled back."""
        self.witness.saw(self.name, f"is down for {seconds:.3f} s")
        self.down = True
        for transaction in list(self.open.values()):
            self.end(transaction, "the server was restarted")
        self.loop.call_later(seconds, self._up)

    def _up(self) -> None:
        self.witness.saw(self.name, "is up")
        self.down = False

    def under_way(self) -> Sequence[int]:
        """The write transactions that are open now."""
        return list(self.open)
