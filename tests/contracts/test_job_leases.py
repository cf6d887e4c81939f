"""Who may write to a job: one holder at a time, for as long as its lease lasts by the database's clock."""

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy import Connection, select

from retrograph.errors import LeaseLost
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import TAKEN_UP, JobState
from retrograph.jobs.store import Checkpoint, Claimed, Ending, Held, NotClaimable
from retrograph.store.schema import open_database
from retrograph.store.tables import jobs
from tests.contracts.job_stores import (
    LEASE_MS,
    Stores,
    claim_of,
    new_job,
    processed,
    running,
    store,
    store_url,
    stores,
)

__all__ = ["store", "store_url", "stores"]


async def test_a_lease_is_held_until_it_runs_out_to_the_millisecond(store: SqlJobStore, stores: Stores) -> None:
    first = await running(store)
    stores.time.advance(LEASE_MS - 1)
    held = await store.claim(claim_of(first.job, "b"))
    assert isinstance(held, Held)
    assert held.job.holder == "a"
    stores.time.advance(1)
    second = await store.claim(claim_of(first.job, "b"))
    assert isinstance(second, Claimed)
    assert second.lease.epoch == first.lease.epoch + 1
    assert [run.state for run in await store.runs(first.job.job_id)] == [JobState.RUNNING, JobState.INTERRUPTED]
    assert "lease ran out" in [event.what for event in await store.log(first.job.job_id)]


