"""Lists that were uploaded: whole, found by any process, and gone after a day."""

from collections.abc import AsyncIterator

import pytest

from retrograph.errors import NotFound
from retrograph.jobs import uploads
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.uploads import KEPT_MS, Counted, Upload
from tests.contracts.job_stores import Stores, store, store_url, stores

__all__ = ["store", "store_url", "stores"]


async def _each(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"user-{number}"


async def _kept(store: SqlJobStore, count: int = 2_003) -> Upload:
    found = Counted(name="users\0.csv", digest="sha256:1", repeated=2, blank=1, ids=_each(count))
    return await uploads.keep(store, found, "ann")


async def test_a_list_is_found_whole_by_another_process(stores: Stores, store: SqlJobStore) -> None:
    kept = await _kept(store)
    other = await stores.open()
    found = await uploads.find(other, kept.upload_id)
    assert (found.name, found.ids, found.repeated, found.blank) == ("users.csv", 2_003, 2, 1)
    assert [user async for user in uploads.ids_of(other, found)] == [f"user-{number}" for number in range(2_003)]


async def test_it_is_gone_after_a_day_with_its_ids(stores: Stores, store: SqlJobStore) -> None:
    old = await _kept(store)
    stores.time.advance(KEPT_MS)
    assert (await uploads.find(store, old.upload_id)).ids == 2_003
    stores.time.advance(1)
    with pytest.raises(NotFound, match="kept for a day") as refused:
        await uploads.find(store, old.upload_id)
    assert refused.value.field == "upload_id"
    new = await _kept(store, 1)
    await store.sweep_uploads()
    assert await store.chunk(old.list_id, 0) is None
    assert await store.chunk(new.list_id, 0) is not None


async def test_what_was_half_written_is_found_by_nobody_and_swept_away(stores: Stores, store: SqlJobStore) -> None:
    written: list[str] = []

    class BreaksOff(SqlJobStore):
        async def freeze(self, job_id: str, list_id: str, first: int, chunks: object) -> None:
            await store.freeze(job_id, list_id, first, [(1, b"x")])
            written[:] = [job_id, list_id]
            raise ConnectionError("the process dies here")

    with pytest.raises(ConnectionError):
        found = Counted(name="a", digest="d", repeated=0, blank=0, ids=_each(3))
        await uploads.keep(BreaksOff(await stores.onlooker()), found, "ann")
    upload_id, list_id = written
    with pytest.raises(NotFound):
        await uploads.find(store, upload_id)
    stores.time.advance(KEPT_MS * 10_000)  # the row has the real time: that is later than the test's
    await store.sweep_uploads()
    assert await store.chunk(list_id, 0) is None


@pytest.mark.parametrize("wrong", ["", "a\0b", "x" * 500, "../x"])
async def test_what_can_be_no_upload_is_not_looked_for(store: SqlJobStore, wrong: str) -> None:
    with pytest.raises(NotFound):
        await uploads.find(store, wrong)
