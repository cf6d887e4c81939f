"""Writing by the law: what is ready at the same time shares a transaction (group commit), shared nodes go first.

A batch is repeated whole after a deadlock, a lost connection or a commit of unknown outcome, which is safe because a
join is. Where it fails for one user's data, each is tried alone and only that user fails.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from retrograph.clock import Clock, iso, to_millis
from retrograph.errors import DependencyDown, RetrographError, WriteFailed
from retrograph.facts import CategoryFact, Facts, ProductFact, RetailerFact, SharedFacts, UserFacts
from retrograph.graph.merge import NeedsWhole, join_user, merge_user, reads_whole, wanted
from retrograph.graph.model import StoredBatch, UserChanges
from retrograph.graph.retry import repeated
from retrograph.graph.shared import Knowledge, join_shared, keys_of, mentioned, merge_shared
from retrograph.graph.split import MAX_FACTS, split
from retrograph.graph.store import (
    DEPENDENCY,
    GraphDataError,
    GraphStore,
    GraphTransaction,
    StaleKnowledge,
    TransientGraphError,
)

MAX_USERS: Final = 50
"""Users in one transaction who are read whole."""
MAX_TOUCHED_USERS: Final = 500
"""Users in one transaction of whom only what the facts touch is read: those of live events."""


Permit = Callable[[], None]
"""Raises where the caller may begin no further write, because its lease has ended."""


def unconditionally() -> None:
    """The permit of a caller that holds no lease."""


def new_mark(now: int) -> str:
    """A mark that no other equals, beginning with the instant it was made."""
    return f"{iso(now)}#{uuid.uuid4().hex}"


@dataclass(slots=True, eq=False)
class _Waiting:
    """Facts that wait for a transaction, and the promise of its end."""

    facts: Facts
    size: int
    permit: Permit
    done: asyncio.Future[int]

    @property
    def share(self) -> int:
        """How much of a transaction it takes up, of as many parts as it may have users."""
        return MAX_TOUCHED_USERS // MAX_USERS if reads_whole(self.facts.user) else 1

    @property
    def wanted(self) -> bool:
        """Whether it is still to be written, now that a transaction is about to begin."""
        if not self.done.done():
            try:
                self.permit()
            except Exception as error:
                self.done.set_exception(error)
        return not self.done.done()


class GraphWriter:
    """Joins facts into a graph; any number of callers may wait at once.

    Use it as `async with`: leaving waits for what is under way. `lanes` transactions run side by side.
    """

    def __init__(self, graph: GraphStore, clock: Clock, lanes: int | None = None) -> None:
        self._graph = graph
        self._clock = clock
        self._lanes = lanes or graph.lanes
        self._knowledge = Knowledge()
        self._queue: deque[_Waiting] = deque()
        self._ready = asyncio.Event()
        self._closing = False
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        for number in range(self._lanes):
            self._group.create_task(self._lane(), name=f"graph-lane-{number}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._ready.set()
        # The lanes end by themselves; the body's own error stays what it is, not a group of one.
        await self._group.__aexit__(None, None, None)

    async def join(self, facts: Facts, permit: Permit = unconditionally) -> int:
        """Returns once the facts are committed: how many of the user's edges were made, changed or taken away. A user
        with more than 20,000 facts is split over transactions.

        `permit` is asked before each transaction begins, and what it raises comes out here. Raises WriteFailed if the
        graph refuses this user's data, DependencyDown if the graph does not answer.
        """
        written = 0
        for part in split(facts):
            if self._closing:
                raise RuntimeError("the writer is closed")
            waiting = _Waiting(part, part.user.size, permit, asyncio.get_running_loop().create_future())
            self._queue.append(waiting)
            self._ready.set()
            written += await waiting.done
        return written

    async def _lane(self) -> None:
        while True:
            await self._ready.wait()
            batch = self._take()
            if batch:
                await self._commit(batch)
            elif self._closing:
                return

    def _take(self) -> list[_Waiting]:
        """What has queued up, within the bounds of one transaction."""
        batch: list[_Waiting] = []
        size = taken = 0
        while self._queue:
            waiting = self._queue[0]
            size, taken = size + waiting.size, taken + waiting.share
            if taken > MAX_TOUCHED_USERS or (batch and size > MAX_FACTS):
                break
            self._queue.popleft()
            if waiting.wanted:
                batch.append(waiting)
            else:
                size, taken = size - waiting.size, taken - waiting.share
        if not self._queue and not self._closing:
            self._ready.clear()
        return batch

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        missing: list[SharedFacts] = []
        try:
            written = await repeated(self._graph, self._clock, lambda: self._write_once(batch, missing))
        except Exception as error:
            if len(batch) == 1 or not _about_data(error):
                _reject(batch, _told(error))
                return
            for waiting in batch:
                await self._commit([waiting])
        except BaseException:
            for waiting in batch:
                waiting.done.cancel()
            raise
        else:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_result(written.pop(waiting.facts.user.user_id, 0))

    async def _write_once(self, batch: Sequence[_Waiting], missing: list[SharedFacts]) -> dict[str, int]:
        """Answers how many edges of each user were written. Each try leaves out whoever has gone or lost its permit
        since the last one.

        `missing` gathers nodes that somebody has taken away: where no fact here tells of them, such as the categories
        that the users' other purchases count in, nothing else would make them again.
        """
        facts = [waiting.facts for waiting in batch if waiting.wanted]
        if not facts:
            return {}
        try:
            shared = [self._knowledge.news(part.shared) for part in facts]
            await upsert_shared(self._graph, self._knowledge, join_shared([*shared, *missing]), self._clock)
            return await write_users(self._graph, [part.user for part in facts], self._clock)
        except StaleKnowledge as error:
            self._knowledge.forget()
            missing.append(error.missing)
            raise
        except DependencyDown as error:
            # Who was away may be back as of an earlier day, restored from a backup: without the marks and fields that
            # are known, and with nothing missing that would tell.
            if not isinstance(error, TransientGraphError) or error.outage:
                self._knowledge.forget()
            raise


def _about_data(error: Exception) -> bool:
    """Whether one user's data may be to blame: the graph refused it, or what is stored of that user broke the join."""
    return isinstance(error, GraphDataError) or not isinstance(error, RetrographError)


