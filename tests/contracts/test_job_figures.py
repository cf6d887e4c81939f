"""What a job store keeps of what was found, and how the end of a log is read."""

from retrograph.jobs.job import Counts, Spec
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.store import Claimed, Ending, Reset
from tests.contracts.job_stores import claim_of, new_job, processed, running, store, store_url, stores

__all__ = ["store", "store_url", "stores"]


async def test_the_end_of_a_log_is_read_without_its_beginning(store: SqlJobStore) -> None:
    job = await store.accept(new_job(), "ann")
    for number in range(5):
        await store.note(job.job_id, "ann", f"note {number}")
    assert [event.what for event in await store.latest_log(job.job_id, 3)] == ["note 4", "note 3", "note 2"]
    assert [event.what for event in await store.latest_log(job.job_id, 9)][-1] == "accepted"


async def test_what_was_found_is_forgotten_with_the_counts_of_a_job_that_starts_over(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    added = Counts(processed=1, found={"purchases": 3})
    job = await store.end(lease, processed(1, 1, "1", added=added), Ending(state=JobState.STOPPED))
    assert job.counts.found == {"purchases": 3}
    claimed = await store.claim(claim_of(job, reset=Reset(spec=Spec(as_of=0))))
    assert isinstance(claimed, Claimed)
    assert claimed.job.counts == Counts()
