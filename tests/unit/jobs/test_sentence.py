"""The one sentence that a job's page opens with: every state and reason has one, and it says what is held by what."""

from dataclasses import replace
from itertools import product

import pytest

from retrograph.jobs.job import Counts, Depth, Job, Parameters, Retry, Spec
from retrograph.jobs.pressure import Pressure, Waiting
from retrograph.jobs.sentence import sentence_of
from retrograph.jobs.state import JobState, PauseReason
from retrograph.jobs.watchdog import Patience
from retrograph.jobs.wording import At, span

NOW = 1_700_000_000_000  # 22:13:20 UTC
RUNNING = Job(
    job_id="j",
    graph_id="g",
    key="cohort",
    kind="purchases",
    state=JobState.RUNNING,
    phase="processing",
    spec=Spec(as_of=NOW),
    parameters=Parameters(rate_limit=10.0),
    total=75_000,
    counts=Counts(processed=34_391, failed=21),
    rate=9.6,
    lease_until=NOW + 10_000,
    heartbeat_at=NOW - 2_000,
    paused_at=NOW - 60_000,
)


def say(job: Job, **changes: object) -> str:
    return str(sentence_of(replace(job, **changes), NOW))  # type: ignore[arg-type]


def test_a_run_at_its_limit_says_that_the_limit_holds_it_and_when_it_ends() -> None:
    assert say(RUNNING) == (
        "Loading users at 9.6 a second, held at 10 by the rate limit; about 1 h 10 min left, done near 23:23 UTC."
    )


def test_one_that_is_slowed_names_the_service() -> None:
    pressure = Pressure(pace=5.0, full=10.0, service="shop-orders")
    assert "slowed to 5 instead of 10 because the shop order service pushed back" in say(RUNNING, pressure=pressure)


def test_one_that_waits_says_for_what_and_how_long() -> None:
    waiting = Waiting(service="purchase-history", kind="429", seconds=40.0, at=NOW - 10_000)
    words = say(RUNNING, rate=0.0, pressure=Pressure(waiting=waiting))
    assert words == "Waits: the purchase history service answered 429; the next try is in 30 s."
    assert say(RUNNING, pressure=Pressure(waiting=waiting)).startswith("Loading users at 9.6")
    over = replace(waiting, at=NOW - 41_000)
    assert say(RUNNING, rate=0.0, pressure=Pressure(waiting=over)).startswith("Loading users; none ended")


def test_a_job_whose_users_are_sent_away_says_how_many_are_on_their_way() -> None:
    sent = replace(RUNNING, parameters=Parameters(rate_limit=10.0, executor="queue"), sent=40_000, answered=34_412)
    assert say(sent).startswith("Sending to workers: 40,000 sent, 5,588 without an outcome yet at 9.6 a second; about")
    assert say(sent, sent=75_000).startswith("Everything is sent, 40,588 without an outcome yet at 9.6 a second; about")
    full = Depth(waiting=5_588, in_flight=0, dead=0, at=NOW)
    assert say(sent, rate=0.0, depth=full) == "5,588 users wait in the queue, and no worker takes them."
    assert say(sent, rate=0.0, depth=replace(full, in_flight=5)).startswith("Sending to workers")


def test_a_run_that_has_just_begun_has_no_pace_yet() -> None:
    assert say(RUNNING, rate=None) == "Loading users; the first of this run are under way."


def test_one_that_nothing_holds_says_nothing_of_it() -> None:
    words = say(RUNNING, kind="identity", rate=20_412.4, parameters=Parameters(), total=None)
    assert words == "Joining users at 20,412 a second."