def _told(error: Exception) -> Exception:
    if isinstance(error, GraphDataError):
        return WriteFailed(f"the graph refused the data: {error}", dependency=DEPENDENCY)
    return error


def _reject(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)


async def upsert_shared(graph: GraphStore, knowledge: Knowledge, facts: SharedFacts, clock: Clock) -> None:
    """Joins what is news about shared nodes in a transaction of its own; knowledge grows only after its commit."""
    # A product's category is locked with it even where nothing new is known of the category itself.
    news = mentioned(knowledge.news(mentioned(facts)))
    keys = keys_of(news)
    if not (keys.categories or keys.products or keys.retailers):
        return
    mark = new_mark(to_millis(clock.now()))
    async with graph.transaction() as transaction:
        stored = await transaction.lock_shared(keys)
        changes = merge_shared(stored, news, mark)
        if not changes.empty:
            await transaction.write_shared(changes)
    knowledge.learn(stored, news)


async def write_users(graph: GraphStore, facts: Sequence[UserFacts], clock: Clock) -> dict[str, int]:
    """Joins a batch of users in one transaction: lock in order of id, read, merge, write only the difference. Answers
    how many edges of each user that was."""
    users = _by_user(facts)
    now = to_millis(clock.now())
    async with graph.transaction() as transaction:
        await transaction.lock_users([user.user_id for user in users])
        changes = await _merged(transaction, users)
        await write_changes(transaction, changes, now)
    return {change.user_id: change.written for change in changes}


async def write_changes(transaction: GraphTransaction, changes: Sequence[UserChanges], now: int) -> None:
    """Writes what differs. Raises StaleKnowledge where a node that it leads to has gone, so that nothing commits."""
    changes = [change for change in changes if not change.empty]
    if changes and await transaction.write_users(changes, now) < sum(change.matches for change in changes):
        raise StaleKnowledge("a node that users share has gone; it is made again", _named(changes))


def _named(changes: Sequence[UserChanges]) -> SharedFacts:
    """The nodes that written edges lead to."""
    purchases = (edge for change in changes for edge in (*change.purchases_created, *change.purchases_updated))
    visits = (edge for change in changes for edge in (*change.visits_created, *change.visits_updated))
    counts = (edge for change in changes for edge in (*change.counts_created, *change.counts_updated))
    return SharedFacts(
        products={edge.product_id: ProductFact() for edge in purchases},
        categories={edge.category_id: CategoryFact() for edge in counts},
        retailers={edge.retailer: RetailerFact() for edge in visits},
    )


def _by_user(facts: Sequence[UserFacts]) -> list[UserFacts]:
    users: dict[str, UserFacts] = {}
    for part in facts:
        users[part.user_id] = join_user(users[part.user_id], part) if part.user_id in users else part
    return [users[user_id] for user_id in sorted(users)]


async def _merged(transaction: GraphTransaction, users: Sequence[UserFacts]) -> list[UserChanges]:
    products = set[str]().union(*(user.purchases for user in users))
    stored = await transaction.read_users([wanted(user) for user in users], sorted(products))
    if gone := sorted(products.difference(stored.product_categories)):
        missing = SharedFacts(products={product_id: ProductFact() for product_id in gone})
        raise StaleKnowledge("a product that was known has gone; it is made again", missing)
    changes = []
    for user in users:
        try:
            changes.append(merge_user(stored.users[user.user_id], user, stored.product_categories))
        except NeedsWhole:
            changes.append(await _merged_whole(transaction, user, stored))
    return changes


async def _merged_whole(transaction: GraphTransaction, user: UserFacts, batch: StoredBatch) -> UserChanges:
    stored = await transaction.read_users([wanted(user, whole=True)], list(user.purchases))
    categories = {**batch.product_categories, **stored.product_categories}
    return merge_user(stored.users[user.user_id], user, categories)
