"""Jobs as the console meets them."""

from retrograph.jobs.job import Job, Spec
from retrograph.jobs.state import JobState

NOW = 1_700_000_000_000


def job_of(state: JobState = JobState.RUNNING, **changes: object) -> Job:
    """A job that was begun; whatever else it is, is given."""
    values: dict[str, object] = {
        "job_id": "6f1e",
        "graph_id": "graph-1",
        "key": "cohort",
        "kind": "purchases",
        "state": state,
        "spec": Spec(as_of=NOW),
        "created_by": "ann@example.com",
        "created_at": NOW - 60_000,
    }
    return Job(**(values | changes))  # type: ignore[arg-type]
