"""What other processes did for a job: written by whoever did it, counted once, on every backend."""

import asyncio

from retrograph.jobs.job import Job, Parameters, Spec
from retrograph.jobs.outcomes import Attempt, ItemOutcome, Status
from retrograph.jobs.queries import FailureQuery
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.store import Checkpoint, Claimed, Ending, Reset
from tests.contracts.job_stores import (
    LEASE_MS,
    Stores,
    claim_of,
    failing,
    processed,
    running,
    store,
    store_url,
    stores,
)

__all__ = ["store", "store_url", "stores"]

USERS = [f"user-{number}" for number in range(1, 31)]


def ended(item: str, status: Status = "processed", attempt: int = 1, **more: str) -> ItemOutcome:
    return ItemOutcome(item=item, attempt=attempt, status=status, **more)  # type: ignore[arg-type]


async def sent(store: SqlJobStore, claimed: Claimed, *items: str, number: int = 1, attempt: int = 1) -> None:
    requests = [Attempt(item, attempt) for item in items]
    await store.checkpoint(claimed.lease, Checkpoint(number=number, cursor=str(number), sent=requests), LEASE_MS)


def numbers(job: Job) -> tuple[int, int, int, int, int]:
    counts = job.counts
    return counts.processed, counts.failed, counts.skipped, job.sent, job.answered


async def settled(store: SqlJobStore, claimed: Claimed) -> tuple[int, int, int, int, int]:
    await store.settle(claimed.lease.job_id)
    return numbers(await store.get(claimed.lease.job_id))


async def test_outcomes_are_counted_once_whether_they_come_before_or_after_the_checkpoint(store: SqlJobStore) -> None:
    claimed = await running(store)
    job_id = claimed.lease.job_id
    await store.record(job_id, [ended("a"), ended("b", "failed", error_class="ServiceFailed", message="no")])
    assert await settled(store, claimed) == (0, 0, 0, 0, 0)
    await sent(store, claimed, "a", "b", "c")
    await store.record(job_id, [ended("a"), ended("c", "skipped", reason="canceled")])
    assert await settled(store, claimed) == (1, 1, 1, 3, 3)
    await store.record(job_id, [ended("a"), ended("b", "failed"), ended("c")])
    assert await settled(store, claimed) == (1, 1, 1, 3, 3)
    (failure,) = await store.failures(job_id, FailureQuery())
    assert (failure.item, failure.attempts, failure.error_class, failure.message) == ("b", 1, "ServiceFailed", "no")


async def test_a_job_keeps_the_queue_that_a_run_was_claimed_with(store: SqlJobStore) -> None:
    """One that was accepted before there was such a thing has none, until a run names it."""
    through = Parameters(executor="queue", queue="https://sqs.eu-west-1.amazonaws.com/1/bulk")
    claimed = await running(store, parameters=through)
    assert claimed.job.parameters == through
    ended = await store.end(claimed.lease, Checkpoint(number=1), Ending(state=JobState.STOPPED))
    again = await store.claim(claim_of(ended))
    assert isinstance(again, Claimed) and again.job.parameters == through
    (latest, *_) = await store.runs(ended.job_id)
    assert latest.parameters["queue"] == through.queue


