"""A run that sends its items: in batches, each noted once, the rest after a pause, until each has an outcome."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from retrograph.errors import DependencyDown, NotFound, OtherWork, UsageError
from retrograph.jobs.courier import BATCH, Courier, Dead
from retrograph.jobs.job import Depth, Job
from retrograph.jobs.outcomes import Attempt, ItemOutcome
from retrograph.jobs.state import JobState
from retrograph.jobs.store import FailureQuery
from retrograph.jobs.work import Item
from retrograph.service import StartAnswer, StartRequest
from tests.unit.jobs.engine import World, numbers, users


class Post:
    """Somewhere that requests go, with workers behind it that answer what a test says."""

    retention_seconds = 3_600.0

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent: list[Sequence[Attempt]] = []
        self.refuses: Callable[[Attempt], bool] = lambda attempt: False
        self.fails: Callable[[Attempt], bool] = lambda attempt: False
        self.answers = True
        self.down: DependencyDown | None = None
        self.given_up: list[Dead] = []
        self.forgotten: list[Dead] = []
        self.configured: str | None = "https://sqs.eu-west-1.amazonaws.com/1/one"
        self.opened: list[str | None] = []
        self._job_id = ""

    def check(self, kind: str) -> None:
        if kind != "purchases":
            raise UsageError(f"jobs of kind {kind} are not sent")

    async def address(self, named: str | None) -> str:
        if named is None and self.configured is None:
            raise UsageError("no queue is configured", field="executor")
        return named or self.configured or ""

    async def open(self, job: Job) -> Courier:
        self._job_id = job.job_id
        self.opened.append(job.parameters.queue)
        return self

    async def send(self, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
        if self.down is not None:
            raise self.down
        self.sent.append(attempts)
        taken = [attempt for attempt in attempts if not self.refuses(attempt)]
        if self.answers:
            await self.answer(taken)
        return {attempt: "throttled" for attempt in attempts if self.refuses(attempt)}

    async def answer(self, attempts: Sequence[Attempt]) -> None:
        outcomes = [
            ItemOutcome(item=one.item, attempt=one.attempt, status="failed", error_class="WriteFailed", message="no")
            if self.fails(one)
            else ItemOutcome(item=one.item, attempt=one.attempt, status="processed")
            for one in attempts
        ]
        await self._world.store.record(self._job_id, outcomes)

    async def dead(self) -> Sequence[Dead]:
        return [dead for dead in self.given_up if dead not in self.forgotten]

    async def forget(self, dead: Sequence[Dead]) -> None:
        self.forgotten += dead

    async def depth(self) -> Depth:
        return Depth(waiting=1, in_flight=2, dead=3, at=4)

    async def ping(self) -> bool:
        return self.down is None

    async def close(self) -> None:
        return None

    @property
    def requests(self) -> Counter[Attempt]:
        """How often each was sent."""
        return Counter(attempt for parcel in self.sent for attempt in parcel)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = World(tmp_path)
    opened.couriers = Post(opened)
    async with opened:
        yield opened


def post(world: World) -> Post:
    assert isinstance(world.couriers, Post)
    return world.couriers


async def passing(world: World, running: "asyncio.Task[Job]") -> Job:
    """Lets time pass until the run has ended."""
    while not running.done():
        world.clock.advance(0.1)
        await asyncio.sleep(0.002)
    return await running


async def run(world: World, source: object = None, key: str | None = None, **parameters: object) -> Job:
    parameters.setdefault("executor", "queue")
    answer: StartAnswer = await world.start(source, "purchases", key, **parameters)
    assert answer.started, answer.message
    return await passing(world, asyncio.create_task(world.service.run(answer, world.notes, once=True)))


def outcome(job: Job) -> tuple[JobState, int, int, int, int]:
    return job.state, job.counts.processed, job.counts.failed, job.sent, job.answered


async def test_every_item_is_sent_once_in_batches_and_counted_by_its_outcome(world: World) -> None:
    job = await run(world, users(57), batch_size=20)
    assert outcome(job) == (JobState.SUCCEEDED, 57, 0, 57, 57)
    assert post(world).requests == {Attempt(user, 1): 1 for user in users(57)}
    assert {len(parcel) for parcel in post(world).sent} <= set(range(1, BATCH + 1))
    assert len(post(world).sent) <= 12
    assert (world.load.calls, world.load.finished, job.cursor) == ([], 1, "57")
    assert job.depth == Depth(waiting=1, in_flight=2, dead=3, at=4)


async def test_what_is_refused_in_a_batch_is_sent_again_alone(world: World) -> None:
    refused: Counter[Attempt] = Counter()

    def once(attempt: Attempt) -> bool:
        refused[attempt] += attempt.item.endswith("3")
        return refused[attempt] in (1, 2)

    post(world).refuses = once
    job = await run(world, users(20))
    assert outcome(job) == (JobState.SUCCEEDED, 20, 0, 20, 20)
    assert {attempt.item for attempt, times in post(world).requests.items() if times > 1} == {"user-3", "user-13"}


async def test_what_cannot_be_sent_pauses_the_job_and_a_resume_sends_only_the_rest(world: World) -> None:
    post(world).refuses = lambda attempt: attempt.item == "user-5"
    job = await run(world, users(20), key="k", concurrency=1)
    assert (job.state, job.reason) == (JobState.PAUSED, "dependency-down")
    assert job.message is not None and "throttled" in job.message
    before = post(world).requests
    assert job.sent == len(before) - 1
    post(world).refuses = lambda attempt: False
    post(world).sent.clear()
    job = await run(world, users(20), key="k")
    assert outcome(job) == (JobState.SUCCEEDED, 20, 0, 20, 20)
    assert {attempt.item for attempt in post(world).requests} == {*users(20)} - {
        attempt.item for attempt in before if attempt.item != "user-5"
    }


async def test_a_queue_that_is_down_pauses_the_job_without_charging_anybody(world: World) -> None:
    post(world).down = DependencyDown("queue", "the queue does not answer")
    job = await run(world, users(5), key="k")
    assert (job.state, job.reason, numbers(job)) == (
        JobState.PAUSED,
        "dependency-down",
        {"processed": 0, "failed": 0, "skipped": 0},
    )


async def test_failures_are_listed_and_retried_as_new_attempts(world: World) -> None:
    post(world).fails = lambda attempt: attempt.item == "user-2" and attempt.attempt == 1
    job = await run(world, users(4), key="k")
    assert outcome(job) == (JobState.SUCCEEDED, 3, 1, 4, 4)
    (failure,) = await world.store.failures(job.job_id, FailureQuery())
    assert (failure.item, failure.error_class) == ("user-2", "WriteFailed")
    job = await run(world, users(4), key="k", mode="failed")
    assert outcome(job) == (JobState.SUCCEEDED, 4, 0, 5, 5)
    assert post(world).requests[Attempt("user-2", 2)] == 1


async def test_a_job_waits_for_the_outcomes_of_what_it_sent_over_a_pause(world: World) -> None:
    post(world).answers = False
    answer = await world.start(users(7), key="k", executor="queue", max_runtime_ms=5_000)
    paused = await passing(world, asyncio.create_task(world.service.run(answer, world.notes, once=True)))
    assert (paused.state, paused.reason, paused.sent, paused.answered) == (JobState.PAUSED, "max-runtime", 7, 0)
    await post(world).answer([Attempt(user, 1) for user in users(7)])
    post(world).sent.clear()
    job = await run(world, users(7), key="k")
    assert (outcome(job), post(world).sent) == ((JobState.SUCCEEDED, 7, 0, 7, 7), [])


async def test_what_was_given_up_or_forgotten_by_the_queue_has_failed(world: World) -> None:
    post(world).answers = False
    post(world).retention_seconds = 0.001
    post(world).given_up = [Dead(attempt=Attempt("user-1", 1), handle="h")]
    job = await run(world, users(3))
    assert outcome(job) == (JobState.SUCCEEDED, 0, 3, 3, 3)
    failures = await world.store.failures(job.job_id, FailureQuery())
    assert {failure.item: failure.error_class for failure in failures} == {
        "user-1": "DeadLetter",
        "user-2": "Expired",
        "user-3": "Expired",
    }
    assert post(world).forgotten == post(world).given_up


async def test_too_many_failures_in_a_row_pause_the_sending(world: World) -> None:
    post(world).fails = lambda attempt: True
    job = await run(world, users(200), max_consecutive_failures=10, rate_limit=20)
    assert (job.state, job.reason) == (JobState.PAUSED, "consecutive-failures")
    assert job.sent < 200


async def test_a_job_that_was_sent_in_part_can_go_on_here(world: World) -> None:
    """Another executor counts what the workers have done meanwhile, and does nothing of it again."""
    post(world).refuses = lambda attempt: attempt.item in ("user-4", "user-9")
    paused = await run(world, users(12), key="k")
    assert paused.state is JobState.PAUSED
    job = await run(world, users(12), key="k", executor="inline")
    assert (job.state, job.counts.processed, job.counts.failed, job.answered) == (
        JobState.SUCCEEDED,
        12,
        0,
        job.sent,
    )
    assert {*world.load.calls} | {"user-4", "user-9"} == {*world.load.calls}
    assert not {*world.load.calls} & {attempt.item for attempt in post(world).requests} - {"user-4", "user-9"}


async def test_a_reset_job_sends_requests_of_its_own(world: World) -> None:
    first = await run(world, users(3), key="k")
    job = await run(world, users(3), key="k", reset_cursor=True)
    assert outcome(job) == (JobState.SUCCEEDED, 3, 0, 3, 3)
    await post(world).answer([Attempt(user, 1) for user in users(3)])
    assert (await world.store.settle(first.job_id)).counts.processed == 3
    assert {attempt.attempt for attempt in post(world).requests} == {1, 2}


async def test_a_dry_run_sends_nothing_and_other_kinds_are_not_sent(world: World) -> None:
    job = await run(world, users(3), dry_run=True)
    assert (numbers(job)["skipped"], post(world).sent) == (3, [])
    with pytest.raises(UsageError, match="identity"):
        await world.start(5, kind="identity", executor="queue")


async def test_the_items_are_sent_at_the_pace_of_the_job(world: World) -> None:
    began = world.clock.monotonic()
    await run(world, users(30), rate_limit=10)
    assert world.clock.monotonic() - began >= 2.5


def test_an_item_knows_how_often_it_failed() -> None:
    assert Item("a", "1").attempts == 0


async def paused_on_its_way(world: World) -> Job:
    """A job of which some is sent, and nothing answered."""
    post(world).answers = False
    post(world).refuses = lambda attempt: attempt.item == "user-15"
    job = await run(world, users(20), key="k", concurrency=1)
    assert (job.state, job.sent, job.answered) == (JobState.PAUSED, 19, 0)
    post(world).refuses = lambda attempt: False
    return job


@pytest.mark.parametrize("elsewhere", ["https://sqs.eu-west-1.amazonaws.com/1/other", None])
@pytest.mark.parametrize("said", [{"executor": "queue"}, {"executor": None}])
async def test_a_job_goes_on_through_its_own_queue_whatever_the_next_process_has(
    world: World, elsewhere: str | None, said: dict[str, object]
) -> None:
    own = post(world).configured
    await paused_on_its_way(world)
    post(world).configured, post(world).answers = elsewhere, True
    await post(world).answer([attempt for attempt in post(world).requests if attempt.item != "user-15"])
    job = await run(world, users(20), key="k", **said)
    assert (*outcome(job), job.parameters.queue) == (JobState.SUCCEEDED, 20, 0, 20, 20, own)
    assert set(post(world).opened) == {own}


async def test_another_queue_is_refused_while_something_is_on_its_way_through_the_first(world: World) -> None:
    own, other = post(world).configured, "https://sqs.eu-west-1.amazonaws.com/1/other"
    await paused_on_its_way(world)
    request = StartRequest(
        kind="purchases", source=users(20), parameters={"executor": "queue"}, key="k", who="ann", queue=other
    )
    with pytest.raises(OtherWork, match=r"where 19 of its users have no outcome yet"):
        await world.service.start(request)
    assert (await world.service.show("k")).parameters.queue == own
    post(world).answers = True
    over = replace(request, parameters={"executor": "queue", "reset_cursor": True})
    answer = await world.service.start(over)
    job = await passing(world, asyncio.create_task(world.service.run(answer, world.notes, once=True)))
    assert (job.state, job.counts.processed, job.parameters.queue) == (JobState.SUCCEEDED, 20, other)


async def test_a_job_that_began_in_its_own_process_may_be_sent_later(world: World) -> None:
    world.load.script["user-3"] = DependencyDown("service", "down")
    world.load.down.add("service")
    job = await run(world, users(20), key="k", executor="inline", concurrency=1)
    assert (job.state, job.parameters.queue) == (JobState.PAUSED, None)
    job = await run(world, users(20), key="k", executor="queue")
    assert (job.state, job.counts.processed, job.parameters.queue) == (JobState.SUCCEEDED, 20, post(world).configured)
    assert job.sent == 18


async def test_without_a_queue_anywhere_nothing_is_accepted(world: World) -> None:
    post(world).configured = None
    with pytest.raises(UsageError, match="no queue is configured"):
        await world.start(users(3), "purchases", "k", executor="queue")
    with pytest.raises(NotFound):
        await world.service.show("k")
