"""A job's books at its end: nothing lost, nothing counted twice, and a log that the table of states allows."""

from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.jobs.job import Job, LogEvent, Run
from retrograph.jobs.queries import FailureQuery
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.store.engine import Database
from tests.simulation.audit import chain
from tests.simulation.engines import ODD, odd
from tests.simulation.plan import Errand


@dataclass(frozen=True, slots=True)
class Books:
    """One job that has been brought to its end."""

    database: Database
    errand: Errand
    hopeless: frozenset[str]

    async def problems(self) -> list[str]:
        """A sentence for each thing that is wrong."""
        store = SqlJobStore(self.database)
        (job,) = await store.named(self.errand.key)
        log = await store.log(job.job_id)
        failures = await store.failures(job.job_id, FailureQuery(resolved=False, limit=1_000))
        runs = await store.runs(job.job_id, limit=1_000)
        failed = {failure.item for failure in failures}
        return [*chain(log), *self._counts(job, failed), *_runs(job, runs, log)]

    def _counts(self, job: Job, failed: set[str]) -> list[str]:
        users, counts = set(self.errand.users), job.counts
        done = users - self.hopeless
        wanted = {
            "total": (job.total, len(users)),
            "processed": (counts.processed, len(done)),
            "failed": (counts.failed, len(users - done)),
            "failures that are kept": (sorted(failed), sorted(users - done)),
            "facts left out": (counts.refused.get(ODD, 0), sum(odd(user) for user in done)),
            "what was found": (counts.found.get(ODD, 0), sum(odd(user) for user in done)),
            "items at the cursor": (job.cursor, str(len(users))),
            "skipped": (counts.skipped, 0),
        }
        return [f"{name}: {found}, not {right}" for name, (found, right) in wanted.items() if found != right]


def _runs(job: Job, runs: Sequence[Run], log: Sequence[LogEvent]) -> list[str]:
    """Each run counts what it has done: together they are the job, since it last began."""
    resets = [event.at for event in log if event.what == "reset"]
    since = [run for run in runs if not resets or run.started_at >= resets[-1]]
    problems = []
    for name in ("processed", "failed", "skipped"):
        total = sum(getattr(run, name) for run in since)
        if total != getattr(job.counts, name):
            problems.append(f"its runs have {total} {name}, the job {getattr(job.counts, name)}")
    if any(run.ended_at is None for run in runs):
        problems.append("a run has no end")
    if job.state is not JobState.SUCCEEDED or job.holder is not None:
        problems.append(f"it is {job.state}, held by {job.holder}")
    return problems
