"""What must be so after every disturbance, whatever it was."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from retrograph.jobs.state import EDGES, JobState
from tests.torture.process import Loads
from tests.torture.stage import Stage

MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """A process that waited for a dead or frozen one's lease, and how long that took from the death on, or from the
    end of the frozen one's lease."""

    seconds: float
    allowed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one disturbance did to one load, and what came of it."""

    injected: str
    seen: str
    takeovers: tuple[Takeover, ...] = ()


def often(count: int) -> str:
    """`never`, `once`, `twice`, `3 times`."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


def judge(stage: Stage, loads: Loads, takeovers: tuple[Takeover, ...] = ()) -> Any:
    """Raises AssertionError unless the load came out as if nothing had happened; answers its job."""
    place, users = stage.place, len(stage.world.ids)
    job = place.job()
    assert job["state"] == "succeeded", job
    assert (job["total"], job["processed"], job["failed"], job["skipped"]) == (users, users, 0, 0), job
    by_run = place.rows("SELECT number, processed, failed, skipped, state FROM job_runs ORDER BY number")
    for count, expected in (("processed", users), ("failed", 0), ("skipped", 0)):
        assert sum(int(run[count]) for run in by_run) == expected, by_run
    assert [run["number"] for run in by_run] == list(range(1, job["run"] + 1)), by_run
    assert place.rows("SELECT count(*) AS failures FROM job_failures") == [{"failures": 0}]
    assert place.digest() == stage.world.undisturbed
    moves = [(JobState(event["from"]), JobState(event["to"])) for event in place.log() if event["from"]]
    assert all(move in EDGES for move in moves), moves
    assert "Traceback" not in "".join(load.told for load in loads.started)
    late = [takeover for takeover in takeovers if takeover.seconds > takeover.allowed + MARGIN_SECONDS]
    assert not late, late
    return job


def interruptions(stage: Stage) -> int:
    """How often the store noted that a process had died."""
    return Counter(event["to"] for event in stage.place.log())["interrupted"]
