"""What every job store keeps: checkpoints whole or not at all, each once; failures; lists; the log."""

import pytest
from sqlalchemy import Connection, text

from retrograph.errors import LeaseLost, NotFound
from retrograph.jobs.job import Counts, Retry, Sample, Spec
from retrograph.jobs.pressure import Pressure, Waiting
from retrograph.jobs.queries import JobQuery
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState, NotPossible
from retrograph.jobs.store import (
    Checkpoint,
    Claimed,
    Ending,
    FailedItem,
    FailureQuery,
    NotClaimable,
    Reset,
    Selection,
)
from retrograph.store.schema import VERSION_TABLE
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


async def test_a_key_is_accepted_once_for_each_graph(store: SqlJobStore) -> None:
    first = await store.accept(new_job(), "ann")
    again = await store.accept(new_job(), "bob")
    elsewhere = await store.accept(new_job(graph_id="graph-2"), "bob")
    assert again == first
    assert elsewhere.job_id != first.job_id
    assert len(await store.named("load")) == 2
    assert [event.who for event in await store.log(first.job_id)] == ["ann"]


def entered_by(name: str | None) -> Spec:
    return Spec(source={"uri": "s3://archive/2024", "credentials": name}, as_of=0)


async def test_a_job_is_found_by_its_credentials_whatever_it_was_reset_to(store: SqlJobStore) -> None:
    job = await store.accept(new_job(kind="events", spec=entered_by("reader")), "ann")
    await store.accept(new_job("other", kind="events", spec=entered_by(None)), "ann")
    await store.accept(new_job("third"), "ann")

    async def entered(name: str) -> list[str]:
        return [found.key for found in (await store.page(JobQuery(credentials=name))).jobs]

    assert (await entered("reader"), await entered("writer")) == (["load"], [])
    assert (await store.get(job.job_id)).credentials == "reader"
    assert isinstance(await store.claim(claim_of(job, reset=Reset(spec=entered_by("writer")))), Claimed)
    assert (await entered("reader"), await entered("writer")) == ([], ["load"])


