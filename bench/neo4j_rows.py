"""The rows about writing to Neo4j: full loads of the sample, first and again, one and four transactions at a time."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Final

from bench.measure import Goal, Lap, Options, Row, Side, Sides, Stopwatch
from bench.neo4j_graph import Place, Statements, counting, join_all, knowing_writer, neo4j_with
from bench.reference import Transaction, batches, floor, reference_load
from bench.sample import LOADED_AT, History, Sample, histories
from retrograph.graph.writer import GraphWriter

TINY_USERS: Final = 30
USERS: Final = 50
"""Users in one transaction, on both sides unless a row says otherwise."""

Build = Callable[[Sample], Callable[[Sequence[History]], Transaction]]


class Load:
    """Ways of writing the sample, prepared: facts for ours, statements for the others."""

    def __init__(self, place: Place, writer: GraphWriter, sample: Sample, lanes: int) -> None:
        self._place = place
        self._writer = writer
        self._sample = sample
        self._lanes = lanes
        self.users = histories(sample.lines)
        self.purchases = sum(user.size for user in self.users)
        self._edges = sum(len(user.purchases) for user in self.users)

    def ours(self, loaded_at: Callable[[], int] = lambda: LOADED_AT) -> Side:
        """The product's writer, which has learnt before what users share."""

        async def side() -> Lap:
            at = loaded_at()
            facts = [self._sample.facts(user, loaded_at=at) for user in self.users]
            stopwatch = Stopwatch()
            with counting(self._place.graph) as tries, stopwatch.running():
                await join_all(self._writer, facts)
            return stopwatch.lap(self.purchases, retried=tries.retried)

        return side

    def statements(self, build: Build, users: int = USERS) -> Side:
        """Statements that decide everything on the server."""
        transactions = batches(self.users, users, build(self._sample))
        runner = Statements(self._place.driver, self._lanes)

        async def side() -> Lap:
            stopwatch = Stopwatch()
            with stopwatch.running():
                tries = await runner.run(transactions)
            return stopwatch.lap(self.purchases, retried=tries.retried, deadlocks=tries.deadlocks)

        return side

    def first(self, side: Side) -> Side:
        """Over nothing but what users share."""

        async def lap() -> Lap:
            self._place.forget_users()
            result = await side()
            self._check()
            return result

        return lap

    def again(self, side: Side) -> Side:
        """Over what the same side has just written."""

        async def lap() -> Lap:
            await self.first(side)()
            result = await side()
            self._check()
            return result

        return lap

    def _check(self) -> None:
        held, expected = self._place.holds(), (self._edges, self.purchases)
        if held != expected:
            raise AssertionError(f"the graph holds {held} edges and purchases, and should hold {expected}")


@asynccontextmanager
async def _load(options: Options, lanes: int) -> AsyncIterator[Load]:
    sample = Sample(TINY_USERS if options.tiny else options.users)
    async with neo4j_with(options) as place, knowing_writer(place.graph, sample, lanes) as writer:
        yield Load(place, writer, sample, lanes)


def _first(
    build: Build, *, lanes: int = 1, users: int = USERS
) -> Callable[[Options], AbstractAsyncContextManager[Sides]]:
    @asynccontextmanager
    async def sides(options: Options) -> AsyncIterator[Sides]:
        async with _load(options, lanes) as load:
            yield Sides(ours=load.first(load.ours()), reference=load.first(load.statements(build, users)))

    return sides


def _again(lanes: int, *, later: bool = False) -> Callable[[Options], AbstractAsyncContextManager[Sides]]:
    @asynccontextmanager
    async def sides(options: Options) -> AsyncIterator[Sides]:
        instants: Iterator[int] = count(LOADED_AT)
        async with _load(options, lanes) as load:
            ours = load.ours(lambda: next(instants)) if later else load.ours()
            yield Sides(ours=load.again(ours), reference=load.again(load.statements(reference_load)))

    return sides


_FIRST: Final = "first load into Neo4j, one transaction at a time"
_FIRST_FOUR: Final = "first load into Neo4j, 4 transactions at a time"
_REFERENCE: Final = "the reference statement, 50 users a transaction"

ROWS: Final = (
    Row(
        name="neo4j-first-floor",
        work=_FIRST,
        reference="the floor: CREATE only, 50 users a transaction",
        goal=Goal(bound=0.95),
        unit="purchases/s",
        sides=_first(floor),
    ),
    Row(
        name="neo4j-first",
        work=_FIRST,
        reference=_REFERENCE,
        goal=Goal(bound=1.4),
        unit="purchases/s",
        sides=_first(reference_load),
    ),
    Row(
        name="neo4j-first-single",
        work=_FIRST,
        reference="the reference statement, one user a transaction",
        goal=Goal(bound=4),
        unit="purchases/s",
        sides=_first(reference_load, users=1),
    ),
    Row(
        name="neo4j-first-four",
        work=_FIRST_FOUR,
        reference=f"{_REFERENCE}, 4 at a time",
        goal=Goal(bound=2.2),
        unit="purchases/s",
        sides=_first(reference_load, lanes=4),
    ),
    Row(
        name="neo4j-first-four-floor",
        work=_FIRST_FOUR,
        reference="the floor, 4 at a time",
        goal=None,
        unit="purchases/s",
        sides=_first(floor, lanes=4),
    ),
    Row(
        name="neo4j-again",
        work="the same again, nothing changed, one transaction at a time",
        reference=f"{_REFERENCE}, again",
        goal=Goal(bound=6),
        unit="purchases/s",
        sides=_again(1),
    ),
    Row(
        name="neo4j-again-four",
        work="the same again, nothing changed, 4 transactions at a time",
        reference=f"{_REFERENCE}, 4 at a time, again",
        goal=Goal(bound=10),
        unit="purchases/s",
        sides=_again(4),
    ),
    Row(
        name="neo4j-again-later",
        work="the same again by a later job, which leaves its own instant at each user, 4 transactions at a time",
        reference=f"{_REFERENCE}, 4 at a time, again",
        goal=None,
        unit="purchases/s",
        sides=_again(4, later=True),
    ),
)
