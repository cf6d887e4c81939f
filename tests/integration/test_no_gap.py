"""No gap between history and stream: consumers that hear of an opened gate late, and a history service that lags.

In this world ten seconds pass at each step. Each of two users orders something; a consumer takes each order at once and
asks its own gate, which looks again only every 30 s; the history service tells of an order only when it is ten minutes
old. The graph, the gate, the enrolments, their store and the cache are real.
"""

from pathlib import Path
from typing import Final

import pytest

from retrograph.cache.sqlite import SqliteCache
from retrograph.clock import SystemClock
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.enrolled import EnrolledUsers
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.requests import Batch
from retrograph.enrolment.sql_store import SqlEnrolmentStore
from retrograph.enrolment.window import Window
from retrograph.facts import Facts, Loaded, UserFacts
from retrograph.flags.gate import FlagGate
from retrograph.graph.digest import digest
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from retrograph.store.schema import open_database
from tests.contracts.graphs import embedded
from tests.contracts.job_stores import DatabaseTime

STEP_MS: Final = 10_000
REFRESH_STEPS: Final = 3
LAG_MS: Final = 600_000
WINDOW: Final = Window(refresh_ms=REFRESH_STEPS * STEP_MS, settle_ms=900_000)
USERS: Final = ("ann", "bob")
ENROLLED_AT: Final = {"ann": 20, "bob": 41}
STEPS: Final = 41 + 120 + WINDOW.whole_ms // STEP_MS


class Nobody:
    """A flag that covers nobody."""

    async def covered(self, flag: str, user_ids: object) -> frozenset[str]:
        return frozenset()


class World:
    """Orders, the service that tells them late, and whoever loads from it."""

    def __init__(self, time: DatabaseTime, writer: GraphWriter, *, second_loads: bool) -> None:
        self._time = time
        self._writer = writer
        self._second_loads = second_loads
        self.orders: list[tuple[str, str, int]] = []

    def happens(self, user: str, step: int) -> tuple[str, str, int]:
        """The user orders something."""
        self.orders.append((user, f"{user}-{step}", self._time.millis))
        return self.orders[-1]

    async def request(self, batch: Batch) -> None:
        """A load as of now: what the service tells of the users' orders, as one full load of each."""
        if batch.key.endswith("-second") and not self._second_loads:
            return
        async for user in batch.users:
            told = [order for order in self.orders if order[0] == user and order[2] <= self._time.millis - LAG_MS]
            await self._writer.join(_facts(user, told, loaded=Loaded(at=self._time.millis, by=batch.key)))


def _facts(user: str, orders: list[tuple[str, str, int]], loaded: Loaded | None = None) -> Facts:
    at = {order: millis for _, order, millis in orders}
    first = min(at.values(), default=None)
    return Facts(user=UserFacts(user_id=user, purchases={"p": at} if at else {}, first_seen_at=first, loaded=loaded))


async def consumers(store: SqlEnrolmentStore, cache: SqliteCache) -> list[tuple[EnrolledUsers, FlagGate]]:
    """One for each user, each with a set of its own of who is enrolled."""
    made = []
    for _ in USERS:
        enrolled = EnrolledUsers(store, cache, Notices(store, WINDOW), SystemClock(), oldest_seconds=3_600)
        await enrolled.look()
        made.append((enrolled, FlagGate(Nobody(), enrolled)))
    return made


async def lived(folder: Path, graph: GraphStore, *, second_loads: bool) -> tuple[str, World]:
    """The whole story; the digest of what came of it."""
    time = DatabaseTime()
    database = await open_database(f"sqlite:///{folder / 'store.db'}", now=time)
    cache, store = SqliteCache(folder / "cache.db", SystemClock()), SqlEnrolmentStore(database)
    # Whom the cache has is let in at once, which would hide how late the sets are: consumers do not reach it.
    another = SqliteCache(folder / "another.db", SystemClock())
    try:
        async with GraphWriter(graph, SystemClock()) as writer:
            gates = await consumers(store, another)
            world = World(time, writer, second_loads=second_loads)
            enrolments = Enrolments(store, cache, world, WINDOW, SystemClock())
            for step in range(STEPS):
                time.advance(STEP_MS)
                for user in (user for user, at in ENROLLED_AT.items() if at == step):
                    await enrolments.enrol(user, "me")
                await enrolments.step()
                for number, (enrolled, gate) in enumerate(gates):
                    if step % REFRESH_STEPS == number:
                        await enrolled.look()
                    user = USERS[number]
                    order = world.happens(user, step)
                    if user in await gate.admits([user]):
                        await writer.join(_facts(user, [order]))
            await enrolments.step()
        return (await digest(graph, only="purchases")).digest, world
    finally:
        await cache.close()
        await another.close()
        await database.close()


@pytest.mark.parametrize("second_loads", [True, False])
async def test_nothing_is_missing_thanks_to_the_second_load(tmp_path: Path, second_loads: bool) -> None:
    async with embedded(tmp_path / "graph.db") as graph, embedded(tmp_path / "whole.db") as whole:
        found, world = await lived(tmp_path, graph, second_loads=second_loads)
        async with GraphWriter(whole, SystemClock()) as writer:
            for user in USERS:
                await writer.join(_facts(user, [order for order in world.orders if order[0] == user]))
        wanted = (await digest(whole, only="purchases")).digest
    assert (found == wanted) is second_loads
