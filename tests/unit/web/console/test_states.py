"""A state is shape, word and tone, and its reason is said in words."""

import pytest

from retrograph.jobs.job import Counts
from retrograph.jobs.pressure import Pressure, Waiting
from retrograph.jobs.state import JobState, PauseReason
from retrograph.web.console.states import BADGES, REASONS, badge, reason
from tests.unit.web.console.jobs import NOW, job_of


def test_every_state_looks_like_no_other() -> None:
    assert set(BADGES) == set(JobState)
    assert len({badge.word for badge in BADGES.values()}) == len(JobState)
    looks = {(badge.shape, badge.tone) for state, badge in BADGES.items() if state is not JobState.CANCELING}
    assert len(looks) == len(JobState) - 1  # stopping and canceling differ by their word


def test_needs_attention_outranks_the_state_it_rests_in() -> None:
    job = job_of(JobState.PAUSED, reason="dependency-down", needs_attention=True, idle_tries=10)
    assert (badge(job).word, badge(job).tone) == ("Needs attention", "failed")
    said = reason(job, NOW, resumes_at=None)
    assert said is not None and said.text == "a dependency is down · 10 tries"


@pytest.mark.parametrize("why", list(PauseReason))
def test_a_pause_says_why_and_when_it_ends(why: PauseReason) -> None:
    said = reason(job_of(JobState.PAUSED, reason=why.value), NOW, resumes_at=NOW + 5)
    assert said is not None and said.at == NOW + 5
    assert said.text == f"{REASONS[why]} · resumes"


def test_what_is_due_promises_no_time_that_has_passed() -> None:
    said = reason(job_of(JobState.INTERRUPTED), NOW, resumes_at=NOW)
    assert said is not None and (said.text, said.at) == ("resumes soon", None)


def test_what_is_not_resumed_by_itself_promises_nothing() -> None:
    said = reason(job_of(JobState.PAUSED, reason="max-runtime"), NOW, resumes_at=None)
    assert said is not None and (said.text, said.at) == ("runtime cap", None)
    assert reason(job_of(JobState.STOPPED), NOW) is None
    gone = reason(job_of(JobState.PAUSED, reason="max-runtime", archived_at=NOW), NOW)
    assert gone is not None and gone.text == "archived"


def test_a_run_that_is_held_up_says_by_what() -> None:
    waiting = Waiting(service="purchase-history", kind="429", seconds=40.0, at=NOW)
    job = job_of(pressure=Pressure(pace=5.0, full=10.0, service="purchase-history", waiting=waiting))
    waits, slowed = reason(job, NOW + 1_000), reason(job, NOW + 41_000)
    assert waits is not None and waits.text == "waits: the purchase history service answered 429"
    assert slowed is not None and slowed.text == "slowed to 5/s: the purchase history service pushed back"
    assert reason(job_of(phase="processing"), NOW) is None


def test_a_load_of_nobody_is_told_apart_from_one_that_found_something() -> None:
    nobody = Counts(processed=3, found={"purchases": 0, "edges-written": 0, "users-without-history": 3})
    told = reason(job_of(JobState.SUCCEEDED, counts=nobody), NOW)
    assert told is not None
    assert told.text == "nothing was found"
    somebody = Counts(processed=3, found={"purchases": 1, "edges-written": 0, "users-without-history": 2})
    assert reason(job_of(JobState.SUCCEEDED, counts=somebody), NOW) is None
