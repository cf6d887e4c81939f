"""Jobs in the background of servers: started, bounded, paused when a server ends, and gone on with by one of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrograph.errors import DependencyDown, ServiceFailed
from retrograph.jobs.fleet import WATCHDOG, Fleet
from retrograph.jobs.job import Job, Spec
from retrograph.jobs.requests import StartRequest
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.watchdog import Watchdog
from retrograph.service import Service
from tests.contracts.job_stores import store_url
from tests.unit.jobs.engine import World, until, users

__all__ = ["store_url"]
MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One serving process: its jobs, and its watchdog, which sweeps when a test says so."""

    store: SqlJobStore
    service: Service
    fleet: Fleet
    watchdog: Watchdog

    async def start(self, **parameters: object) -> Job:
        request = StartRequest(kind="purchases", source=users(10), key="load", parameters=parameters, who="ann")
        answer = await self.fleet.start(request)
        assert answer.started, answer.message
        return answer.job

    async def job(self) -> Job:
        return await self.service.show("load")


@pytest.fixture
async def world(tmp_path: Path, store_url: str) -> AsyncIterator[World]:
    opened = World(tmp_path)
    opened.url = store_url
    # The store's own clock says when a job paused: the servers' begins at the same time.
    opened.clock.advance((datetime.now(UTC) - opened.clock.now()).total_seconds())
    async with opened:
        yield opened


@asynccontextmanager
async def serving(world: World, name: str, *, pause_seconds: float = 600.0) -> AsyncIterator[Server]:
    """Its time goes fast: ten minutes of it leave a busy machine some seconds for what a pause takes."""
    store, service = await world.process(name)

    async def graph() -> str:
        return world.graph

    try:
        async with Fleet(service, world.clock, pause_seconds=pause_seconds) as fleet:
            watchdog = Watchdog(store, world.clock, graph, fleet.resume)
            try:
                yield Server(store=store, service=service, fleet=fleet, watchdog=watchdog)
            finally:
                ending = asyncio.create_task(passing(world))
        ending.cancel()
    finally:
        await store.close()


async def passing(world: World) -> None:
    """Time goes on while a server ends."""
    while True:
        world.clock.advance(0.1)
        await asyncio.sleep(0.001)


async def let_go(world: World, *, after: float) -> None:
    """The user under way comes to its end, that many seconds from now."""
    await world.clock.sleep(after)
    world.load.gates["user-6"].set()


async def reached(server: Server, state: JobState) -> Job:
    for _ in range(5_000):
        if not server.fleet.running and (job := await server.job()).state is state:
            return job
        await asyncio.sleep(0.001)
    raise AssertionError(f"it never was {state}: {await server.job()}")


async def halfway(world: World, server: Server, **parameters: object) -> None:
    """A job that has come to its sixth user, and waits there."""
    world.load.gates["user-6"] = asyncio.Event()
    await server.start(concurrency=1, **parameters)
    await until(lambda: "user-6" in world.load.calls)


async def test_a_start_answers_at_once_and_the_job_runs_on(world: World) -> None:
    async with serving(world, "one") as server:
        await halfway(world, server)
        assert list(server.fleet.running) == [(await server.job()).job_id]
        world.load.gates["user-6"].set()
        assert (await reached(server, JobState.SUCCEEDED)).counts.processed == 10


async def test_whoever_asked_may_go_and_no_lease_is_left_alone(world: World) -> None:
    async with serving(world, "one") as server:
        world.load.gates["user-6"] = asyncio.Event()
        asking = asyncio.create_task(server.start(concurrency=1))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until(lambda: "user-6" in world.load.calls)
        world.load.gates["user-6"].set()
        await reached(server, JobState.SUCCEEDED)


