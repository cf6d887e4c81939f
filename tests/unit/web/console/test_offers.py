"""What can be done to a job, and what is asked before it is done."""

import pytest

from retrograph.errors import NotFound
from retrograph.jobs.job import Counts
from retrograph.jobs.state import HELD, JobState
from retrograph.web.console.offers import VERBS, offers, question, verb_of, why_not
from tests.unit.web.console.jobs import NOW, job_of

POSSIBLE = {
    JobState.PENDING: {"cancel", "archive"},
    JobState.RUNNING: {"stop", "cancel"},
    JobState.STOPPING: {"cancel"},
    JobState.CANCELING: set(),
    JobState.STOPPED: {"cancel", "archive"},
    JobState.PAUSED: {"stop", "cancel", "archive"},
    JobState.INTERRUPTED: {"stop", "cancel", "archive"},
    JobState.SUCCEEDED: {"archive"},
    JobState.FAILED: {"archive"},
    JobState.CANCELED: {"archive"},
}


@pytest.mark.parametrize("state", list(JobState))
def test_the_menu_offers_what_the_table_of_states_allows(state: JobState) -> None:
    assert {offer.verb for offer in offers(job_of(state)) if not offer.why_not} == POSSIBLE[state]


@pytest.mark.parametrize("state", list(JobState))
def test_failures_are_retried_of_what_rests(state: JobState) -> None:
    job = job_of(state, counts=Counts(processed=1, failed=17))
    labels = [offer.label for offer in offers(job) if offer.verb == "retry" and not offer.why_not]
    assert labels == ([] if state in HELD or state is JobState.CANCELED else ["Retry 17 failures…"])


def test_what_is_archived_is_not_archived_again() -> None:
    assert why_not("archive", job_of(JobState.SUCCEEDED, archived_at=NOW)) == "it is archived already"


def test_a_question_says_what_happens_what_stays_and_whom_it_leaves_out() -> None:
    running, paused, over = job_of(), job_of(JobState.PAUSED, key="beta"), job_of(JobState.SUCCEEDED, key="old")
    asked = question("stop", [running, paused, over])
    assert (asked.title, asked.button) == ("Stop 2 jobs?", "Stop 2 jobs")
    assert asked.jobs == [running, paused]
    assert asked.left_out == [(over, "it is succeeded: there is nothing to stop")]
    assert any("shows stopping" in sentence for sentence in asked.happens)
    assert any("no longer resumed" in sentence for sentence in asked.happens)
    assert "What was written stays written." in asked.stays


@pytest.mark.parametrize("verb", VERBS)
def test_every_question_about_one_job_names_it(verb: str) -> None:
    state = JobState.STOPPED if verb == "retry" else JobState.PAUSED
    asked = question(verb_of(verb), [job_of(state, counts=Counts(failed=3))])
    assert "cohort" in asked.title
    assert asked.happens and asked.stays
    assert asked.danger is (verb == "cancel")


def test_a_retry_counts_what_it_means() -> None:
    job = job_of(JobState.SUCCEEDED, counts=Counts(processed=1, failed=21), complete=True)
    assert question("retry", [job]).button == "Retry 21"
    assert question("retry", [job], failures=4).title == "Retry 4 failures of cohort?"


def test_a_word_that_is_no_verb_is_not_found() -> None:
    with pytest.raises(NotFound):
        verb_of("explode")
