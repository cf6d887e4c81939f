"""A run: no item lost or counted twice, whatever fails, and every end is one of the table's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.errors import ConfigurationError, DependencyDown, ServiceFailed
from retrograph.jobs.job import Counts
from retrograph.jobs.state import JobState
from retrograph.jobs.store import FailureQuery
from retrograph.jobs.work import Outcome
from retrograph.service import JobQuery
from tests.unit.jobs.engine import World, numbers, until, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


async def failed_items(world: World, job_id: str, *, resolved: bool = False) -> list[str]:
    return [failure.item for failure in await world.store.failures(job_id, FailureQuery(resolved=resolved))]


@pytest.mark.parametrize("concurrency", [1, 3, 64])
@pytest.mark.parametrize("batch_size", [1, 7, 5_000])
async def test_every_item_is_done_once(world: World, concurrency: int, batch_size: int) -> None:
    job = await world.run(users(50), concurrency=concurrency, batch_size=batch_size)
    assert (job.state, job.cursor, numbers(job)) == (
        JobState.SUCCEEDED,
        "50",
        {"processed": 50, "failed": 0, "skipped": 0},
    )
    assert world.load.done == dict.fromkeys(users(50), 1)
    assert (world.load.finished, world.load.closed) == (1, 1)


async def test_outcomes_are_counted_by_reason(world: World) -> None:
    world.load.script["user-2"] = Outcome(status="skipped", reason="dull")
    world.load.script["user-3"] = Outcome(status="processed", refused={"future": 2}, found={"purchases": 5})
    world.load.script["user-4"] = Outcome(
        status="processed", refused={"future": 1, "absurd": 1}, found={"purchases": 2}
    )
    job = await world.run()
    assert job.counts == Counts(
        processed=9,
        skipped=1,
        skipped_by={"dull": 1},
        refused={"future": 3, "absurd": 1},
        found={"purchases": 7},
    )


async def test_an_item_that_fails_never_takes_the_job_down(world: World) -> None:
    world.load.script["user-3"] = ServiceFailed("502 after 5 tries", dependency="products")
    world.load.script["user-5"] = ZeroDivisionError("a\0mistake")
    job = await world.run()
    assert (job.state, numbers(job)) == (JobState.SUCCEEDED, {"processed": 8, "failed": 2, "skipped": 0})
    failures = await world.store.failures(job.job_id, FailureQuery())
    assert {(failure.item, failure.error_class, failure.message) for failure in failures} == {
        ("user-3", "ServiceFailed", "502 after 5 tries"),
        ("user-5", "ZeroDivisionError", "amistake"),
    }


async def test_a_dependency_that_is_down_pauses_the_job_and_charges_nobody(world: World) -> None:
    world.load.down.add("products")
    world.load.script["user-4"] = ServiceFailed("503", dependency="products")
    job = await world.run(concurrency=1)
    assert (job.state, job.reason, job.message) == (JobState.PAUSED, "dependency-down", "503")
    assert (numbers(job), job.cursor) == ({"processed": 3, "failed": 0, "skipped": 0}, "3")
    world.load.down.clear()
    world.load.script.clear()
    job = await world.run()
    assert (job.state, numbers(job)["processed"], world.load.done["user-4"]) == (JobState.SUCCEEDED, 10, 1)


async def test_a_dependency_known_to_be_down_needs_no_ping(world: World) -> None:
    world.load.script["user-1"] = DependencyDown("graph", "no answer")
    job = await world.run()
    assert (job.state, job.reason, world.load.pings) == (JobState.PAUSED, "dependency-down", 0)


async def test_a_wrong_setting_fails_the_run_and_charges_nobody(world: World) -> None:
    world.load.script["user-3"] = ConfigurationError("the token is refused")
    job = await world.run(concurrency=1)
    assert (job.state, job.message, job.counts.failed) == (JobState.FAILED, "the token is refused", 0)
    world.load.script.clear()
    assert (await world.run()).state is JobState.SUCCEEDED
    assert world.load.done == dict.fromkeys(users(10), 1)


async def test_an_error_while_opening_is_the_jobs_end_too(world: World) -> None:
    world.kinds["purchases"].opening = DependencyDown("graph", "no answer")
    assert (await world.run()).reason == "dependency-down"
    world.kinds["purchases"].opening = ConfigurationError("wrong password")
    assert (await world.run()).state is JobState.FAILED


async def test_failures_in_a_row_pause_the_job_and_a_success_between_does_not(world: World) -> None:
    for number in (1, 2, 4, 5, 6, 7):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    job = await world.run(concurrency=1, max_consecutive_failures=3)
    assert (job.state, job.reason) == (JobState.PAUSED, "consecutive-failures")
    assert (numbers(job), job.cursor) == ({"processed": 1, "failed": 5, "skipped": 0}, "6")


async def test_recorded_failures_are_retried_first_and_then_the_walk_goes_on(world: World) -> None:
    for number in (1, 2, 3):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    await world.run(concurrency=1, max_consecutive_failures=3)
    del world.load.script["user-1"], world.load.script["user-3"]
    world.load.calls.clear()
    job = await world.run(concurrency=1, max_consecutive_failures=25)
    assert world.load.calls == ["user-1", "user-2", "user-3", *users(10)[3:]]
    assert (job.state, numbers(job)) == (JobState.SUCCEEDED, {"processed": 9, "failed": 1, "skipped": 0})
    assert await failed_items(world, job.job_id) == ["user-2"]


@pytest.mark.parametrize(("mode", "calls"), [("cursor", users(10)[3:]), ("failed", users(3))])
async def test_a_mode_leaves_the_other_part_alone(world: World, mode: str, calls: list[str]) -> None:
    for number in (1, 2, 3):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    await world.run(concurrency=1, max_consecutive_failures=3)
    world.load.script.clear()
    world.load.calls.clear()
    job = await world.run(concurrency=1, mode=mode)
    assert world.load.calls == calls
    if mode == "failed":
        assert (job.state, job.reason, job.cursor) == (JobState.STOPPED, "retried", "3")
        job = await world.run()
    assert (job.state, job.counts.scanned) == (JobState.SUCCEEDED, 10)


async def test_a_retry_goes_on_with_its_own_cursor(world: World) -> None:
    for number in range(1, 7):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    await world.run(users(6), concurrency=1)
    await world.run(users(6), concurrency=1, max_consecutive_failures=2)
    world.load.calls.clear()
    job = await world.run(users(6), concurrency=1, max_consecutive_failures=2)
    assert world.load.calls == ["user-3", "user-4"]
    world.load.script.clear()
    job = await world.run(users(6), concurrency=1)
    assert world.load.calls[2:] == ["user-5", "user-6"]
    assert numbers(job) == {"processed": 2, "failed": 4, "skipped": 0}


async def test_a_retry_that_is_at_its_end_makes_room_for_the_next_one(world: World) -> None:
    for number in (1, 2, 3):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    await world.run(concurrency=1, max_consecutive_failures=3)
    world.load.script["user-6"] = DependencyDown("graph", "no answer")
    job = await world.run(concurrency=1, max_consecutive_failures=25)
    assert (job.reason, job.retry, job.cursor) == ("dependency-down", None, "5")
    world.load.script.clear()
    assert (await world.run(concurrency=1)).counts == Counts(processed=10)


async def test_items_done_above_the_cursor_are_not_done_again(world: World) -> None:
    world.load.gates["user-1"] = asyncio.Event()
    world.load.script["user-9"] = DependencyDown("graph", "no answer")
    task = asyncio.create_task(world.run(concurrency=2))
    await until(lambda: "user-9" in world.load.calls)
    await until(lambda: len(world.clock._sleepers) >= 3)  # the grace of the item under way
    world.clock.advance(10)
    job = await task
    assert (job.reason, job.cursor, job.counts.processed) == ("dependency-down", None, 7)
    world.load.gates.clear()
    world.load.script.clear()
    assert (await world.run()).counts.processed == 10
    assert world.load.done == dict.fromkeys(users(10), 1)


async def test_the_runtime_cap_pauses_and_the_next_run_goes_on(world: World) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1, max_runtime_ms=2_000))
    await until(lambda: "user-5" in world.load.calls)
    for _ in range(4):
        world.clock.advance(0.5)
        await asyncio.sleep(0.01)
    world.load.gates["user-5"].set()
    job = await task
    assert (job.state, job.reason, job.cursor) == (JobState.PAUSED, "max-runtime", "5")
    assert (await world.run()).counts.processed == 10


async def test_a_checkpoint_comes_after_five_seconds_at_the_latest(world: World) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1))
    await until(lambda: "user-5" in world.load.calls)
    job_id = (await world.service.show(await only_key(world))).job_id
    assert (await world.store.get(job_id)).counts.processed == 0
    for _ in range(10):
        world.clock.advance(0.5)
        await asyncio.sleep(0.01)
    for _ in range(400):
        if (await world.store.get(job_id)).counts.processed == 4:
            break
    assert (await world.store.get(job_id)).counts.processed == 4
    world.load.gates["user-5"].set()
    await task


async def only_key(world: World) -> str:
    return (await world.service.list(JobQuery())).jobs[0].key


async def test_the_hook_at_the_end_is_gone_to_at_once_by_the_next_run(world: World) -> None:
    def refuse() -> None:
        raise DependencyDown("graph", "no answer")

    world.load.at_finish = refuse
    job = await world.run()
    assert (job.state, job.reason, job.finishing, job.counts.processed) == (
        JobState.PAUSED,
        "dependency-down",
        True,
        10,
    )
    world.load.at_finish = lambda: None
    world.load.calls.clear()
    assert (await world.run()).state is JobState.SUCCEEDED
    assert world.load.calls == []


async def test_a_dry_run_counts_and_calls_nothing(world: World) -> None:
    world.graph = ""
    job = await world.run(dry_run=True)
    assert job.key.endswith(":dry-run")
    assert (job.counts.skipped, job.counts.skipped_by, job.graph_id) == (10, {"dry-run": 10}, "none")
    assert (world.load.calls, world.load.finished) == ([], 0)


async def test_a_stop_from_elsewhere_is_heard_with_the_next_renewal(world: World) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1))
    await until(lambda: "user-5" in world.load.calls)
    store, elsewhere = await world.process("other")
    key = await only_key(world)
    assert (await elsewhere.stop(key, "bob", "enough")).state is JobState.STOPPING
    world.clock.advance(5)
    await until(lambda: len(world.clock._sleepers) >= 3)  # it has heard: the item under way has its grace now
    world.load.gates["user-5"].set()
    job = await task
    assert (job.state, job.cursor, world.load.calls[-1]) == (JobState.STOPPED, "5", "user-5")
    await store.close()
    assert (await world.run()).state is JobState.SUCCEEDED
    assert world.load.done == dict.fromkeys(users(10), 1)


@pytest.mark.parametrize("by", ["stop", "pause"])
async def test_this_process_can_be_told_to_end(world: World, by: str) -> None:
    world.load.gates["user-5"] = asyncio.Event()
    task = asyncio.create_task(world.run(concurrency=1))
    await until(lambda: "user-5" in world.load.calls)
    if by == "stop":
        await world.service.stop_here("ann", "Ctrl-C")
    else:
        await world.service.pause_here()
    world.load.gates["user-5"].set()
    job = await task
    expected = (JobState.STOPPED, None) if by == "stop" else (JobState.PAUSED, "shutdown")
    assert ((job.state, job.reason), job.cursor) == (expected, "5")