async def test_credentials_of_jobs_that_an_older_version_made_are_known_after_the_upgrade(
    stores: Stores, store: SqlJobStore
) -> None:
    await store.accept(new_job(kind="events", spec=entered_by("reader")), "ann")
    await store.accept(new_job("other", kind="events", spec=entered_by(None)), "ann")

    def older(connection: Connection) -> None:
        connection.execute(text("DROP INDEX jobs_listed_by_credentials"))
        connection.execute(text("DROP INDEX job_objects_in_error"))
        connection.execute(text("ALTER TABLE jobs DROP COLUMN credentials"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0010'"))

    await (await stores.onlooker()).write(older)
    upgraded = await stores.open()
    assert [job.key for job in (await upgraded.page(JobQuery(credentials="reader"))).jobs] == ["load"]
    assert [job.key for job in (await upgraded.page(JobQuery(sort="credentials"))).jobs] == ["other", "load"]


async def test_a_checkpoint_is_written_whole(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    added = Counts(processed=3, skipped=2, skipped_by={"dry-run": 2}, refused={"future": 4})
    checkpoint = processed(1, 0, "4", added=added, failures=failing("x"), above=["6", "9"], elapsed_ms=70, rate=2.5)
    assert await store.checkpoint(lease, checkpoint, LEASE_MS) is None
    job = await store.get(lease.job_id)
    assert job.counts == Counts(processed=3, failed=1, skipped=2, skipped_by={"dry-run": 2}, refused={"future": 4})
    assert (job.cursor, job.elapsed_ms, job.rate, job.phase) == ("4", 70, 2.5, "processing")
    assert [failure.item for failure in await store.failures(lease.job_id, FailureQuery())] == ["x"]


async def test_reasons_are_summed_over_checkpoints(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    for number, reason in enumerate(["future", "future", "absurd"], start=1):
        added = Counts(processed=1, refused={reason: 2}, found={"purchases": number})
        for _ in range(2):  # the answer to the first was lost
            await store.checkpoint(lease, processed(number, 0, str(number), added=added), LEASE_MS)
    counts = (await store.get(lease.job_id)).counts
    assert (counts.refused, counts.found) == ({"future": 4, "absurd": 2}, {"purchases": 6})


async def test_a_checkpoint_whose_answer_was_lost_counts_once(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    checkpoint = processed(1, 3, "3", failures=failing("x"))
    for _ in range(3):
        await store.checkpoint(lease, checkpoint, LEASE_MS)
    job = await store.get(lease.job_id)
    assert (job.counts.processed, job.counts.failed) == (3, 1)
    assert (await store.failures(lease.job_id, FailureQuery()))[0].attempts == 1


async def test_an_end_whose_answer_was_lost_is_written_once(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    last, ending = processed(1, 3, "3"), Ending(state=JobState.SUCCEEDED)
    first = await store.end(lease, last, ending)
    assert await store.end(lease, last, ending) == first
    assert [event.what for event in await store.log(lease.job_id)] == ["accepted", "started", "succeeded"]


async def test_items_done_above_the_cursor_come_back_with_the_next_claim(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    above = ["7", "8", "9", "12", "007", "opaque|x"]
    await store.checkpoint(lease, processed(1, 6, "3", above=above), LEASE_MS)
    stores.time.advance(LEASE_MS)
    claimed = await store.claim(claim_of(await store.get(lease.job_id), "b"))
    assert isinstance(claimed, Claimed)
    assert claimed.done_above == frozenset(above)
    assert claimed.job.cursor == "3"


async def test_a_failure_keeps_its_number_and_counts_its_attempts(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 0, "2", failures=failing("x", "y", at=5)), LEASE_MS)
    await store.checkpoint(lease, processed(2, 0, "2", failures=failing("x", message="again", at=9)), LEASE_MS)
    x, y = await store.failures(lease.job_id, FailureQuery())
    assert (x.number, x.item, x.attempts, x.message, x.first_at, x.last_at) == (1, "x", 2, "again", 5, 9)
    assert (y.number, y.attempts) == (2, 1)
    assert (await store.get(lease.job_id)).counts.failed == 2


async def test_a_retry_that_succeeds_moves_its_item_from_failed_to_processed(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 0, "2", failures=failing("x", "y")), LEASE_MS)
    await store.checkpoint(lease, processed(2, 1, "2", resolved=["x"]), LEASE_MS)
    counts = (await store.get(lease.job_id)).counts
    assert (counts.processed, counts.failed) == (1, 1)
    open_ones = await store.failures(lease.job_id, FailureQuery(resolved=False))
    assert [failure.item for failure in open_ones] == ["y"]
    assert (await store.failure_summary(lease.job_id)).by_class == {"ServiceFailed": 1}


async def test_failures_are_summed_up_by_class_with_their_times_and_an_example(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 0, "2", failures=failing("x", "y", at=5)), LEASE_MS)
    other = [FailedItem(item="z", error_class="MalformedAnswer", message="odd", at=7)]
    await store.checkpoint(lease, processed(2, 0, "3", failures=other), LEASE_MS)
    await store.checkpoint(lease, processed(3, 0, "3", failures=failing("x", at=9)), LEASE_MS)
    most, least = (await store.failure_summary(lease.job_id)).groups
    assert (most.error_class, most.count, most.first_at, most.last_at, most.item) == ("ServiceFailed", 2, 5, 9, "y")
    assert (least.error_class, least.count, least.item, least.message) == ("MalformedAnswer", 1, "z", "odd")


async def test_failures_of_one_cause_are_counted_and_retried_together(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    said = "orders: /user/{}/list?since=1 was answered with {} (X-Request-Id 0123456789abcdef)"
    causes = {"user-1": 410, "user-2": 404, "user-3": 410}
    failed = [
        FailedItem(item=item, error_class="ServiceFailed", message=said.format(item, status), at=5)
        for item, status in causes.items()
    ]
    await store.checkpoint(lease, processed(1, 0, "3", failures=failed), LEASE_MS)
    summary = await store.failure_summary(lease.job_id)
    assert [(group.cause, group.count, group.item) for group in summary.groups] == [
        ("orders: … was answered with 410", 2, "user-3"),
        ("orders: … was answered with 404", 1, "user-2"),
    ]
    gone = Selection(cause="orders: … was answered with 410")
    assert await store.count_failures(lease.job_id, gone) == 2
    listed = await store.failures(lease.job_id, FailureQuery(cause=gone.cause))
    assert [failure.item for failure in listed] == ["user-1", "user-3"]
    stores.time.advance(LEASE_MS)
    claimed = await store.claim(claim_of(await store.get(lease.job_id), "b", retry=gone))
    assert isinstance(claimed, Claimed)
    selected = await store.failures(lease.job_id, FailureQuery(selected=True))
    assert [failure.item for failure in selected] == ["user-1", "user-3"]


async def test_what_slows_a_run_down_is_saved_with_the_checkpoint(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    waiting = Waiting(service="products", kind="429", seconds=40.0, at=9)
    pressure = Pressure(pace=5.0, full=10.0, service="products", retried={"products": {"429": 3}}, waiting=waiting)
    await store.checkpoint(lease, processed(1, 1, "1", pressure=pressure), LEASE_MS)
    assert (await store.get(lease.job_id)).pressure == pressure
    await store.checkpoint(lease, processed(2, 1, "2"), LEASE_MS)
    assert (await store.get(lease.job_id)).pressure is None


async def test_text_from_outside_is_made_fit_to_be_stored(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    awkward = failing("x", message="a\0b\ud800" + "é" * 5_000)
    await store.checkpoint(lease, processed(1, 0, "1", failures=awkward), LEASE_MS)
    message = (await store.failures(lease.job_id, FailureQuery()))[0].message
    assert message.startswith("ab?éé")
    assert len(message) == 1_000


async def test_a_retry_pass_leaves_out_failures_that_come_later(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 0, "2", failures=failing("x", "y")), LEASE_MS)
    stores.time.advance(LEASE_MS)
    claimed = await store.claim(claim_of(await store.get(lease.job_id), "b", retry=Selection()))
    assert isinstance(claimed, Claimed)
    assert claimed.job.retry == Retry(cursor=0, last=2)
    later = processed(1, 0, "3", failures=failing("z"), retry=Retry(cursor=1, last=2), retried_above=["2"])
    await store.checkpoint(claimed.lease, later, LEASE_MS)
    stores.time.advance(LEASE_MS)
    again = await store.claim(claim_of(claimed.job, "c"))
    assert isinstance(again, Claimed)
    assert (again.job.retry, again.retried_above) == (Retry(cursor=1, last=2), frozenset({"2"}))


async def test_an_operator_can_name_the_failures_to_retry(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    await store.checkpoint(lease, processed(1, 0, "3", failures=failing("x", "y", "z")), LEASE_MS)
    stores.time.advance(LEASE_MS)
    chosen = Selection(items=["z", "x", "none"])
    assert await store.count_failures(lease.job_id, chosen) == 2
    assert await store.count_failures(lease.job_id, Selection(error_class="Other")) == 0
    claimed = await store.claim(claim_of(await store.get(lease.job_id), "b", retry=chosen))
    assert isinstance(claimed, Claimed)
    assert claimed.job.retry == Retry(cursor=0, last=3, selected=True)
    selected = await store.failures(lease.job_id, FailureQuery(resolved=False, selected=True, after=0, last=3))
    assert [failure.item for failure in selected] == ["x", "z"]


async def test_samples_are_kept_for_a_day(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    for number, at in enumerate([1_000, 50_000, 86_400_000 + 10_000], start=1):
        sample = Sample(at=at, rate=1.5, scanned=number, failed=number)
        await store.checkpoint(lease, processed(number, 1, "1", sample=sample), LEASE_MS)
    kept = await store.samples(lease.job_id, 0)
    assert [(sample.at, sample.failed) for sample in kept] == [(50_000, 2), (86_410_000, 3)]


async def test_a_job_that_never_began_can_be_forgotten_and_no_other(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False), "ann")
    await store.discard(job.job_id)
    with pytest.raises(NotFound):
        await store.get(job.job_id)
    lease = (await running(store)).lease
    await store.discard(lease.job_id)
    assert (await store.get(lease.job_id)).state is JobState.RUNNING


async def test_whoever_cannot_freeze_the_ids_ends_no_job_that_another_has_frozen(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False), "ann")
    await store.freeze(job.job_id, "list-1", 0, [(1, b"x")])
    await store.seal(job.job_id, "list-1", 1)
    await store.discard(job.job_id)
    assert (await store.fail(job.job_id, "b", "the file is gone")).state is JobState.PENDING
    assert isinstance(await store.claim(claim_of(job)), Claimed)
    assert (await store.fail(job.job_id, "b", "the file is gone")).state is JobState.RUNNING


async def test_a_job_whose_ids_cannot_be_frozen_fails(store: SqlJobStore) -> None:
    job = await store.accept(new_job(whole=False), "ann")
    failed = await store.fail(job.job_id, "b", "the file is gone")
    assert (failed.state, failed.message) == (JobState.FAILED, "the file is gone")


async def test_a_reset_starts_from_zero_and_the_log_goes_on(store: SqlJobStore, stores: Stores) -> None:
    lease = (await running(store)).lease
    checkpoint = processed(1, 3, "4", failures=failing("x"), above=["6"], elapsed_ms=10)
    await store.end(lease, checkpoint, Ending(state=JobState.SUCCEEDED))
    before = len(await store.log(lease.job_id))
    await store.freeze(lease.job_id, "list-2", 0, [(1, b"y")])
    reset = Reset(spec=Spec(digest="d2", as_of=7), list_id="list-2", total=1)
    claimed = await store.claim(claim_of(await store.get(lease.job_id), "b", reset=reset))
    assert isinstance(claimed, Claimed)
    job = claimed.job
    assert (job.job_id, job.cursor, job.counts, job.elapsed_ms, job.total) == (lease.job_id, None, Counts(), 0, 1)
    assert (job.spec.digest, job.list_id, job.complete, claimed.done_above) == ("d2", "list-2", False, frozenset())
    assert not await store.failures(job.job_id, FailureQuery())
    assert len(await store.log(job.job_id)) == before + 1


async def test_operators_act_at_once_where_nobody_runs_the_job(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    ended = await store.end(lease, processed(1, 1, "1"), Ending(state=JobState.PAUSED, reason="shutdown"))
    assert (ended.state, ended.reason) == (JobState.PAUSED, "shutdown")
    assert (await store.stop(lease.job_id, "ann", "enough")).state is JobState.STOPPED
    assert (await store.stop(lease.job_id, "ann", "")).state is JobState.STOPPED
    assert (await store.cancel(lease.job_id, "ann", "")).state is JobState.CANCELED
    with pytest.raises(NotPossible, match="nothing to stop"):
        await store.stop(lease.job_id, "ann", "")
    stopped = next(event for event in await store.log(lease.job_id) if event.what == "stopped")
    assert (stopped.who, stopped.why, stopped.origin, stopped.target) == ("ann", "enough", "paused", "stopped")


async def test_a_job_that_runs_is_asked_and_hears_it_with_the_next_renewal(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    assert (await store.stop(lease.job_id, "ann", "")).state is JobState.STOPPING
    assert await store.renew(lease, LEASE_MS) == "stop"
    assert (await store.cancel(lease.job_id, "ann", "")).state is JobState.CANCELING
    assert await store.checkpoint(lease, processed(1, 1, "1"), LEASE_MS) == "cancel"
    with pytest.raises(NotPossible, match="before it is archived"):
        await store.archive(lease.job_id, "ann")
    ended = await store.end(lease, processed(2, 1, "2"), Ending(state=JobState.PAUSED, reason="shutdown"))
    assert (ended.state, ended.reason) == (JobState.CANCELED, None)
    assert (await store.runs(lease.job_id))[0].processed == 2


async def test_a_pending_job_can_be_cancelled_and_started_anew_only_with_a_reset(store: SqlJobStore) -> None:
    job = await store.accept(new_job(), "ann")
    with pytest.raises(NotPossible, match="has not begun"):
        await store.stop(job.job_id, "ann", "")
    await store.cancel(job.job_id, "ann", "")
    assert isinstance(await store.claim(claim_of(job)), NotClaimable)
    assert isinstance(await store.claim(claim_of(job, reset=Reset(spec=job.spec, total=3))), Claimed)


async def test_a_checkpoint_after_the_end_is_refused(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    await store.end(lease, processed(1, 1, "1"), Ending(state=JobState.SUCCEEDED))
    with pytest.raises(LeaseLost):
        await store.checkpoint(lease, Checkpoint(number=2), LEASE_MS)
    assert (await store.get(lease.job_id)).counts.processed == 1


async def test_only_edges_of_the_table_are_ever_written(store: SqlJobStore) -> None:
    lease = (await running(store)).lease
    with pytest.raises(NotPossible, match="cannot become canceled"):
        await store.end(lease, processed(1, 1, "1"), Ending(state=JobState.CANCELED))
    with pytest.raises(NotPossible, match="cannot become pending"):
        await store.end(lease, processed(1, 1, "1"), Ending(state=JobState.PENDING))
    job = await store.get(lease.job_id)
    assert (job.state, job.counts.processed) == (JobState.RUNNING, 0)
