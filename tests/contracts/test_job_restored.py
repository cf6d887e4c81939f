"""A store that forgets: restored from a backup, failed over to a copy that lags, or its clock stepped back."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from retrograph.errors import LeaseLost
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.store import Claimed, Ending, Held, Lease
from retrograph.store.tables import jobs, runs
from tests.contracts.job_stores import LEASE_MS, Stores, claim_of, processed, running, store, store_url, stores

__all__ = ["store", "store_url", "stores"]

DONE = Ending(state=JobState.SUCCEEDED)
HOUR_MS = 3_600_000


async def backup(stores: Stores) -> Callable[[Connection], None]:
    """What brings the jobs' rows back to where they are now, and forgets the runs that have begun since."""
    onlooker = await stores.onlooker()

    def read(connection: Connection) -> tuple[list[dict[str, Any]], list[tuple[str, int]]]:
        rows = [dict(row) for row in connection.execute(select(jobs)).mappings()]
        return rows, [(job_id, number) for job_id, number in connection.execute(select(runs.c.job_id, runs.c.number))]

    rows, begun = await onlooker.read(read)

    def restore(connection: Connection) -> None:
        for row in rows:
            connection.execute(update(jobs).where(jobs.c.job_id == row["job_id"]).values(**row))
        for job_id, number in connection.execute(select(runs.c.job_id, runs.c.number)).all():
            if (job_id, number) not in begun:
                connection.execute(delete(runs).where(runs.c.job_id == job_id, runs.c.number == number))

    return restore


async def restored(stores: Stores, restore: Callable[[Connection], None]) -> None:
    await (await stores.onlooker()).write(restore)


async def test_an_epoch_that_was_given_away_twice_has_one_holder(store: SqlJobStore, stores: Stores) -> None:
    first = await running(store)
    await store.end(first.lease, processed(1, 1, "1"), Ending(state=JobState.STOPPED))
    before = await backup(stores)
    old = await store.claim(claim_of(first.job, "a"))
    await restored(stores, before)
    new = await store.claim(claim_of(first.job, "b"))
    assert isinstance(old, Claimed)
    assert isinstance(new, Claimed)
    assert new.lease.epoch == old.lease.epoch
    with pytest.raises(LeaseLost):
        await store.checkpoint(old.lease, processed(1, 5, "6"), LEASE_MS)
    with pytest.raises(LeaseLost):
        await store.renew(old.lease, LEASE_MS)
    await store.checkpoint(new.lease, processed(1, 1, "2"), LEASE_MS)
    await store.end(new.lease, processed(2, 1, "3"), DONE)
    with pytest.raises(LeaseLost):
        await store.end(old.lease, processed(2, 9, "9"), DONE)
    job = await store.get(first.job.job_id)
    assert (job.counts.processed, job.cursor) == (3, "3")


@pytest.mark.parametrize("last", [False, True], ids=["a checkpoint", "the end"])
async def test_confirmed_checkpoints_that_the_store_has_lost_are_not_passed_over(
    store: SqlJobStore, stores: Stores, last: bool
) -> None:
    """What they counted is in no later one: written on top, it would be counted never."""
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 1, "1"), LEASE_MS)
    before = await backup(stores)
    await store.checkpoint(lease, processed(2, 1, "2"), LEASE_MS)
    await restored(stores, before)
    with pytest.raises(LeaseLost, match="lost checkpoints"):
        await (
            store.end(lease, processed(3, 1, "3"), DONE)
            if last
            else store.checkpoint(lease, processed(3, 1, "3"), LEASE_MS)
        )
    job = await store.get(lease.job_id)
    assert (job.counts.processed, job.cursor) == (1, "1")


async def test_a_checkpoint_that_is_sent_again_counts_once(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    for _ in range(2):
        await store.checkpoint(lease, processed(1, 1, "1"), LEASE_MS)
    for _ in range(2):
        ended = await store.end(lease, processed(2, 1, "2"), DONE)
    assert (ended.counts.processed, ended.state) == (2, JobState.SUCCEEDED)
    with pytest.raises(LeaseLost):
        await store.end(Lease(job_id=lease.job_id, epoch=lease.epoch, holder="another"), processed(2, 1, "2"), DONE)


async def test_a_lease_lasts_no_longer_because_the_clock_was_stepped_back(store: SqlJobStore, stores: Stores) -> None:
    dead = (await running(store)).lease
    stores.time.advance(-HOUR_MS)
    assert isinstance(await store.claim(claim_of(await store.get(dead.job_id), "b")), Held)
    stores.time.advance(LEASE_MS - 1)
    assert not await store.bury()
    stores.time.advance(1)
    assert isinstance(await store.claim(claim_of(await store.get(dead.job_id), "b")), Claimed)


async def test_whoever_lives_keeps_the_lease_when_the_clock_is_stepped_back(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    stores.time.advance(-HOUR_MS)
    assert not await store.bury()
    await store.renew(lease, LEASE_MS)
    stores.time.advance(LEASE_MS - 1)
    await store.checkpoint(lease, processed(1, 1, "1"), LEASE_MS)
    held = await store.claim(claim_of(await store.get(lease.job_id), "b"))
    assert isinstance(held, Held)
    assert held.job.epoch == lease.epoch


async def test_the_dead_are_buried_though_the_clock_was_stepped_back(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    stores.time.advance(-HOUR_MS)
    await store.bury()
    stores.time.advance(LEASE_MS)
    (buried,) = await store.bury()
    assert (buried.job_id, buried.state) == (lease.job_id, JobState.INTERRUPTED)
