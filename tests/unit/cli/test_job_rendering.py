"""Jobs as people see them."""

from dataclasses import replace

from retrograph.cli.job_rendering import ending, job_pairs, job_row, state_text
from retrograph.jobs.job import Counts, Failure, Job, LogEvent, Spec
from retrograph.jobs.state import JobState
from retrograph.jobs.view import event_as_json, failure_as_json

JOB = Job(
    job_id="1",
    graph_id="g",
    key="nightly",
    kind="purchases",
    state=JobState.PAUSED,
    reason="max-runtime",
    spec=Spec(as_of=1_514_851_200_000, source={"file": "users.txt", "ids": 2377}),
    total=2377,
    counts=Counts(processed=1200, failed=4, skipped=0, refused={"id": 2}),
    elapsed_ms=500_000,
    created_by="me@here",
)


def test_a_row_tells_state_reason_and_progress() -> None:
    assert job_row(JOB)[:4] == ("nightly", "paused (max-runtime)", "1,204 of 2,377 (50.7%)", 4)


def test_a_dry_run_is_told_from_the_real_job_of_the_same_key() -> None:
    dry = replace(JOB, spec=replace(JOB.spec, dry_run=True))
    assert job_row(dry)[2] == "1,204 of 2,377 (50.7%), dry run"
    assert job_pairs(dry)["kind"] == "purchases, dry run"


def test_a_job_without_a_total_shows_what_was_scanned() -> None:
    assert job_row(replace(JOB, total=None))[2] == "1,204"


def test_a_job_that_needs_attention_says_so() -> None:
    assert state_text(replace(JOB, needs_attention=True)) == "paused (max-runtime), needs attention"


def test_a_job_is_told_with_its_window_and_source() -> None:
    pairs = job_pairs(JOB)
    assert pairs["window"] == "365 days up to 2018-01-02T00:00:00.000Z"
    assert pairs["ids from"] == "file users.txt, ids 2377"
    assert pairs["left out"] == "2 facts (2 id)"
    assert "why" not in pairs


def test_the_end_says_what_to_do_next() -> None:
    told = ending(JOB)
    assert told[0] == "nightly paused (max-runtime): 1,200 processed, 4 failed, in 8m20s"
    assert "see why with `retrograph jobs failures nightly`, then `retrograph jobs retry nightly`" in told
    assert told[-1] == "the same command resumes it"


def test_a_clean_end_is_one_sentence() -> None:
    done = replace(JOB, state=JobState.SUCCEEDED, reason=None, counts=Counts(processed=2377))
    assert ending(done) == ["nightly succeeded: 2,377 processed, 0 failed, in 8m20s"]


def test_what_was_found_is_told_and_what_earlier_runs_did_is_told_apart() -> None:
    found = {"purchases": 1_000, "edges-written": 900, "users-without-history": 0}
    before = replace(JOB, counts=Counts(processed=1200, found=found, refused={"id": 2}), elapsed_ms=500_000)
    found = {"purchases": 1_300, "edges-written": 901, "users-without-history": 2}
    counts = Counts(processed=1212, found=found, refused={"id": 2})
    told = ending(replace(JOB, state=JobState.SUCCEEDED, reason=None, counts=counts, elapsed_ms=503_000), before)
    assert told == [
        "nightly succeeded: 12 processed now, 1,212 in all, 0 failed, in 3s",
        "found: 300 purchases",
        "written: 1 edge made or changed",
        "unknown: 2 users of whom no service knew anything",
    ]


def test_a_run_without_anything_new_says_nothing_of_what_earlier_ones_found() -> None:
    before = replace(JOB, state=JobState.SUCCEEDED, reason=None, counts=Counts(processed=9, found={"identifiers": 5}))
    assert ending(before, before) == ["nightly succeeded: 0 processed now, 9 in all, 0 failed, in 0s"]


def test_a_load_of_nobody_does_not_look_like_success() -> None:
    nobody = Counts(processed=3, found={"purchases": 0, "edges-written": 0, "users-without-history": 3})
    told = ending(replace(JOB, state=JobState.SUCCEEDED, reason=None, counts=nobody))
    assert (
        "No service knew any of these 3 users in the 365 days before 2018-01-02: "
        "check the ids, and the end of the window (as_of)." in told
    )


def test_files_whose_events_were_all_left_out_say_so() -> None:
    counts = Counts(processed=2, found={"events": 0}, refused={"undecodable": 7})
    told = ending(replace(JOB, kind="events", state=JobState.SUCCEEDED, reason=None, counts=counts))
    assert any(sentence.startswith("No event of any of these 2 objects was joined") for sentence in told)
    some = ending(replace(JOB, kind="events", counts=replace(counts, found={"events": 1})))
    assert "found: 1 event joined" in some


def test_failures_and_events_are_documents() -> None:
    failure = Failure(
        number=1, item="u1", attempts=2, error_class="ServiceFailed", message="503", first_at=0, last_at=1000
    )
    assert failure_as_json(failure)["last_at"] == "1970-01-01T00:00:01.000Z"
    assert failure_as_json(failure)["resolved_at"] is None
    event = LogEvent(number=1, at=0, who="me", what="stop", origin=JobState.RUNNING, target=JobState.STOPPING, why="x")
    assert (event_as_json(event)["from"], event_as_json(event)["to"]) == ("running", "stopping")