async def test_a_renewal_prolongs_the_lease_and_so_does_a_checkpoint(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    for number in range(1, 5):
        stores.time.advance(LEASE_MS - 1)
        if number % 2:
            await store.renew(lease, LEASE_MS)
        else:
            await store.checkpoint(lease, processed(number // 2, 1, "1"), LEASE_MS)
    assert isinstance(await store.claim(claim_of(await store.get(lease.job_id), "b")), Held)


@pytest.mark.parametrize("taken_over", [False, True])
async def test_nothing_is_written_once_the_lease_has_run_out(
    store: SqlJobStore, stores: Stores, taken_over: bool
) -> None:
    lease = (await running(store)).lease
    stores.time.advance(LEASE_MS)
    if taken_over:
        await store.claim(claim_of(await store.get(lease.job_id), "b"))
    with pytest.raises(LeaseLost):
        await store.renew(lease, LEASE_MS)
    with pytest.raises(LeaseLost):
        await store.checkpoint(lease, processed(1, 5, "5"), LEASE_MS)
    with pytest.raises(LeaseLost):
        await store.end(lease, processed(1, 5, "5"), Ending(state=JobState.SUCCEEDED))
    job = await store.get(lease.job_id)
    assert (job.counts.processed, job.cursor) == (0, None)
    assert job.state is JobState.RUNNING  # of the next holder, or not yet buried


async def test_a_process_that_is_frozen_inside_its_write_does_not_commit_it(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    stores.time.between_looks = LEASE_MS
    for write in (
        store.renew(lease, LEASE_MS),
        store.checkpoint(lease, processed(1, 5, "5"), LEASE_MS),
        store.end(lease, processed(1, 5, "5"), Ending(state=JobState.SUCCEEDED)),
    ):
        stores.time.millis = (await store.get(lease.job_id)).lease_until - 1  # type: ignore[operator]
        with pytest.raises(LeaseLost):
            await write
    job = await store.get(lease.job_id)
    assert (job.state, job.counts.processed, job.cursor) == (JobState.RUNNING, 0, None)


async def test_an_older_epoch_writes_nothing_even_under_a_lease_that_lasts(store: SqlJobStore, stores: Stores) -> None:
    old = (await running(store)).lease
    stores.time.advance(LEASE_MS)
    new = await store.claim(claim_of(await store.get(old.job_id), "a"))  # the same name, another epoch
    assert isinstance(new, Claimed)
    with pytest.raises(LeaseLost):
        await store.checkpoint(old, processed(1, 5, "5"), LEASE_MS)
    await store.checkpoint(new.lease, processed(1, 1, "1"), LEASE_MS)


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [(None, JobState.INTERRUPTED), ("stop", JobState.STOPPED), ("cancel", JobState.CANCELED)],
)
async def test_what_a_dead_process_leaves_depends_on_what_was_asked(
    store: SqlJobStore, stores: Stores, asked: str | None, becomes: JobState
) -> None:
    lease = (await running(store)).lease
    if asked is not None:
        await getattr(store, asked)(lease.job_id, "ann", "")
    stores.time.advance(LEASE_MS - 1)
    assert not await store.bury()
    stores.time.advance(1)
    (buried,) = await store.bury()
    assert (buried.state, buried.holder) == (becomes, None)
    assert not await store.bury()


async def test_a_request_to_a_dead_process_takes_effect_at_once(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    stores.time.advance(LEASE_MS)
    assert (await store.stop(lease.job_id, "ann", "")).state is JobState.STOPPED


async def test_a_watchdog_takes_nothing_that_an_operator_stopped(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    await store.stop(lease.job_id, "ann", "")
    stores.time.advance(LEASE_MS)
    origins = frozenset({JobState.PAUSED, JobState.INTERRUPTED})
    answer = await store.claim(claim_of(await store.get(lease.job_id), "dog", origins=origins))
    assert isinstance(answer, NotClaimable)
    assert answer.job.state is JobState.STOPPED


async def test_resumes_without_progress_are_counted(store: SqlJobStore, stores: Stores) -> None:
    claimed = await running(store)
    for tries, count in ((1, 0), (2, 0), (3, 1), (1, 0)):
        stores.time.advance(LEASE_MS)
        again = await store.claim(claim_of(claimed.job, resumed=True))
        assert isinstance(again, Claimed)
        assert again.job.idle_tries == tries
        await store.checkpoint(again.lease, processed(1, count, "1"), LEASE_MS)
    stores.time.advance(LEASE_MS)
    by_a_person = await store.claim(claim_of(claimed.job))
    assert isinstance(by_a_person, Claimed)
    assert by_a_person.job.idle_tries == 0


async def test_one_job_of_a_lane_holds_a_lease(store: SqlJobStore, stores: Stores) -> None:
    first = await running(store, "one", lane="purchases")
    two = await store.accept(new_job("two"), "ann")
    held = await store.claim(claim_of(two, "b", lane="purchases"))
    assert isinstance(held, Held)
    assert held.job.key == "one"
    other_kind = await store.accept(new_job("three", kind="newly-enabled"), "ann")
    assert isinstance(await store.claim(claim_of(other_kind, "b")), Claimed)
    stores.time.advance(LEASE_MS)
    assert isinstance(await store.claim(claim_of(two, "b", lane="purchases")), Claimed)
    assert (await store.get(first.job.job_id)).state is JobState.INTERRUPTED


async def test_many_processes_that_claim_one_job_at_once_get_one_lease(stores: Stores) -> None:
    openers = [await stores.open(real_time=True) for _ in range(4)]
    job = await openers[0].accept(new_job(), "ann")
    answers = await asyncio.gather(
        *(
            opener.claim(claim_of(job, f"p{number}-{again}"))
            for number, opener in enumerate(openers)
            for again in range(3)
        )
    )
    assert Counter(type(answer) for answer in answers) == {Claimed: 1, Held: 11}


async def test_many_processes_that_claim_jobs_of_one_lane_at_once_get_one_lease(stores: Stores) -> None:
    openers = [await stores.open(real_time=True) for _ in range(4)]
    accepted = [await openers[0].accept(new_job(f"job-{number}"), "ann") for number in range(8)]
    answers = await asyncio.gather(
        *(
            openers[number % 4].claim(claim_of(job, f"p{number}", lane="purchases", lease_ms=60_000))
            for number, job in enumerate(accepted)
        )
    )
    assert Counter(type(answer) for answer in answers) == {Claimed: 1, Held: 7}


async def test_renewals_and_claims_at_the_edge_of_a_lease_never_make_two_holders(stores: Stores) -> None:
    """Leases as short as a transaction: whoever renews at the last moment must exclude whoever judges it as over."""
    openers = [await stores.open(real_time=True) for _ in range(3)]
    accepted = [await openers[0].accept(new_job(f"job-{number}"), "ann") for number in range(3)]
    seen: list[int] = []

    async def compete(number: int) -> None:
        opener, job = openers[number], accepted[number]
        for _ in range(100):
            answer = await opener.claim(claim_of(job, f"p{number}", lane="purchases", lease_ms=50))
            if isinstance(answer, Claimed):
                with suppress(LeaseLost):
                    for count in range(1, 4):
                        await opener.checkpoint(answer.lease, processed(count, 1, "1"), 50)
                        seen.append(await stores.lasting_leases())
            if len(seen) > 12:
                return

    await asyncio.gather(*(compete(number) for number in range(3)))
    assert seen
    assert max(seen) <= 1


async def test_who_waits_for_a_lock_is_judged_by_the_time_after_the_wait(stores: Stores) -> None:
    store = await stores.open(real_time=True)
    job = await store.accept(new_job(), "ann")
    claimed = await store.claim(claim_of(job, lease_ms=400))
    assert isinstance(claimed, Claimed)
    locked = threading.Event()

    def outlast_the_lease(connection: Connection) -> None:
        connection.execute(select(jobs).where(jobs.c.job_id == job.job_id).with_for_update())
        locked.set()
        time.sleep(0.6)

    async def hold() -> None:
        database = await open_database(stores.url)
        await database.write(outlast_the_lease)
        await database.close()

    holding = asyncio.create_task(asyncio.to_thread(asyncio.run, hold()))
    await asyncio.to_thread(locked.wait)
    with pytest.raises(LeaseLost):
        await store.checkpoint(claimed.lease, processed(1, 5, "5"), LEASE_MS)
    await holding
    assert (await store.get(job.job_id)).counts.processed == 0


async def test_what_a_watchdog_may_take_up_is_what_nobody_asked_to_end(store: SqlJobStore) -> None:
    pending = await store.accept(new_job("pending"), "ann")
    await store.accept(new_job("half", whole=False), "ann")
    archived = await store.accept(new_job("archived"), "ann")
    await store.archive(archived.job_id, "ann")
    canceled = await store.accept(new_job("canceled"), "ann")
    await store.cancel(canceled.job_id, "ann", "")
    await running(store, "running")
    paused = await running(store, "paused")
    await store.end(paused.lease, Checkpoint(number=1), Ending(state=JobState.PAUSED, reason="max-runtime"))
    assert sorted(job.key for job in await store.resumable()) == ["paused", "pending"]
    taken = await store.claim(claim_of(pending, origins=TAKEN_UP, resumed=True))
    assert isinstance(taken, Claimed)
    assert isinstance(await store.claim(claim_of(pending, "b", origins=TAKEN_UP, resumed=True)), Held)
