"""Users of a table into the identity graph: a page of them shares transactions, each is an item of its own.

The source lays the rows of a page on a desk; the first item of a group writes the whole group, and those that follow
find their outcome there. What is written ahead of its item is harmless: it is a join, and counted when its turn comes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from retrograph.clock import MILLIS_PER_DAY, Clock, to_millis
from retrograph.errors import DependencyDown, WriteFailed
from retrograph.facts import IdentityFacts
from retrograph.graph.identity_writer import BATCH_USERS, IdentityWriter
from retrograph.jobs.work import Item, Outcome, Permit, unconditionally
from retrograph.loading.identifiers import Identifiers
from retrograph.loading.identity_facts import facts_of, together, with_written
from retrograph.sources.users_walk import UserRow, UsersWalk

Result = Outcome | Exception

GONE = Outcome(status="skipped", reason="gone")


@dataclass(slots=True, eq=False)
class Prepared:
    """The facts of a group's users by their keys, and what becomes of each if they are written."""

    facts: list[tuple[str, IdentityFacts]]
    results: dict[str, Outcome]


@dataclass(slots=True, eq=False)
class Group:
    """Users who are written together. `prepared`: what they say; `results`: what came of it, as soon as it is known."""

    rows: Sequence[UserRow]
    prepared: Prepared | None = None
    results: dict[str, Result] | None = None
    following: "Group | None" = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Desk:
    """Where the source leaves what it has read for the load. What nobody fetches is let go, oldest first."""

    def __init__(self, *, most: int = 50_000) -> None:
        self._most = most
        self._groups: dict[str, Group] = {}
        self._latest: Group | None = None

    def lay(self, rows: Sequence[UserRow]) -> None:
        """A group of users."""
        group = Group(rows)
        if self._latest is not None:
            self._latest.following = group
        self._latest = group
        for row in rows:
            self._groups.pop(row.key, None)
            self._groups[row.key] = group
        while len(self._groups) > self._most:
            del self._groups[next(iter(self._groups))]

    def fetch(self, key: str) -> Group | None:
        """The group of a user; `None` where it was not read in this run, or let go."""
        return self._groups.get(key)

    def done(self, key: str) -> None:
        """The user's outcome is known to the job."""
        self._groups.pop(key, None)


class IdentitySource:
    """A `Source` over a users table. `already` is how many users the job has scanned before this run."""

    def __init__(self, walk: UsersWalk, desk: Desk | None, *, lanes: int, group: int, after: str | None, already: int):
        self._walk = walk
        self._desk = desk
        self._lanes = lanes
        self._group = group
        self._after = after
        self._already = already

    async def discover(self) -> int | None:
        return self._already + await self._walk.count(self._after)

    async def walk(self, after: str | None) -> AsyncIterator[Item]:
        last = None
        async for page in ahead(self._walk.pages(after)):
            if self._desk is not None:
                for group in groups(page, self._lanes, self._group):
                    self._desk.lay(group)
            for row in page:
                if row.cursor != last:  # rows of one key are one item
                    yield Item(row.key, row.cursor)
                last = row.cursor


async def ahead(pages: AsyncIterator[list[UserRow]]) -> AsyncIterator[list[UserRow]]:
    """The same pages; each is fetched while the one before is worked on."""

    async def fetched() -> list[UserRow] | None:
        return await anext(pages, None)

    coming = asyncio.create_task(fetched())
    try:
        while (page := await coming) is not None:
            coming = asyncio.create_task(fetched())
            yield page
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)  # what it met is nobody's concern any more


def groups(page: Sequence[UserRow], lanes: int, size: int) -> list[Sequence[UserRow]]:
    """A page in groups that share a transaction. Items are taken in order: with several lanes, neighbours belong to
    different groups, so that all lanes have work."""
    found: list[Sequence[UserRow]] = []
    for start in range(0, len(page), size * lanes):
        part = page[start : start + size * lanes]
        found += [part[lane::lanes] for lane in range(min(lanes, len(part)))]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityHooks:
    """What a load does to servers: whether they answer."""

    ping_graph: Callable[[], Awaitable[None]]
    ping_table: Callable[[], Awaitable[None]]


class IdentityLoad:
    """A `Load` of users into the identity graph."""

    def __init__(
        self,
        desk: Desk,
        walk: UsersWalk,
        identifiers: Identifiers,
        writer: IdentityWriter,
        hooks: IdentityHooks,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._walk = walk
        self._identifiers = identifiers
        self._writer = writer
        self._hooks = hooks
        self._clock = clock

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        group = self._desk.fetch(key) or Group(await self._walk.rows([key]))
        if group.results is None:
            if group.lock.locked() and group.following is not None:
                self._prepare(group.following)  # while the database writes
            async with group.lock:
                if group.results is None:
                    group.results = await self._joined(group, permit)
        self._desk.done(key)
        result = group.results.get(key, GONE)
        if isinstance(result, Exception):
            raise result
        return result

    async def _joined(self, group: Group, permit: Permit) -> dict[str, Result]:
        prepared = self._prepare(group)
        results: dict[str, Result] = dict(prepared.results)
        written: dict[str, int] = {}
        await self._write(prepared.facts, results, written, permit)
        group.prepared = None
        for key, edges in written.items():
            results[key] = with_written(prepared.results[key], edges)
        return results

    def _prepare(self, group: Group) -> Prepared:
        if group.prepared is None:
            prepared = Prepared([], {})
            if group.results is None:
                self._read(group.rows, prepared)
            group.prepared = prepared
        return group.prepared

    def _read(self, rows: Sequence[UserRow], prepared: Prepared) -> None:
        latest = to_millis(self._clock.now()) + MILLIS_PER_DAY
        for row in rows:
            found, outcome = facts_of(row, self._identifiers, latest)
            prepared.results[row.key] = together(prepared.results.get(row.key), outcome)
            if found is not None:
                prepared.facts.append((row.key, found))

    async def _write(
        self,
        facts: Sequence[tuple[str, IdentityFacts]],
        results: dict[str, Result],
        written: dict[str, int],
        permit: Permit,
    ) -> None:
        if not facts:
            return
        try:
            edges = await self._writer.join([fact for _, fact in facts], permit)
        except WriteFailed as error:
            if len(facts) == 1:
                results[facts[0][0]] = error
                return
            for fact in facts:
                await self._write([fact], results, written, permit)
        else:
            written.update({key: edges.get(fact.user_id, 0) for key, fact in facts})

    async def ping(self, dependency: str) -> bool:
        try:
            await (self._hooks.ping_graph() if dependency == "graph" else self._hooks.ping_table())
        except DependencyDown:
            return False
        return True

    async def finish(self) -> None:
        """Nothing is derived across users."""

    async def close(self) -> None:
        """The graph and the table outlive a run."""


__all__ = ["BATCH_USERS", "Desk", "Group", "IdentityHooks", "IdentityLoad", "IdentitySource", "facts_of", "groups"]
