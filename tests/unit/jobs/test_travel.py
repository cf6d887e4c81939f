"""What people read about items that travel through a queue."""

from dataclasses import replace

from retrograph.jobs.job import Depth, Job, Spec
from retrograph.jobs.state import JobState
from retrograph.jobs.travel import depth_words, present_depth, travel_words
from retrograph.jobs.view import backfill_as_json, job_as_json

DEPTH = Depth(waiting=1_200, in_flight=5, dead=1, at=7)
SENT = Job(
    job_id="j",
    graph_id="g",
    key="cohort",
    kind="purchases",
    state=JobState.RUNNING,
    spec=Spec(as_of=0),
    total=1_500,
    sent=1_500,
    answered=294,
    depth=DEPTH,
)


def test_a_job_says_what_was_sent_and_what_has_no_outcome() -> None:
    assert travel_words(SENT) == "1,500 sent, 1,206 without an outcome yet"
    assert travel_words(replace(SENT, answered=1_500)) == "1,500 sent, each has its outcome"
    assert travel_words(replace(SENT, sent=0, answered=0)) is None


def test_a_queue_is_only_told_while_somebody_looks_at_it() -> None:
    assert depth_words(present_depth(SENT)) == "1,200 waiting, 5 in flight, 1 dead"
    assert job_as_json(SENT)["depth"] == {
        "waiting": 1_200,
        "in_flight": 5,
        "dead": 1,
        "at": "1970-01-01T00:00:00.007Z",
    }
    ended = replace(SENT, state=JobState.SUCCEEDED)
    assert (present_depth(ended), job_as_json(ended)["depth"]) == (None, None)


def test_callers_of_old_hear_of_users_and_not_of_attempts() -> None:
    assert backfill_as_json(SENT, None)["sent"] == 1_500
    assert backfill_as_json(replace(SENT, sent=1_700, answered=1_700), None)["sent"] == 1_500
