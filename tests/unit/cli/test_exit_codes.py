"""What a command's exit code says."""

from dataclasses import replace

import pytest

from retrograph import errors
from retrograph.cli.exit_codes import ExitCode, of_error, of_job
from retrograph.jobs.job import Counts, Job, Spec
from retrograph.jobs.state import JobState

JOB = Job(job_id="1", graph_id="g", key="k", kind="purchases", state=JobState.SUCCEEDED, spec=Spec(as_of=0))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.ConfigurationError("x"), 2),
        (errors.MissingExtra("bolt", "neo4j"), 2),
        (errors.IncompatibleGraph("x"), 2),
        (errors.NotFound("x"), 2),
        (errors.DependencyDown("graph", "x"), 3),
        (errors.JobRefused("running", "x"), 4),
        (errors.LeaseLost("x"), 4),
        (errors.ServiceFailed("x"), 1),
        (errors.RetrographError("x"), 1),
    ],
)
def test_every_error_has_one(error: errors.RetrographError, code: int) -> None:
    assert of_error(error) == code


@pytest.mark.parametrize(
    ("state", "reason", "failed", "interrupted", "code"),
    [
        (JobState.SUCCEEDED, None, 0, False, 0),
        (JobState.SUCCEEDED, None, 0, True, 0),
        (JobState.SUCCEEDED, None, 3, False, 1),
        (JobState.FAILED, None, 0, False, 1),
        (JobState.STOPPED, None, 0, True, 130),
        (JobState.STOPPED, None, 0, False, 5),
        (JobState.CANCELED, None, 0, False, 5),
        (JobState.CANCELED, None, 0, True, 5),
        (JobState.PAUSED, "max-runtime", 0, False, 6),
        (JobState.PAUSED, "consecutive-failures", 9, False, 6),
        (JobState.PAUSED, "shutdown", 0, False, 6),
        (JobState.PAUSED, "dependency-down", 0, False, 3),
        (JobState.RUNNING, None, 0, False, 4),
        (JobState.INTERRUPTED, None, 0, False, 4),
    ],
)
def test_every_end_of_a_job_has_one(
    state: JobState, reason: str | None, failed: int, interrupted: bool, code: int
) -> None:
    job = replace(JOB, state=state, reason=reason, counts=Counts(failed=failed))
    assert of_job(job, interrupted=interrupted) == code


def test_every_state_has_one() -> None:
    assert {of_job(replace(JOB, state=state)) for state in JobState} <= set(ExitCode)
