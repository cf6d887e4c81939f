"""The long parts of every job store: frozen ids, and lists of jobs and failures by pages."""

from collections.abc import AsyncIterator

import pytest

from retrograph.errors import RetrographError, UsageError
from retrograph.jobs.frozen import CHUNK_IDS, FrozenItems, freeze
from retrograph.jobs.job import Sample
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.store import FailureQuery, JobQuery, NotClaimable
from tests.contracts.job_stores import (
    LEASE_MS,
    Stores,
    claim_of,
    failing,
    new_job,
    processed,
    running,
    store,
    store_url,
    stores,
)

__all__ = ["store", "store_url", "stores"]


async def each(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"user-{number}"


async def test_ids_are_frozen_and_walked_from_any_cursor(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False, total=None), "ann")
    assert isinstance(await store.claim(claim_of(job)), NotClaimable)
    frozen = await freeze(store, job.job_id, each(2 * CHUNK_IDS + 3))
    sealed = await store.seal(job.job_id, frozen.list_id, frozen.ids)
    assert (sealed.whole, sealed.total, sealed.list_id) == (True, 2_003, frozen.list_id)
    source = FrozenItems(store, frozen.list_id, frozen.ids)
    walked = [item async for item in source.walk(None)]
    assert [item.key for item in walked] == [f"user-{number}" for number in range(2_003)]
    for after in ("999", "1000", "1001", "2002", "2003"):
        rest = [item async for item in source.walk(after)]
        assert rest == walked[int(after) :]


async def test_a_list_that_was_half_frozen_is_never_taken_for_whole(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False), "ann")
    await store.freeze(job.job_id, "list-1", 0, [(2, b"x"), (2, b"y")])
    await store.freeze(job.job_id, "list-2", 1, [(2, b"y")])
    for list_id, ids in (("list-1", 5), ("list-2", 2), ("list-3", 1)):
        with pytest.raises(RetrographError, match="start again"):
            await store.seal(job.job_id, list_id, ids)
    assert not (await store.get(job.job_id)).whole
    assert (await store.seal(job.job_id, "list-1", 4)).whole
    assert await store.chunk("list-2", 1) is None


async def test_the_first_of_two_concurrent_lists_counts(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False), "ann")
    await store.freeze(job.job_id, "list-1", 0, [(1, b"x")])
    await store.seal(job.job_id, "list-1", 1)
    await store.freeze(job.job_id, "list-2", 0, [(2, b"y")])
    assert (await store.seal(job.job_id, "list-2", 2)).list_id == "list-1"
    assert (await store.chunk("list-1", 0), await store.chunk("list-2", 0)) == (b"x", None)


async def test_failures_are_paged_in_either_order(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    items = [f"u{number}" for number in range(1_200)]
    await store.checkpoint(lease, processed(1, 0, "2", failures=failing(*items)), LEASE_MS)
    assert (await store.get(lease.job_id)).counts.failed == 1_200
    up = await store.failures(lease.job_id, FailureQuery(after=3, limit=2))
    down = await store.failures(lease.job_id, FailureQuery(latest_first=True, after=1_199, limit=2))
    assert [failure.number for failure in up] == [4, 5]
    assert [failure.number for failure in down] == [1_198, 1_197]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("key", "abcde"), ("-key", "edcba"), ("created_at", "baced"), ("-created_at", "decab"), ("state", None)],
)
async def test_lists_are_sorted_and_paged(store: SqlJobStore, stores: Stores, sort: str, expected: str | None) -> None:
    for key in "baced":
        await store.accept(new_job(key), "ann")
        stores.time.advance(5)
    seen: list[str] = []
    page = await store.page(JobQuery(sort=sort, limit=2))
    seen += [job.key for job in page.jobs]
    while page.next:
        page = await store.page(JobQuery(sort=sort, limit=2, after=page.next))
        seen += [job.key for job in page.jobs]
    assert "".join(sorted(seen)) == "abcde"
    assert expected is None or "".join(seen) == expected


async def test_lists_are_searched_and_filtered(store: SqlJobStore) -> None:
    await running(store, "Nightly_1")
    await store.accept(new_job("nightlyX1"), "ann")
    archived = await store.accept(new_job("old"), "ann")
    await store.archive(archived.job_id, "ann")

    async def keys(**query: object) -> set[str]:
        return {job.key for job in (await store.page(JobQuery(**query))).jobs}  # type: ignore[arg-type]

    assert await keys() == {"Nightly_1", "nightlyX1"}
    assert await keys(search="nightly_1") == {"Nightly_1"}
    assert await keys(search="100%") == set()
    assert await keys(states=frozenset({JobState.RUNNING})) == {"Nightly_1"}
    assert await keys(archived=True) == {"old"}
    assert await keys(kind="identity") == set()
    for wrong in ({"sort": "secret"}, {"after": "nonsense"}, {"after": "WyItIiwxXQ"}):
        with pytest.raises(UsageError):
            await keys(**wrong)


async def test_a_glance_shows_the_pace_of_late_and_the_latest_failure_that_is_open(store: SqlJobStore) -> None:
    busy, calm = (await running(store)).lease, (await running(store, key="calm")).lease
    for number, at, rate in ((1, 100, 1.0), (2, 200, 2.0), (3, 300, 3.0)):
        sample = Sample(at=at, rate=rate, scanned=at)
        await store.checkpoint(busy, processed(number, 0, "1", sample=sample), LEASE_MS)
    await store.checkpoint(busy, processed(4, 0, "2", failures=failing("x", "y", "z")), LEASE_MS)
    await store.checkpoint(busy, processed(5, 1, "2", resolved=["z"]), LEASE_MS)
    found = await store.glances([busy.job_id, calm.job_id], since=200)
    assert set(found) == {busy.job_id, calm.job_id}
    assert [sample.rate for sample in found[busy.job_id].samples] == [2.0, 3.0]
    latest = found[busy.job_id].failure
    assert latest is not None and latest.item == "y"
    assert (found[calm.job_id].samples, found[calm.job_id].failure) == ([], None)


async def test_several_jobs_come_in_the_order_in_which_they_are_asked_for(store: SqlJobStore) -> None:
    first, second = [await store.accept(new_job(key), "ann") for key in ("a", "b")]
    found = await store.several([second.job_id, "gone", first.job_id])
    assert [job.key for job in found] == ["b", "a"]
