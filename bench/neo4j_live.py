"""The rows about live events: batches of 500 receipts of 500 users into a graph that is loaded, and the same replayed.

Both sides live in one graph, each with users of its own, loaded its own way without their last receipts. Those are the
events; every lap takes the next of them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from bench.live_rows import event
from bench.measure import Goal, Lap, Options, Row, Side, Sides, Stopwatch
from bench.neo4j_graph import Place, Statements, Tries, counting, join_all, knowing_writer, neo4j_with
from bench.reference import batches, reference_live, reference_load
from bench.sample import History, Line, Sample, histories
from retrograph.flags.gate import OpenGate
from retrograph.graph.writer import GraphWriter
from retrograph.loading.events import EventLoad, Receipts, Received

BATCH: Final = 500
TINY_USERS: Final = 60
TINY_BATCH: Final = 10
BATCHES: Final = 4
"""In one lap."""
ENOUGH: Final = 12
"""Receipts of a user whose last ones are events; half of them stay in the graph."""
REFERENCE_USERS: Final = "reference-"
_COUNTED: Final = """
MATCH (u:User)-[r:SHOPS_AT|SHOPS_IN]->() WHERE u.user_id STARTS WITH $prefix = $starts
RETURN sum(coalesce(r.frequency, 0) + coalesce(r.purchase_count, 0))"""


@dataclass(slots=True, kw_only=True)
class Events:
    """What is in the graph beforehand, and the laps of events that follow: each some batches of one receipt a user."""

    before: list[History]
    laps: list[list[list[History]]]


def events_of(lines: Sequence[Line], batch: int) -> Events:
    """Holds back the latter half of the receipts of users with enough of them, in rounds of one receipt a user."""
    receipts: defaultdict[str, defaultdict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:  # in order of user and time
        receipts[line.user_id][line.receipt_id].append(line)
    kept: list[Line] = []
    rounds: defaultdict[int, list[History]] = defaultdict(list)
    for of_user in receipts.values():
        each = list(of_user.values())
        begin = len(each) // 2 if len(each) >= ENOUGH else len(each)
        kept += [line for receipt in each[:begin] for line in receipt]
        for number, receipt in enumerate(each[begin:]):
            rounds[number] += histories(receipt)
    full = [events[at : at + batch] for events in rounds.values() for at in range(0, len(events) - batch + 1, batch)]
    return Events(before=histories(kept), laps=[full[at : at + BATCHES] for at in range(0, len(full), BATCHES)])


class Live:
    """Both sides of one graph."""

    def __init__(self, place: Place, writer: GraphWriter, sample: Sample, events: Events) -> None:
        self._place = place
        self._writer = writer
        self._sample = sample
        self._events = events
        self._statements = Statements(place.driver, 1)

    async def load(self) -> None:
        """What both have before the first event."""
        await join_all(self._writer, [self._sample.facts(user) for user in self._events.before])
        theirs = [_theirs(user) for user in self._events.before]
        await self._statements.run(batches(theirs, 50, reference_load(self._sample)))

    def ours(self, *, replay: bool) -> Side:
        """Events as the product joins them: each a document of its own."""

        async def write(batch: Sequence[History]) -> None:
            await join_all(self._writer, [self._sample.facts(user, loaded_at=None) for user in batch])

        async def side() -> Lap:
            with counting(self._place.graph) as tries:
                lap = await self._lap(write, next(laps), replay=replay, reference=False)
            return _with(lap, tries)

        laps = iter(self._events.laps)
        return side

    def whole(self, *, replay: bool) -> Side:
        """Events as Kafka brings them: bytes that are decoded, gated, grouped by user and joined."""
        load = EventLoad(Receipts(self._writer), OpenGate(), self._place.graph.ping)

        async def write(batch: Sequence[Received]) -> None:
            written = await load.write(batch)
            assert written.counts["written"] == len(batch)

        async def side() -> Lap:
            with counting(self._place.graph) as tries:
                lap = await self._lap(write, next(laps), replay=replay, reference=False, made=records)
            return _with(lap, tries)

        laps = iter(self._events.laps)
        return side

    def reference(self, *, replay: bool) -> Side:
        """A batch is a transaction of three statements that add to counters."""
        tries = Tries()

        async def write(batch: Sequence[History]) -> None:
            once = await self._statements.run([reference_live(self._sample, batch)])
            tries.retried += once.retried

        async def side() -> Lap:
            events = [[_theirs(user) for user in batch] for batch in next(laps)]
            return _with(await self._lap(write, events, replay=replay, reference=True), tries)

        laps = iter(self._events.laps)
        return side

    async def _lap(
        self,
        write: Callable[[Any], Awaitable[None]],
        events: Sequence[Sequence[History]],
        *,
        replay: bool,
        reference: bool,
        made: Callable[[Sequence[History]], Sequence[Any]] = list,
    ) -> Lap:
        """`drift`: by how much the counters afterwards are off what happened. `made`: what a batch is written as."""
        written = [made(batch) for batch in events]
        happened = self._counted(reference) + sum(self._counts(user) for batch in events for user in batch)
        if replay:
            for batch in written:
                await write(batch)
        stopwatch = Stopwatch()
        with stopwatch.running():
            for batch in written:
                await write(batch)
        drift = self._counted(reference) - happened
        return stopwatch.lap(sum(len(batch) for batch in events), drift=drift)

    def _counts(self, user: History) -> int:
        """By how much one event makes the sum of its user's counters grow."""
        return sum(len(seen) for seen in user.visits.values()) + sum(self._sample.counts(user).values())

    def _counted(self, reference: bool) -> int:
        """The sum of all counters of one side's users."""
        counted: int = self._place.rows(_COUNTED, prefix=REFERENCE_USERS, starts=reference)[0][0]
        return counted


