"""The watchdog: resumes what nobody asked to end, more and more patiently, and knows when to ask for a person."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from retrograph.clock import to_millis
from retrograph.errors import DependencyDown, JobRefused, UsageError
from retrograph.jobs.fleet import Fleet
from retrograph.jobs.job import Job, Spec
from retrograph.jobs.state import JobState
from retrograph.jobs.watchdog import Patience, Watchdog, rest_ms, resumes_at, verdict
from tests.contracts.job_stores import new_job
from tests.unit.jobs.engine import World, until

MINUTE = 60_000
PATIENCE = Patience()


def paused(state: JobState = JobState.PAUSED, reason: str | None = "max-runtime", *, tries: int = 0) -> Job:
    spec = Spec(as_of=0)
    return Job(
        job_id="j", graph_id="g", key="k", kind="purchases", state=state, reason=reason, spec=spec,
        idle_tries=tries, paused_at=1_000,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["max-runtime", "consecutive-failures", "dependency-down"])
def test_a_paused_job_rests_five_minutes_then_twice_as_long_up_to_an_hour(reason: str) -> None:
    rests = [rest_ms(paused(reason=reason, tries=tries), PATIENCE) // MINUTE for tries in range(7)]
    assert rests == [5, 10, 20, 40, 60, 60, 60]


@pytest.mark.parametrize(("state", "reason"), [(JobState.INTERRUPTED, None), (JobState.PAUSED, "shutdown")])
def test_one_whose_process_ended_is_resumed_at_once_but_not_in_a_loop(state: JobState, reason: str | None) -> None:
    rests = [rest_ms(paused(state, reason, tries=tries), PATIENCE) // MINUTE for tries in range(6)]
    assert rests == [0, 5, 10, 20, 40, 60]


def test_ten_tries_without_progress_need_a_person() -> None:
    assert verdict(paused(tries=9), 10**12, PATIENCE) == "resume"
    assert verdict(paused(tries=10), 10**12, PATIENCE) == "attend"
    assert verdict(replace(paused(tries=10), needs_attention=True), 10**12, PATIENCE) == "leave"


def test_it_waits_to_the_millisecond() -> None:
    assert verdict(paused(), 1_000 + 5 * MINUTE - 1, PATIENCE) == "wait"
    assert verdict(paused(), 1_000 + 5 * MINUTE, PATIENCE) == "resume"


def test_it_can_be_told_before_when_a_job_will_be_resumed() -> None:
    assert resumes_at(paused(), PATIENCE) == 1_000 + 5 * MINUTE
    assert resumes_at(paused(reason="shutdown"), PATIENCE) == 1_000
    assert resumes_at(paused(JobState.STOPPED), PATIENCE) is None
    assert resumes_at(replace(paused(), needs_attention=True), PATIENCE) is None
    assert resumes_at(paused(tries=10), PATIENCE) is None


def test_what_was_accepted_and_never_begun_is_begun_after_a_minute() -> None:
    pending = paused(JobState.PENDING, None)
    assert verdict(pending, 1_000 + MINUTE - 1, PATIENCE) == "wait"
    assert verdict(pending, 1_000 + MINUTE, PATIENCE) == "resume"
    assert verdict(replace(pending, whole=False), 10**12, PATIENCE) == "leave"
    assert verdict(replace(pending, spec=Spec(as_of=0, dry_run=True)), 10**12, PATIENCE) == "leave"


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.PAUSED, JobState.INTERRUPTED, JobState.PENDING}))
def test_what_an_operator_ended_or_a_process_holds_is_left_alone(state: JobState) -> None:
    assert verdict(paused(state), 10**12, PATIENCE) == "leave"


def test_a_dry_run_and_an_archived_job_are_left_alone() -> None:
    assert verdict(replace(paused(), spec=Spec(as_of=0, dry_run=True)), 10**12, PATIENCE) == "leave"
    assert verdict(replace(paused(), archived_at=5), 10**12, PATIENCE) == "leave"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as opened:
        yield opened


async def test_a_sweep_resumes_what_is_due_and_waits_for_what_is_refused(world: World) -> None:
    world.load.script["user-1"] = DependencyDown("graph", "no answer")
    left = await world.run()
    asked: list[str] = []
    refuse = True

    async def resume(job: Job) -> bool:
        asked.append(job.key)
        if refuse:
            raise JobRefused("other-job-running", "another one runs")
        answer = await world.service.resume(job.key, "watchdog", "due")
        assert answer is not None
        await world.service.run(answer, once=True)
        return True

    async def graph() -> str:
        return world.graph

    dog = Watchdog(world.store, world.clock, graph, resume)
    assert left.paused_at is not None
    world.clock.advance((left.paused_at - to_millis(world.clock.now())) / 1000 + 299)
    assert (await dog.sweep(), asked) == ([], [])
    world.clock.advance(2)
    assert (await dog.sweep(), asked) == ([], [left.key])
    world.graph = "graph-2"
    assert (await dog.sweep(), asked) == ([], [left.key])
    world.graph, refuse = "graph-1", False
    world.load.script.clear()
    assert await dog.sweep() == [left.key]
    assert (await world.service.show(left.key)).state is JobState.SUCCEEDED
    assert await dog.sweep() == []


async def test_a_job_that_cannot_be_resumed_holds_up_no_other(world: World) -> None:
    world.load.script["user-1"] = DependencyDown("graph", "no answer")
    left = [await world.run(key=key) for key in ("broken", "sound")]
    asked: list[str] = []

    async def resume(job: Job) -> bool:
        asked.append(job.key)
        if job.key == "broken":
            raise UsageError("its source is not known any more")
        return True

    async def graph() -> str:
        return world.graph

    paused_at = max(job.paused_at or 0 for job in left)
    world.clock.advance((paused_at - to_millis(world.clock.now())) / 1000 + 300)
    assert await Watchdog(world.store, world.clock, graph, resume).sweep() == ["sound"]
    assert sorted(asked) == ["broken", "sound"]


async def test_a_job_that_another_server_took_up_first_is_not_said_to_be_resumed(world: World) -> None:
    world.load.script["user-1"] = DependencyDown("graph", "no answer")
    left = await world.run()
    world.load.script.clear()

    async def graph() -> str:
        return world.graph

    async with Fleet(world.service, world.clock) as fleet:

        async def resume(job: Job) -> bool:
            """Another server is quicker, after this one has looked."""
            answer = await world.service.resume(job.key, "other", "due")
            assert answer is not None
            await world.service.run(answer, once=True)
            return await fleet.resume(job)

        world.clock.advance(((left.paused_at or 0) - to_millis(world.clock.now())) / 1000 + 300)
        assert await Watchdog(world.store, world.clock, graph, resume).sweep() == []
    assert (await world.service.show(left.key)).epoch == 2


async def test_a_job_whose_process_died_before_it_began_is_begun_by_one_that_serves(world: World) -> None:
    whole = {"whole": True, "kind": "identity", "graph_id": "graph-1", "spec": Spec(as_of=0, bound="3")}
    left = await world.store.accept(new_job("left", **whole), "ann")
    await world.store.accept(new_job("half", **{**whole, "whole": False}), "ann")
    dry = {**whole, "graph_id": "none", "spec": Spec(as_of=0, bound="3", dry_run=True)}
    await world.store.accept(new_job("dry", **dry), "ann")

    async def graph() -> str:
        return world.graph

    async with Fleet(world.service, world.clock) as fleet:
        dog = Watchdog(world.store, world.clock, graph, fleet.resume)
        world.clock.advance((left.updated_at - to_millis(world.clock.now())) / 1000 + 59)
        assert await dog.sweep() == []
        world.clock.advance(2)
        assert await dog.sweep() == ["left"]
        await until(lambda: world.load.finished == 1 and not fleet.running)
    job = await world.service.show("left")
    assert (job.state, job.counts.processed, job.epoch) == (JobState.SUCCEEDED, 3, 1)
    (begun,) = [event for event in await world.store.log(job.job_id) if event.what == "started"]
    assert (begun.who, begun.why) == ("watchdog", "nobody had begun it")
    for key in ("half", "dry"):
        assert (await world.service.show(key)).state is JobState.PENDING
    assert await dog.sweep() == []
