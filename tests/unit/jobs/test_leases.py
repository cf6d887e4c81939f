"""What a process does with its lease: it begins nothing that it could not be allowed to finish."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.errors import DependencyDown, LeaseLost
from retrograph.jobs.halt import Halt
from retrograph.jobs.keeper import LeaseKeeper
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.store import Lease
from tests.unit.jobs.clocks import SteppedClock
from tests.unit.jobs.engine import World, until, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


def cut_off(store: SqlJobStore) -> list[str]:
    """From now on nothing that the holder of a lease writes reaches the store; answers what was tried."""
    tried: list[str] = []

    async def renew(*_: object) -> None:
        tried.append("renew")
        raise DependencyDown("store", "cut off")

    store.renew = store.checkpoint = store.end = renew  # type: ignore[method-assign,assignment]
    return tried


def keeper_of(store: SqlJobStore, clock: SteppedClock, claimed_at: float = 0.0) -> tuple[LeaseKeeper, Halt]:
    halt = Halt()
    lease = Lease(job_id="j", epoch=1, holder="me")
    return LeaseKeeper(store, lease, seconds=15, claimed_at=claimed_at, clock=clock, halt=halt), halt


async def test_a_lease_is_reckoned_from_before_it_was_asked_for(world: World) -> None:
    clock = SteppedClock()
    keeper, _ = keeper_of(world.store, clock)
    clock.advance(14.9)
    assert keeper.alive
    keeper.confirmed(sent_at=3, asked=None)
    clock.advance(3)
    assert keeper.alive
    clock.advance(0.2)
    assert not keeper.alive
    with pytest.raises(LeaseLost):
        keeper.check()


async def test_an_answer_that_comes_late_shortens_nothing(world: World) -> None:
    clock = SteppedClock()
    keeper, _ = keeper_of(world.store, clock)
    keeper.confirmed(sent_at=9, asked=None)
    keeper.confirmed(sent_at=4, asked=None)
    clock.advance(23)
    assert keeper.alive


async def test_a_process_that_cannot_renew_tries_until_its_lease_has_ended(world: World) -> None:
    tried = cut_off(world.store)
    clock = SteppedClock()
    keeper, halt = keeper_of(world.store, clock)
    keeping = asyncio.create_task(keeper.keep())
    for _ in range(200):
        clock.advance(0.1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await keeping
    assert len(tried) > 5
    assert halt.lost is not None
    assert halt.lost == "this process could not renew its lease in time: cut off"


async def test_no_item_begins_after_the_lease_has_ended(world: World) -> None:
    """The renewals hang: nothing tells the workers that the time is over but their own look at the clock."""
    world.load.gates["user-5"] = asyncio.Event()
    hanging = asyncio.Event()

    async def hang(*_: object) -> None:
        await hanging.wait()

    task = asyncio.create_task(world.run(concurrency=1))
    await until(lambda: "user-5" in world.load.calls)
    world.store.renew = world.store.checkpoint = hang  # type: ignore[method-assign,assignment]
    world.clock.advance(15.1)
    world.load.gates["user-5"].set()
    with pytest.raises(LeaseLost):
        await task
    assert world.load.calls[-1] == "user-5"


async def test_a_lease_that_is_lost_cuts_items_under_way_short(world: World) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1))
    await until(lambda: "user-5" in world.load.calls)
    cut_off(world.store)
    while not task.done():
        world.clock.advance(0.5)
        await asyncio.sleep(0.001)
    with pytest.raises(LeaseLost):
        await task
    assert world.load.closed == 1


async def test_a_store_that_is_away_for_less_than_the_lease_disturbs_nothing(world: World) -> None:
    real = world.store.renew, world.store.checkpoint, world.store.end
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1, batch_size=1))
    await until(lambda: "user-5" in world.load.calls)
    tried = cut_off(world.store)
    world.load.gates["user-5"].set()
    while len(tried) < 4:
        world.clock.advance(0.5)
        await asyncio.sleep(0.001)
    world.store.renew, world.store.checkpoint, world.store.end = real  # type: ignore[method-assign]
    while not task.done():
        world.clock.advance(0.5)
        await asyncio.sleep(0.001)
    job = await task
    assert (job.state, job.counts.processed, job.epoch) == (JobState.SUCCEEDED, 10, 1)
    assert world.load.done == dict.fromkeys(users(10), 1)
