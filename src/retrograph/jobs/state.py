"""The states of a job: one table, with the reason on every edge. Whatever is not in it cannot be written.

What was *asked* (`stopping`, `canceling`) is kept apart from what was *achieved*, and a process that died
(`interrupted`) from work that cannot go on (`failed`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from retrograph.errors import UsageError


class JobState(StrEnum):
    """Where a job stands; `MEANINGS` says what each means."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    CANCELING = "canceling"
    STOPPED = "stopped"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class PauseReason(StrEnum):
    """Why a job paused by itself."""

    MAX_RUNTIME = "max-runtime"
    CONSECUTIVE_FAILURES = "consecutive-failures"
    DEPENDENCY_DOWN = "dependency-down"
    SHUTDOWN = "shutdown"


class NotPossible(UsageError):
    """The job's state does not allow what was asked of it."""


_S = JobState

MEANINGS: Final[Mapping[JobState, str]] = {
    _S.PENDING: "accepted and validated, not yet started",
    _S.RUNNING: "a process holds its lease",
    _S.STOPPING: "an operator asked it to stop",
    _S.CANCELING: "an operator asked to end it for good",
    _S.STOPPED: "stopped; the same key resumes from the cursor",
    _S.PAUSED: "stopped itself, with a reason; it is resumed",
    _S.INTERRUPTED: "its process died: the lease ran out",
    _S.SUCCEEDED: "walked to the end; failures, if any, are counted and kept",
    _S.FAILED: "cannot go on: an error that no retry mends",
    _S.CANCELED: "ended for good; what was written stays written",
}

EDGES: Final[Mapping[tuple[JobState, JobState], str]] = {
    (_S.PENDING, _S.RUNNING): "a process claimed it",
    (_S.PENDING, _S.FAILED): "what it should walk over cannot be read",
    (_S.PENDING, _S.CANCELED): "cancelled before it began",
    (_S.RUNNING, _S.STOPPING): "an operator asked it to stop",
    (_S.RUNNING, _S.CANCELING): "an operator asked to end it",
    (_S.RUNNING, _S.PAUSED): "it met a cap, a dependency is down, or its process shuts down",
    (_S.RUNNING, _S.INTERRUPTED): "its lease ran out",
    (_S.RUNNING, _S.SUCCEEDED): "it walked to the end",
    (_S.RUNNING, _S.FAILED): "an error that no retry mends",
    (_S.STOPPING, _S.STOPPED): "the current items are done, or its process died: it must not come back by itself",
    (_S.STOPPING, _S.SUCCEEDED): "it reached the end first",
    (_S.STOPPING, _S.FAILED): "it failed first",
    (_S.STOPPING, _S.CANCELING): "an operator asked for more than a stop",
    (_S.CANCELING, _S.CANCELED): "the current items are done, or its process died",
    (_S.CANCELING, _S.SUCCEEDED): "it reached the end first",
    (_S.CANCELING, _S.FAILED): "it failed first",
    (_S.STOPPED, _S.RUNNING): "started again",
    (_S.STOPPED, _S.CANCELED): "an operator ended it",
    (_S.PAUSED, _S.RUNNING): "resumed",
    (_S.PAUSED, _S.STOPPED): "an operator stopped it: it is not resumed by itself",
    (_S.PAUSED, _S.CANCELED): "an operator ended it",
    (_S.INTERRUPTED, _S.RUNNING): "another process took it over",
    (_S.INTERRUPTED, _S.STOPPED): "an operator stopped it: it is not resumed by itself",
    (_S.INTERRUPTED, _S.CANCELED): "an operator ended it",
    (_S.SUCCEEDED, _S.RUNNING): "started again: failures are retried, or its source has grown",
    (_S.FAILED, _S.RUNNING): "started again",
    (_S.CANCELED, _S.RUNNING): "started anew, from the beginning",
}

NEEDS_RESET: Final = frozenset({(_S.CANCELED, _S.RUNNING)})
"""Edges that only a start with `reset_cursor` may take."""

HELD: Final = frozenset({_S.RUNNING, _S.STOPPING, _S.CANCELING})
"""A process holds, or held until it died, the lease of a job in one of these."""

RETRIED: Final = "retried"
"""The reason of a job that was started for its failures only, while its walk is not at the end."""

RESUMABLE: Final = frozenset({_S.PAUSED, _S.INTERRUPTED})
"""What a watchdog may resume: no operator asked for it."""

TAKEN_UP: Final = RESUMABLE | {_S.PENDING}
"""The same, and what its process accepted and then died before it began."""

ENDED: Final = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELED})
"""Nothing happens to these by themselves, and there is nothing to stop."""


def may(current: JobState, wanted: JobState, *, reset: bool = False) -> bool:
    """Whether the table has that edge."""
    edge = (current, wanted)
    return edge in EDGES and (reset or edge not in NEEDS_RESET)


def settle(current: JobState, wanted: JobState) -> JobState:
    """What a run that ends as `wanted` becomes, where an operator has asked for something meanwhile."""
    if wanted in (_S.PAUSED, _S.STOPPED, _S.INTERRUPTED, _S.CANCELED):
        if current is _S.CANCELING:
            return _S.CANCELED
        if current is _S.STOPPING:
            return _S.STOPPED
    return wanted


def after_death(current: JobState) -> JobState:
    """What a job becomes whose lease ran out."""
    return settle(current, _S.INTERRUPTED)


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {origin} --> {target}: {_plain(why)}" for (origin, target), why in EDGES.items()]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    # A colon or a semicolon would end the label.
    return text.replace(":", ",").replace(";", ",")