def records(batch: Sequence[History]) -> list[Received]:
    """One receipt of each user, as the event that it once was."""
    found = []
    for user in batch:
        (retailer,) = user.visits
        (receipt_id,) = user.visits[retailer]
        millis = min(times[receipt_id] for times in user.purchases.values())
        found.append(event(millis, user.user_id, receipt_id, retailer, list(user.purchases)))
    return found


def _with(lap: Lap, tries: Tries) -> Lap:
    return replace(lap, counts={**lap.counts, "retried": tries.retried})


def _theirs(user: History) -> History:
    return replace(user, user_id=REFERENCE_USERS + user.user_id)


def _live(
    *, replay: bool, lanes: int = 1, whole: bool = False
) -> Callable[[Options], AbstractAsyncContextManager[Sides]]:
    @asynccontextmanager
    async def sides(options: Options) -> AsyncIterator[Sides]:
        sample = Sample(TINY_USERS if options.tiny else None)
        events = events_of(sample.lines, TINY_BATCH if options.tiny else BATCH)
        async with neo4j_with(options) as place, knowing_writer(place.graph, sample, lanes) as writer:
            live = Live(place, writer, sample, events)
            await live.load()
            ours = live.whole(replay=replay) if whole else live.ours(replay=replay)
            yield Sides(ours=ours, reference=live.reference(replay=replay))

    return sides


ROWS: Final = (
    Row(
        name="neo4j-live",
        work="live events, batches of 500 receipts of 500 users into a loaded graph, one transaction at a time",
        reference="the reference statement's live form, a batch a transaction",
        goal=Goal(bound=1),
        unit="receipts/s",
        sides=_live(replay=False),
    ),
    Row(
        name="neo4j-live-replay",
        work="the same batches replayed",
        reference="the same, replayed: it adds to its counters again",
        goal=Goal(bound=3),
        unit="receipts/s",
        sides=_live(replay=True),
    ),
    Row(
        name="neo4j-live-four",
        work="live events as before, 4 transactions at a time, as the product writes unless told otherwise",
        reference="the reference statement's live form, a batch a transaction",
        goal=None,
        unit="receipts/s",
        sides=_live(replay=False, lanes=4),
    ),
    Row(
        name="live-neo4j",
        work="live events the whole way: the bytes of 500 receipts of 500 users decoded, gated, grouped and joined "
        "into a loaded graph",
        reference="the reference statement's live form, a batch a transaction, of what was decoded before",
        goal=Goal(bound=1),
        unit="receipts/s",
        sides=_live(replay=False, lanes=4, whole=True),
    ),
    Row(
        name="live-neo4j-replay",
        work="the same bytes replayed",
        reference="the same, replayed: it adds to its counters again",
        goal=Goal(bound=3),
        unit="receipts/s",
        sides=_live(replay=True, lanes=4, whole=True),
    ),
)