async def test_what_is_sent_twice_is_one_request(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a", "b")
    await sent(store, claimed, "b", "c", number=2)
    assert numbers(await store.get(claimed.lease.job_id)) == (0, 0, 0, 3, 0)


async def test_a_late_success_mends_what_had_failed(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a")
    await store.record(claimed.lease.job_id, [ended("a", "failed")])
    assert await settled(store, claimed) == (0, 1, 0, 1, 1)
    await store.record(claimed.lease.job_id, [ended("a")])
    assert await settled(store, claimed) == (1, 0, 0, 1, 1)
    await store.record(claimed.lease.job_id, [ended("a", "failed")])
    assert await settled(store, claimed) == (1, 0, 0, 1, 1)


async def test_two_attempts_of_one_item_count_as_one_item(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a")
    await store.record(claimed.lease.job_id, [ended("a", "failed")])
    await settled(store, claimed)
    await sent(store, claimed, "a", number=2, attempt=2)
    await store.record(claimed.lease.job_id, [ended("a", attempt=2), ended("a")])
    assert await settled(store, claimed) == (1, 0, 0, 2, 2)


async def test_what_the_run_itself_did_meanwhile_is_not_counted_again(store: SqlJobStore) -> None:
    """An item that failed elsewhere, was retried here, and whose first attempt ends well after all."""
    claimed = await running(store)
    await sent(store, claimed, "a")
    await store.record(claimed.lease.job_id, [ended("a", "failed")])
    await settled(store, claimed)
    await store.checkpoint(claimed.lease, processed(2, 1, "2", resolved=["a"]), LEASE_MS)
    await store.record(claimed.lease.job_id, [ended("a")])
    assert await settled(store, claimed) == (1, 0, 0, 1, 1)


async def test_what_was_done_here_and_never_noted_as_sent_counts_once(store: SqlJobStore) -> None:
    claimed = await running(store)
    await store.record(claimed.lease.job_id, [ended("a")])
    await store.checkpoint(claimed.lease, processed(1, 1, "1"), LEASE_MS)
    assert await settled(store, claimed) == (1, 0, 0, 0, 0)


async def test_many_who_count_at_once_count_each_outcome_once(stores: Stores) -> None:
    here = [await stores.open() for _ in range(3)]
    claimed = await running(here[0])
    job_id = claimed.lease.job_id

    async def work(store: SqlJobStore, items: list[str]) -> None:
        for item in items:
            await store.record(job_id, [ended(item)])
            await store.settle(job_id)

    await asyncio.gather(
        sent(here[0], claimed, *USERS), work(here[1], USERS), work(here[2], USERS[::-1]), work(here[0], USERS[10:])
    )
    assert await settled(here[0], claimed) == (30, 0, 0, 30, 30)


async def test_answers_are_known_by_their_attempts(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a", "b")
    await store.record(claimed.lease.job_id, [ended("a", "failed"), ended("c")])
    asked = [Attempt(item, number) for item in "abc" for number in (1, 2)]
    found = await store.answered(claimed.lease.job_id, asked)
    assert dict(found) == {Attempt("a", 1): "failed", Attempt("c", 1): "processed"}


async def test_what_nobody_answers_in_time_has_failed(stores: Stores) -> None:
    store = await stores.open()
    claimed = await running(store)
    await sent(store, claimed, "a", "b")
    stores.time.advance(5_000)
    await sent(store, claimed, "c", number=2)
    await store.record(claimed.lease.job_id, [ended("a")])
    stores.time.advance(6_000)
    assert await store.expire(claimed.lease.job_id, 10_000) == 1
    assert await settled(store, claimed) == (1, 1, 0, 3, 2)
    (failure,) = await store.failures(claimed.lease.job_id, FailureQuery())
    assert (failure.item, failure.error_class) == ("b", "Expired")


async def test_a_reset_forgets_outcomes_and_those_still_on_their_way(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a", "b")
    await store.record(claimed.lease.job_id, [ended("a")])
    await settled(store, claimed)
    job = await store.end(claimed.lease, Checkpoint(number=2), Ending(state=JobState.STOPPED))
    reset = Reset(spec=Spec(digest="d1", as_of=1_500_000_000_000), total=2)
    again = await store.claim(claim_of(job, "b", reset=reset))
    assert isinstance(again, Claimed)
    assert numbers(again.job) == (0, 0, 0, 0, 0)
    assert again.job.attempt_base == 1
    await store.record(job.job_id, [ended("a"), ended("b")])
    await sent(store, again, "a", "b", attempt=2)
    assert await settled(store, again) == (0, 0, 0, 2, 0)
    await store.record(job.job_id, [ended("a", attempt=2)])
    assert await settled(store, again) == (1, 0, 0, 2, 1)


async def test_failures_counted_by_a_run_and_by_outcomes_are_one_list(store: SqlJobStore) -> None:
    claimed = await running(store)
    await store.checkpoint(
        claimed.lease, processed(1, 0, "1", failures=failing("here"), sent=[Attempt("a", 1)]), LEASE_MS
    )
    await store.record(claimed.lease.job_id, [ended("a", "failed")])
    assert await settled(store, claimed) == (0, 2, 0, 1, 1)
    found = await store.failures(claimed.lease.job_id, FailureQuery())
    assert [(failure.number, failure.item) for failure in found] == [(1, "here"), (2, "a")]


async def test_outcomes_are_counted_for_a_job_that_nobody_runs(store: SqlJobStore) -> None:
    claimed = await running(store)
    await sent(store, claimed, "a")
    await store.end(claimed.lease, Checkpoint(number=2), Ending(state=JobState.PAUSED, reason="shutdown"))
    await store.record(claimed.lease.job_id, [ended("a")])
    assert await settled(store, claimed) == (1, 0, 0, 1, 1)
