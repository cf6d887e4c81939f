"""What a command's exit code means: the one place where errors and ends of jobs become one.

0    done
1    the job failed, or ended with items that failed; an unexpected error
2    wrong usage or configuration
3    a dependency is down
4    the job is held by another process
5    it was stopped or cancelled from elsewhere
6    it paused
130  Ctrl-C
"""

from enum import IntEnum

from retrograph import errors
from retrograph.jobs.job import Job
from retrograph.jobs.state import RETRIED, JobState, PauseReason


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DEPENDENCY_DOWN = 3
    HELD = 4
    STOPPED_ELSEWHERE = 5
    PAUSED = 6
    INTERRUPTED = 130


_OF_ERRORS: tuple[tuple[type[errors.RetrographError], ExitCode], ...] = (
    (errors.UsageError, ExitCode.USAGE),
    (errors.DependencyDown, ExitCode.DEPENDENCY_DOWN),
    (errors.JobRefused, ExitCode.HELD),
    (errors.LeaseLost, ExitCode.HELD),
    (errors.RetrographError, ExitCode.FAILED),
)


def of_error(error: errors.RetrographError) -> ExitCode:
    """The exit code of an error that ended a command."""
    return next(code for kind, code in _OF_ERRORS if isinstance(error, kind))


_OF_STATES = {
    JobState.FAILED: ExitCode.FAILED,
    JobState.STOPPED: ExitCode.STOPPED_ELSEWHERE,
    JobState.CANCELED: ExitCode.STOPPED_ELSEWHERE,
    JobState.PAUSED: ExitCode.PAUSED,
}


def of_job(job: Job, *, interrupted: bool = False) -> ExitCode:
    """The exit code of a command that ran a job; `interrupted`: by Ctrl-C in this very process."""
    if interrupted and job.state is JobState.STOPPED:
        return ExitCode.INTERRUPTED
    done = job.state is JobState.SUCCEEDED or (job.state is JobState.STOPPED and job.reason == RETRIED)
    if done:
        return ExitCode.FAILED if job.counts.failed else ExitCode.DONE
    if job.state is JobState.PAUSED and job.reason == PauseReason.DEPENDENCY_DOWN:
        return ExitCode.DEPENDENCY_DOWN
    return _OF_STATES.get(job.state, ExitCode.HELD)
