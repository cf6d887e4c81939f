"""The verbs that every door calls: starting, resuming, refusing, retrying, from any process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from retrograph.errors import (
    DependencyDown,
    IncompatibleGraph,
    LeaseLost,
    MalformedAnswer,
    ServiceFailed,
    UsageError,
)
from retrograph.jobs.job import Job
from retrograph.jobs.state import JobState, NotPossible
from retrograph.jobs.store import FailureQuery
from retrograph.service import JobQuery, Selection, StartRequest
from tests.unit.jobs.engine import World, numbers, until, users


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


async def test_the_same_command_says_that_it_is_done(world: World) -> None:
    first = await world.run()
    answer = await world.start()
    assert (answer.started, answer.running, answer.reason) == (False, False, "complete")
    assert answer.job.job_id == first.job_id
    assert answer.message is not None
    assert "reset" in answer.message


async def test_a_complete_key_retries_its_failures(world: World) -> None:
    world.load.script["user-3"] = ServiceFailed("no")
    assert numbers(await world.run())["failed"] == 1
    world.load.calls.clear()
    world.load.script.clear()
    job = await world.run()
    assert (world.load.calls, numbers(job)) == (["user-3"], {"processed": 10, "failed": 0, "skipped": 0})
    assert world.load.finished == 2
    answer = await world.start(mode="cursor")
    assert answer.reason == "complete"


async def test_what_a_service_failed_is_tried_once_more_at_the_end(world: World) -> None:
    flaky = {"user-3", "user-7"}

    def recover(key: str) -> None:
        if key in flaky and world.load.calls.count(key) == 2:
            world.load.script.pop(key)

    world.load.during = recover
    world.load.script.update({key: ServiceFailed("no") for key in flaky} | {"user-5": MalformedAnswer("bad")})
    job = await world.run(once=False)
    assert numbers(job) == {"processed": 9, "failed": 1, "skipped": 0}
    assert {key: world.load.calls.count(key) for key in ("user-3", "user-5", "user-7")} == {
        "user-3": 2,
        "user-5": 1,
        "user-7": 2,
    }
    assert (job.state, job.epoch) == (JobState.SUCCEEDED, 2)


async def test_a_second_chance_is_no_third_one_and_cannot_pause_the_job(world: World) -> None:
    world.load.script["user-3"] = ServiceFailed("no")
    job = await world.run(once=False)
    assert (job.state, world.load.calls.count("user-3")) == (JobState.SUCCEEDED, 2)
    world.load.script["user-4"] = ServiceFailed("no")
    job = await world.run(users(6), key="second", once=False, max_consecutive_failures=2, concurrency=1)
    assert (job.state, job.counts.failed) == (JobState.PAUSED, 2)
    world.load.calls.clear()
    world.load.script["user-6"] = world.load.script.pop("user-4")
    job = await world.run(users(7), key="third", once=False, max_consecutive_failures=2, concurrency=1)
    assert (job.state, job.counts.failed, job.epoch) == (JobState.SUCCEEDED, 2, 1)


async def test_a_reset_loads_everything_again_in_the_same_job(world: World) -> None:
    first = await world.run()
    job = await world.run(users(4), key=first.key, reset_cursor=True)
    assert (job.job_id, job.total, job.counts.processed, job.cursor) == (first.job_id, 4, 4, "4")


async def test_another_source_or_window_under_one_key_is_refused(world: World) -> None:
    await world.run(key="mine", as_of="2018-01-02", lookback_days=30)
    for change in ({"source": users(3)}, {"as_of": "2018-01-03"}, {"lookback_days": 31}):
        with pytest.raises(UsageError, match="exists with another"):
            await world.start(**{"key": "mine", **change})  # type: ignore[arg-type]
    assert (await world.start(key="mine")).reason == "complete"


async def test_what_was_resolved_at_the_first_start_is_frozen(world: World) -> None:
    world.load.script["user-2"] = DependencyDown("graph", "no")
    first = await world.run(key="mine")
    world.clock.advance(1_000)
    world.load.script.clear()
    again = await world.run(key="mine", batch_size=7)
    assert again.spec == first.spec
    assert again.parameters.batch_size == 7
    later = await world.run(key="mine", reset_cursor=True)
    assert later.spec.as_of == first.spec.as_of + 1_000_000


async def test_a_table_that_has_grown_is_gone_on_with(world: World) -> None:
    first = await world.run(5, kind="identity")
    assert (first.key, first.cursor) == ("table", "5")
    assert (await world.start(5, kind="identity")).reason == "complete"
    grown = await world.run(8, kind="identity")
    assert (grown.cursor, grown.total, grown.counts.processed) == ("8", 8, 8)
    assert world.load.done == dict.fromkeys(users(8), 1)


async def test_parameters_out_of_range_are_clamped_and_said(world: World) -> None:
    answer = await world.start(concurrency=1_000)
    assert answer.job.parameters.concurrency == 64
    assert len(answer.clamped) == 1


@pytest.mark.parametrize(
    ("kind", "key", "parameters"),
    [("nonsense", None, {}), ("purchases", "a b", {}), ("purchases", None, {"batch_size": "x"})],
)
async def test_bad_input_changes_nothing(
    world: World, kind: str, key: str | None, parameters: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        await world.start(kind=kind, key=key, **parameters)
    assert not (await world.service.list(JobQuery())).jobs


async def test_an_empty_list_leaves_no_job_behind(world: World) -> None:
    with pytest.raises(UsageError, match="no ids"):
        await world.start([])
    assert not (await world.service.list(JobQuery())).jobs


async def test_a_start_that_died_while_freezing_is_mended_by_the_same_command(world: World) -> None:
    ids = users(2_500)
    real = world.store.seal

    async def dies(*_: object) -> None:
        raise DependencyDown("store", "cut off")

    world.store.seal = dies  # type: ignore[method-assign,assignment]
    with pytest.raises(DependencyDown):
        await world.start(ids)
    world.store.seal = real  # type: ignore[method-assign]
    (left,) = (await world.service.list(JobQuery())).jobs
    assert (left.state, left.whole) == (JobState.PENDING, False)
    job = await world.run(ids)
    assert (job.job_id, job.counts.processed) == (left.job_id, 2_500)


async def test_a_key_that_really_runs_is_refused_once_its_lease_is_seen_renewed(world: World) -> None:
    answer = await world.start()
    assert answer.taken is not None
    store, other = await world.process("other")
    second = asyncio.create_task(other.start(StartRequest(kind="purchases", source=users(10), who="bob"), world.notes))
    await until(lambda: bool(world.notes.sentences))
    assert "held by me" in world.notes.sentences[0]
    assert not second.done()
    await world.store.renew(answer.taken.claimed.lease, 15_000)
    while not second.done():
        world.clock.advance(0.25)
        await asyncio.sleep(0.005)
    refused = await second
    assert (refused.started, refused.running, refused.reason) == (False, True, "running")
    await store.close()


async def test_a_job_whose_process_died_is_taken_over(tmp_path: Path) -> None:
    async with World(tmp_path, lease_seconds=0.3) as world:
        dead = await world.start()
        store, other = await world.process("other")
        second = asyncio.create_task(
            other.start(StartRequest(kind="purchases", source=users(10), who="bob"), world.notes)
        )
        while not second.done():
            world.clock.advance(0.25)
            await asyncio.sleep(0.01)
        answer = await second
        assert answer.started
        job = await other.run(answer)
        assert (job.state, job.counts.processed, job.epoch) == (JobState.SUCCEEDED, 10, 2)
        with pytest.raises(LeaseLost):
            await world.service.run(dead, once=True)
        assert world.load.done == dict.fromkeys(users(10), 1)
        await store.close()


async def test_only_one_purchases_job_runs_at_a_time_and_the_other_is_named(world: World) -> None:
    running = await world.start(key="first")
    assert running.taken is not None
    second = asyncio.create_task(world.start(users(3), key="second"))
    await until(lambda: bool(world.notes.sentences))
    await world.store.renew(running.taken.claimed.lease, 15_000)
    while not second.done():
        world.clock.advance(0.25)
        await asyncio.sleep(0.005)
    answer = await second
    assert (answer.started, answer.running, answer.reason) == (False, False, "other-job-running")
    assert answer.message is not None
    assert "first" in answer.message
    assert answer.job.key == "first"
    assert (await world.start(3, kind="identity")).started


async def test_a_dry_run_has_the_key_that_is_given_and_is_a_job_of_its_own(world: World) -> None:
    dry = await world.run(key="mine", dry_run=True)
    assert dry.key == "mine"
    assert await world.service.known("purchases", "mine") is None
    known = await world.service.known("purchases", "mine", dry_run=True)
    assert known is not None
    assert known.job_id == dry.job_id
    real = await world.run(key="mine")
    assert (real.job_id != dry.job_id, real.counts.processed) == (True, 10)


async def test_work_belongs_to_its_graph(world: World) -> None:
    world.load.script["user-3"] = ServiceFailed("no")
    first = await world.run(key="mine")
    world.graph = "graph-2"
    with pytest.raises(IncompatibleGraph):
        await world.service.retry(first.job_id, Selection(), "ann")
    second = await world.run(key="mine")
    assert second.job_id != first.job_id
    with pytest.raises(UsageError, match="several jobs"):
        await world.service.show("mine")
    assert (await world.service.show(first.job_id)).graph_id == "graph-1"


async def test_a_key_alone_means_the_job_and_not_its_dry_run(world: World) -> None:
    tried = await world.run(key="mine", dry_run=True)
    assert (await world.service.show("mine")).job_id == tried.job_id
    real = await world.run(key="mine")
    assert real.job_id != tried.job_id
    assert (await world.service.show("mine")).job_id == real.job_id
    assert (await world.service.show(tried.job_id)).spec.dry_run


async def test_chosen_failures_are_retried(world: World) -> None:
    for number in (2, 4, 6):
        world.load.script[f"user-{number}"] = ServiceFailed("no")
    key = (await world.run()).key
    world.load.script.clear()
    world.load.calls.clear()
    job = await world.service.run(await world.service.retry(key, Selection(items=["user-4"]), "ann"))
    assert (world.load.calls, job.counts.failed, job.state) == (["user-4"], 2, JobState.SUCCEEDED)
    job = await world.service.run(await world.service.retry(key, Selection(error_class="ServiceFailed"), "ann"))
    assert (numbers(job), world.load.done) == (
        {"processed": 10, "failed": 0, "skipped": 0},
        dict.fromkeys(users(10), 1),
    )
    resolved = [failure.item async for failure in world.service.failures(key, FailureQuery(resolved=True))]
    assert resolved == ["user-2", "user-4", "user-6"]
    with pytest.raises(UsageError, match="no unresolved failures"):
        await world.service.retry(key, Selection(), "ann")


async def test_a_cancelled_job_comes_back_only_from_the_beginning(world: World) -> None:
    world.load.script["user-2"] = DependencyDown("graph", "no")
    job = await world.run()
    assert (await world.service.cancel(job.key, "ann")).state is JobState.CANCELED
    world.load.script.clear()
    with pytest.raises(NotPossible, match="reset_cursor"):
        await world.start()
    assert (await world.run(reset_cursor=True)).counts.processed == 10


async def test_archived_jobs_keep_their_history_and_leave_the_list(world: World) -> None:
    job = await world.run()
    await world.service.archive(job.key, "ann")
    assert not (await world.service.list(JobQuery())).jobs
    assert [event.what async for event in world.service.log(job.key)][-1] == "archived"
    assert (await world.run(reset_cursor=True)).archived_at is None


async def test_who_only_looks_needs_no_store_that_can_be_written(world: World) -> None:
    await world.run(key="mine")

    async def full() -> Sequence[Job]:
        raise DependencyDown("store", "the disk is full")

    world.store.bury = full  # type: ignore[method-assign]
    assert [job.key for job in (await world.service.list(JobQuery())).jobs] == ["mine"]
    assert (await world.service.show("mine")).state is JobState.SUCCEEDED
