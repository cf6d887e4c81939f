"""A job that is its own watchdog, in the foreground of a process."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from retrograph.errors import (
    DependencyDown,
    NotFound,
    ServiceFailed,
)
from retrograph.jobs.job import Job
from retrograph.jobs.state import JobState
from retrograph.jobs.store import Claim, ClaimAnswer
from retrograph.service import JobQuery, job_as_json
from tests.unit.jobs.engine import World, until, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


def leases_run_out(world: World) -> None:
    """The store's clock is the machine's: no test waits for it."""
    with closing(sqlite3.connect(world.url.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE jobs SET lease_until = 0 WHERE holder IS NOT NULL")


def answer_lost(world: World) -> None:
    """The next claim takes the lease, and its answer never arrives; from then on everything goes well."""
    real = world.store.claim

    async def unanswered(claim: Claim) -> ClaimAnswer:
        world.store.claim = real  # type: ignore[method-assign]
        world.load.script.clear()
        await real(claim)
        raise DependencyDown("store", "cut off after the claim")

    world.store.claim = unanswered  # type: ignore[method-assign]


async def ended(world: World, task: "asyncio.Task[Job]") -> Job:
    """Its own lease, of which it does not know, runs out once it has met it."""
    met = False
    while not task.done():
        world.clock.advance(1)
        await asyncio.sleep(0.002)
        if not met and (met := any("is running already" in sentence for sentence in world.notes.sentences)):
            leases_run_out(world)
    return await task


async def test_a_foreground_job_goes_on_at_the_cap(world: World) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(once=False, concurrency=1, max_runtime_ms=1_000))
    await until(lambda: "user-5" in world.load.calls)
    world.clock.advance(1)
    await asyncio.sleep(0.02)
    world.load.gates["user-5"].set()
    job = await task
    assert (job.state, job.epoch, job.counts.processed) == (JobState.SUCCEEDED, 2, 10)


async def test_a_foreground_job_waits_while_a_dependency_is_down(world: World) -> None:
    world.load.down.add("products")
    world.load.script["user-4"] = ServiceFailed("503", dependency="products")
    task = asyncio.create_task(world.run(once=False, concurrency=1))
    await until(lambda: bool(world.notes.sentences))
    assert "waiting until products answers" in world.notes.sentences[0]
    for _ in range(3):
        pings = world.load.pings
        while world.load.pings == pings:
            world.clock.advance(1)
            await asyncio.sleep(0.002)
    world.load.down.clear()
    world.load.script.clear()
    while not task.done():
        world.clock.advance(1)
        await asyncio.sleep(0.002)
    assert ((await task).state, world.load.done) == (JobState.SUCCEEDED, dict.fromkeys(users(10), 1))


async def test_a_store_that_was_away_for_a_moment_is_waited_for_as_well(world: World) -> None:
    real = world.store.chunk

    async def away(*_: object) -> None:
        raise DependencyDown("store", "cut off")

    world.store.chunk = away  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(world.run(once=False))
    await until(lambda: bool(world.notes.sentences))
    world.store.chunk = real  # type: ignore[method-assign]
    while not task.done():
        world.clock.advance(1)
        await asyncio.sleep(0.002)
    assert ((await task).state, world.load.pings) == (JobState.SUCCEEDED, 0)


async def test_a_claim_whose_answer_was_lost_is_known_as_its_own(world: World) -> None:
    """The lease lasts, and nobody hears of it: this process waits for its end, and nobody else has the job."""
    world.load.script["user-4"] = DependencyDown("graph", "cut off")
    answer = await world.start(concurrency=1)
    answer_lost(world)
    job = await ended(world, asyncio.create_task(world.service.run(answer, world.notes)))
    assert (job.state, job.epoch, job.counts.processed) == (JobState.SUCCEEDED, 3, 10)
    assert "waiting: cut off after the claim" in world.notes.sentences


async def test_a_second_chance_whose_answer_was_lost_is_not_left_running(world: World) -> None:
    world.load.script["user-4"] = ServiceFailed("503", dependency="products")
    answer = await world.start(concurrency=1)
    answer_lost(world)
    job = await ended(world, asyncio.create_task(world.service.run(answer, world.notes)))
    assert (job.state, job.counts.processed, job.counts.failed) == (JobState.SUCCEEDED, 10, 0)


async def test_what_answers_its_ping_and_takes_nothing_is_asked_less_and_less_often(world: World) -> None:
    world.load.script["user-4"] = DependencyDown("graph", "its disk is full")
    task = asyncio.create_task(world.run(once=False, concurrency=1))
    for _ in range(100):
        world.clock.advance(1)
        await asyncio.sleep(0.005)
    runs = len(world.load.calls)
    assert 4 <= runs <= 12  # 1 + 2 + 4 + 8 + 16 + 30 + 30 s of waits; without the doubling it would be a hundred
    world.load.script.clear()
    while not task.done():
        world.clock.advance(1)
        await asyncio.sleep(0.002)
    assert (await task).state is JobState.SUCCEEDED


@pytest.mark.parametrize("by", ["stop_here", "stop", "pause_here"])
async def test_who_waits_for_a_dependency_can_be_stopped(world: World, by: str) -> None:
    world.load.down.add("products")
    world.load.script["user-4"] = ServiceFailed("503", dependency="products")
    task = asyncio.create_task(world.run(once=False, concurrency=1))
    await until(lambda: bool(world.notes.sentences))
    job = (await world.service.list(JobQuery())).jobs[0]
    if by == "stop":
        await world.service.stop(job.key, "bob")
    elif by == "stop_here":
        await world.service.stop_here("ann", "Ctrl-C")
    else:
        await world.service.pause_here()
    while not task.done():
        world.clock.advance(1)
        await asyncio.sleep(0.002)
    assert (await task).state is (JobState.PAUSED if by == "pause_here" else JobState.STOPPED)


async def test_a_job_as_json_has_the_names_others_rely_on(world: World) -> None:
    shown = job_as_json(await world.run(key="mine"))
    needed = "key kind state reason phase cursor total processed failed skipped created_at updated_at job_id refused"
    assert set(needed.split()) <= set(shown)
    assert (shown["key"], shown["state"], shown["cursor"], shown["percent"]) == ("mine", "succeeded", "10", 100.0)
    with pytest.raises(NotFound):
        await world.service.show("nobody")
