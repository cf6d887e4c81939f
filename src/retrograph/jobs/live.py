"""A job that runs in this process is further than its last checkpoint says: what is shown here is what is true now."""

from collections.abc import Sequence
from dataclasses import replace

from retrograph.jobs.job import Job
from retrograph.jobs.progress import Progress, Watch
from retrograph.jobs.state import HELD


class Live:
    """The last look at each job that runs in this process, by its id and run."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, int], Progress | None] = {}

    def watching(self, job: Job, watch: Watch) -> "Looking":
        """A watch that keeps what it sees, and passes it on; from now on the job counts as one that runs here."""
        self._looks[job.job_id, job.epoch] = None
        return Looking(self._looks, (job.job_id, job.epoch), watch)

    def forget(self, job: Job) -> None:
        """That run has ended."""
        self._looks.pop((job.job_id, job.epoch), None)

    def knows(self, job: Job) -> bool:
        """Whether it runs here."""
        return (job.job_id, job.epoch) in self._looks

    def fresh(self, job: Job) -> Job:
        """The job as it is now; any other one as it was read."""
        look = self._looks.get((job.job_id, job.epoch))
        if look is None or job.state not in HELD or look.counts.scanned < job.counts.scanned:
            return job
        return replace(
            job,
            counts=look.counts,
            cursor=look.cursor,
            total=look.total,
            phase=look.phase,
            rate=look.rate,
            elapsed_ms=max(job.elapsed_ms, look.elapsed_ms),
        )

    def all(self, jobs: Sequence[Job]) -> list[Job]:
        """The same of several."""
        return [self.fresh(job) for job in jobs]


class Looking:
    """See `Live.watching`."""

    def __init__(self, looks: dict[tuple[str, int], Progress | None], place: tuple[str, int], watch: Watch) -> None:
        self._looks = looks
        self._place = place
        self._watch = watch

    def progressed(self, progress: Progress) -> None:
        self._looks[self._place] = progress
        self._watch.progressed(progress)

    def said(self, sentence: str) -> None:
        self._watch.said(sentence)