def test_one_below_its_limit_says_what_it_waits_for() -> None:
    assert "as fast as 8 at a time are answered (the limit is 10)" in say(RUNNING, rate=4.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phase": "discovery"}, "Finding out which users there are."),
        ({"finishing": True}, "Every one of its users is done"),
        (
            {"retry": Retry(cursor=0, last=21)},
            "Retrying 21 failed users at 9.6 a second, held at 10 by the rate limit; goes on from the cursor then.",
        ),
        ({"retry": Retry(cursor=0, last=21, selected=True)}, "Retrying the chosen failures at 9.6 a second"),
        ({"lease_until": NOW - 1}, "Its process has not been heard of for 2 s"),
        ({"spec": Spec(as_of=0, dry_run=True)}, "Walking users at 9.6 a second"),
        ({"state": JobState.STOPPING}, "Stopping: no more users begin"),
        ({"state": JobState.CANCELING}, "Cancelling: no more users begin"),
        ({"state": JobState.STOPPED}, "Stopped at 34,412 of 75,000 users. The same key goes on from there."),
        ({"state": JobState.STOPPED, "reason": "retried"}, "Its failures were tried again"),
        ({"state": JobState.PENDING}, "Accepted, and not yet started."),
        ({"state": JobState.PENDING, "whole": False}, "the ids of its users are being read"),
        ({"state": JobState.FAILED, "message": "the token is refused."}, "the token is refused. The same key"),
        ({"state": JobState.CANCELED}, "what was written stays written"),
        ({"state": JobState.SUCCEEDED, "elapsed_ms": 3_600_000}, "Done: 34,391 users processed, 21 failed, in 1 h."),
    ],
)
def test_each_state_has_its_words(changes: dict[str, object], words: str) -> None:
    assert words in say(RUNNING, **changes)


def test_a_pause_says_why_and_when_it_ends() -> None:
    paused = replace(RUNNING, state=JobState.PAUSED, reason="max-runtime")
    sentence = sentence_of(paused, NOW)
    assert str(sentence) == "Paused at its runtime cap of 15 min, resumes at 22:17 UTC."
    assert At(NOW + 240_000) in sentence.parts, "each door shows it in the zone of whoever reads"
    words = str(sentence_of(paused, NOW, Patience(first_wait_ms=1_000)))
    assert words.endswith("it is resumed as soon as a server has room for it.")
    assert "a dry run is not resumed by itself" in say(paused, spec=Spec(as_of=0, dry_run=True))


def test_a_pause_that_something_broken_caused_names_it() -> None:
    down = say(RUNNING, state=JobState.PAUSED, reason="dependency-down", message="products: status 503")
    assert down == ("Paused because something it needs is down (products: status 503), resumes at 22:17 UTC.")
    row = say(RUNNING, state=JobState.PAUSED, reason="consecutive-failures", message="25 items failed in a row")
    assert row == "Paused because 25 items failed in a row, resumes at 22:17 UTC."


def test_what_needs_a_person_says_so_first() -> None:
    words = say(RUNNING, state=JobState.PAUSED, reason="dependency-down", needs_attention=True, idle_tries=10)
    assert words.startswith("Needs attention: it was resumed 10 times without one of its users done")


def test_there_is_a_sentence_for_everything_that_a_job_can_be() -> None:
    reasons = [None, "retried", *(reason.value for reason in PauseReason)]
    for state, reason, phase, rate, dry in product(
        JobState, reasons, ("discovery", "processing", None), (None, 0.0, 3.3), (False, True)
    ):
        words = say(RUNNING, state=state, reason=reason, phase=phase, rate=rate, spec=Spec(as_of=0, dry_run=dry))
        assert words[0].isupper(), words
        assert words.endswith("."), words
        assert "None" not in words, words
        assert ".." not in words, words


def test_spans_are_no_finer_than_somebody_waits_for() -> None:
    assert [span(seconds) for seconds in (0, 59.4, 60, 899, 3_600, 4_222, 90_000, 172_800)] == [
        "0 s", "59 s", "1 min", "15 min", "1 h", "1 h 10 min", "1 d 1 h", "2 d",
    ]  # fmt: skip