async def test_a_server_that_ends_pauses_its_jobs_and_another_goes_on_at_once(world: World) -> None:
    async with serving(world, "other") as other:
        async with serving(world, "one") as server:
            await halfway(world, server)
            letting_go = asyncio.create_task(let_go(world, after=1.0))
        await letting_go
        paused = await other.job()
        assert (paused.state, paused.reason, paused.holder) == (JobState.PAUSED, "shutdown", None)
        assert await other.watchdog.sweep() == ["load"]
        done = await reached(other, JobState.SUCCEEDED)
    assert (done.epoch, world.load.done) == (2, dict.fromkeys(users(10), 1))


async def test_what_does_not_pause_in_time_is_left_to_its_lease(world: World) -> None:
    async with serving(world, "one", pause_seconds=5.0) as server:
        await halfway(world, server)
    job = await world.service.show("load")
    assert (job.state, job.holder) == (JobState.RUNNING, "one:1")


async def test_a_server_that_ends_takes_nothing_on(world: World) -> None:
    async with serving(world, "one") as server:
        await server.fleet.pause()
        with pytest.raises(DependencyDown, match="shutting down"):
            await server.start()
        assert not await server.fleet.resume(
            Job(job_id="j", graph_id=world.graph, key="k", kind="purchases", state=JobState.PAUSED, spec=Spec(as_of=0))
        )


@pytest.mark.parametrize("reason", ["max-runtime", "consecutive-failures"])
async def test_a_job_that_paused_itself_goes_on_after_five_minutes_and_not_before(world: World, reason: str) -> None:
    async with serving(world, "one") as server:
        paused = await paused_by(reason, world, server)
        assert await server.watchdog.sweep() == []
        due = (paused.paused_at or 0) / 1000 + 5 * MINUTE
        world.clock.advance(due - 1 - world.clock.now().timestamp())
        assert await server.watchdog.sweep() == []
        world.clock.advance(1.001)
        assert await server.watchdog.sweep() == ["load"]
        done = await reached(server, JobState.SUCCEEDED)
        assert (done.epoch, done.counts.processed) == (2, 10)
        log = [line async for line in server.service.log("load")]
        assert [(line.who, line.why) for line in log if line.target is JobState.RUNNING][-1] == (
            WATCHDOG,
            f"it was paused ({reason})",
        )


async def test_of_two_servers_only_one_goes_on_with_a_job(world: World) -> None:
    async with serving(world, "one") as one, serving(world, "two") as two:
        await paused_by("max-runtime", world, one)
        world.clock.advance(6 * MINUTE)
        found = await asyncio.gather(one.watchdog.sweep(), two.watchdog.sweep())
        assert sorted(map(list, found)) == [[], ["load"]]
        server = one if found[0] else two
        assert (await reached(server, JobState.SUCCEEDED)).epoch == 2
    assert world.load.done == dict.fromkeys(users(10), 1)


@pytest.mark.parametrize("why", ["dry run", "stopped"])
async def test_a_dry_run_and_what_an_operator_stopped_never_come_back(world: World, why: str) -> None:
    async with serving(world, "one") as server:
        if why == "dry run":
            await server.start(dry_run=True, rate_limit=0.1, max_runtime_ms=1_000)
            while server.fleet.running:
                world.clock.advance(0.1)
                await asyncio.sleep(0.001)
            assert (await server.job()).reason == "max-runtime"
        else:
            await paused_by("max-runtime", world, server)
            await server.service.stop("load", "ann", "enough")
        world.clock.advance(48 * 60 * MINUTE)
        assert await server.watchdog.sweep() == []
        assert (await server.job()).epoch == 1


async def paused_by(reason: str, world: World, server: Server) -> Job:
    """A job that has met one of its own bounds; afterwards nothing fails any more."""
    if reason == "max-runtime":
        await halfway(world, server, max_runtime_ms=60_000)
        world.clock.advance(61)
        asyncio.get_running_loop().call_later(0.02, world.load.gates["user-6"].set)
    else:
        world.load.script |= {user: ServiceFailed("503") for user in users(10)}
        await server.start(concurrency=1, max_consecutive_failures=5)
    paused = await reached(server, JobState.PAUSED)
    assert paused.reason == reason
    world.load.script.clear()
    return paused
