"""A Neo4j to measure on, and how each side writes to it: ours by the product's own writer, the others by statements."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from neo4j import Driver, Session
from neo4j.exceptions import Neo4jError
from pydantic import SecretStr

from bench.measure import Options
from bench.reference import Transaction
from bench.sample import Sample
from retrograph.clock import SystemClock
from retrograph.config import Neo4jSettings
from retrograph.facts import Facts
from retrograph.graph.neo4j.connection import Credentials
from retrograph.graph.neo4j.store import Neo4jGraph
from retrograph.graph.store import GraphTransaction
from retrograph.graph.writer import GraphWriter
from tests.servers.neo4j import PRESENT, QUICK_TO_START, Neo4jServer

CLOCK = SystemClock()


class CountedGraph(Neo4jGraph):
    """The product's graph, which also tells how many write transactions began and how many of them committed."""

    begun = 0
    committed = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[GraphTransaction]:
        self.begun += 1
        async with super().transaction() as transaction:
            yield transaction
        self.committed += 1


@dataclass(slots=True)
class Place:
    """A running server, with what looks at it and what we write with."""

    driver: Driver
    graph: CountedGraph
    settings: Neo4jSettings
    """How the product signs in."""

    @property
    def url(self) -> str:
        return self.graph.url

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """The values of all rows."""
        with self.driver.session() as session:
            return session.run(cast("Any", statement), parameters).values()

    def forget_users(self) -> None:
        """Removes all users with their edges; shared nodes stay."""
        self.rows("MATCH (u:User) CALL (u) { DETACH DELETE u } IN TRANSACTIONS OF 200 ROWS")

    def holds(self) -> tuple[int, int]:
        """`PURCHASED` edges and the sum of their `times`."""
        edges, times = self.rows("MATCH ()-[r:PURCHASED]->() RETURN count(r), sum(r.times)")[0]
        return edges, times


_running: dict[bool, Neo4jServer] = {}


def _server(options: Options) -> Neo4jServer:
    """One server serves all rows, so that it is warm for most of them; it ends with this process at the latest."""
    if options.tiny not in _running:
        tuning = QUICK_TO_START if options.tiny else ()
        _running[options.tiny] = Neo4jServer(PRESENT, heap=options.heap, tuning=tuning).start()
    return _running[options.tiny]


def close_servers() -> None:
    """Ends what rows have started."""
    while _running:
        _running.popitem()[1].close()


@asynccontextmanager
async def neo4j_with(options: Options) -> AsyncIterator[Place]:
    """A graph without users."""
    server = await asyncio.to_thread(_server, options)
    with server.driver() as driver:
        graph = CountedGraph(server.uri, Credentials(user=server.user, password=server.password))
        await graph.open()
        try:
            settings = Neo4jSettings(user=server.user, password=SecretStr(server.password))
            place = Place(driver, graph, settings)
            place.forget_users()
            yield place
        finally:
            await graph.close()


@asynccontextmanager
async def knowing_writer(graph: Neo4jGraph, sample: Sample, lanes: int) -> AsyncIterator[GraphWriter]:
    """A writer in the middle of its work: all that users share is there, and it knows it."""
    async with GraphWriter(graph, CLOCK, lanes=lanes) as writer:
        await writer.join(sample.catalogue())
        yield writer


async def join_all(writer: GraphWriter, facts: Sequence[Facts]) -> None:
    """All at once, as the loads of a job: what waits shares transactions of at most 50 users."""
    async with asyncio.TaskGroup() as group:
        for part in facts:
            group.create_task(writer.join(part))


@dataclass(slots=True)
class Tries:
    """How often statements had to be repeated."""

    retried: int = 0
    deadlocks: int = 0


class Statements:
    """Runs transactions of statements, so many at a time, each repeated until it commits."""

    def __init__(self, driver: Driver, lanes: int) -> None:
        self._driver = driver
        self._lanes = lanes

    async def run(self, transactions: Sequence[Transaction]) -> Tries:
        """Threads, since the driver's synchronous form costs the least."""
        return await asyncio.to_thread(self._run, transactions)

    def _run(self, transactions: Sequence[Transaction]) -> Tries:
        tries = Tries()
        if self._lanes == 1:
            self._lane(transactions, tries)
            return tries
        with ThreadPoolExecutor(self._lanes) as pool:
            left = iter(transactions)
            list(pool.map(lambda _: self._lane(_shared(left), tries), range(self._lanes)))
        return tries

    def _lane(self, transactions: Iterator[Transaction] | Sequence[Transaction], tries: Tries) -> None:
        with self._driver.session() as session:
            for transaction in transactions:
                while not _committed(session, transaction, tries):
                    time.sleep(random.uniform(0.005, 0.05))


def _shared(left: Iterator[Transaction]) -> Iterator[Transaction]:
    """Several threads take from one iterator of a list, whose `next` is atomic."""
    yield from left


def _committed(session: Session, transaction: Transaction, tries: Tries) -> bool:
    try:
        with session.begin_transaction() as open_transaction:
            for statement in transaction:
                open_transaction.run(cast("Any", statement.text), rows=statement.rows).consume()
            open_transaction.commit()
    except Neo4jError as error:
        if not error.is_retryable():
            raise
        tries.retried += 1
        tries.deadlocks += "Deadlock" in (error.code or "")
        return False
    return True


@contextmanager
def counting(graph: CountedGraph) -> Iterator[Tries]:
    """What our transactions had to repeat within the block."""
    tries = Tries()
    before = graph.begun - graph.committed
    yield tries
    tries.retried = graph.begun - graph.committed - before
