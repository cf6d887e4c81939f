"""The table of states: every edge of it and no other, each with a reason."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.jobs.state import EDGES, ENDED, HELD, MEANINGS, JobState, after_death, diagram, may, settle

ALLOWED = {
    "pending": {"running", "failed", "canceled"},
    "running": {"stopping", "canceling", "paused", "interrupted", "succeeded", "failed"},
    "stopping": {"stopped", "succeeded", "failed", "canceling"},
    "canceling": {"canceled", "succeeded", "failed"},
    "stopped": {"running", "canceled"},
    "paused": {"running", "stopped", "canceled"},
    "interrupted": {"running", "stopped", "canceled"},
    "succeeded": {"running"},
    "failed": {"running"},
    "canceled": set(),
}


@pytest.mark.parametrize(("origin", "target"), list(product(JobState, JobState)))
def test_a_job_may_become_what_the_table_says_and_nothing_else(origin: JobState, target: JobState) -> None:
    assert may(origin, target) == (target in ALLOWED[origin])


def test_only_a_reset_brings_a_canceled_job_back() -> None:
    assert may(JobState.CANCELED, JobState.RUNNING, reset=True)
    assert not may(JobState.CANCELED, JobState.RUNNING)


def test_every_edge_has_a_reason_and_every_state_a_meaning() -> None:
    assert all(EDGES.values())
    assert set(MEANINGS) == set(JobState)


@given(st.sampled_from(sorted(HELD)), st.sampled_from(["paused", "stopped", "canceled", "succeeded", "failed"]))
def test_an_ending_always_lies_on_an_edge_whatever_was_asked_meanwhile(current: JobState, wanted: str) -> None:
    settled = settle(current, JobState(wanted))
    asked_by_nobody = current is JobState.RUNNING and wanted in ("stopped", "canceled")
    assert asked_by_nobody or may(current, settled)


@given(st.sampled_from(sorted(HELD)))
def test_a_dead_process_leaves_a_state_on_an_edge(current: JobState) -> None:
    assert may(current, after_death(current))


def test_what_was_asked_to_stop_does_not_come_back_by_itself() -> None:
    assert after_death(JobState.STOPPING) is JobState.STOPPED
    assert after_death(JobState.CANCELING) is JobState.CANCELED
    assert after_death(JobState.RUNNING) is JobState.INTERRUPTED


def test_nothing_that_ended_is_held() -> None:
    assert not ENDED & HELD


def test_the_diagram_draws_every_edge_once() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 2 + len(EDGES)
    assert all(line.count(":") == 1 and ";" not in line for line in lines[2:])
