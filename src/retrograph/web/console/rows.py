"""A job as one row of the list: everything decided, so that the template only shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retrograph.jobs.cursors import cursor_words
from retrograph.jobs.job import Job
from retrograph.jobs.queries import Glance
from retrograph.jobs.state import HELD, JobState
from retrograph.jobs.watchdog import Patience, resumes_at
from retrograph.jobs.wording import cause_first
from retrograph.web.console.formatting import plural
from retrograph.web.console.offers import Offer, offers
from retrograph.web.console.progress import Bar, bar, pace, scanned, sparkline
from retrograph.web.console.states import Badge, Reason, badge, reason

_PLACES: Final = ("file", "object", "table", "url", "users", "uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job of the list."""

    job: Job
    about: str
    """Its kind, whether it only looks, and where its items come from."""
    badge: Badge
    reason: Reason | None
    bar: Bar
    scanned: str
    cursor: str | None
    pace: str
    points: str
    resting: bool
    begun: bool
    """Whether there is anything to count yet."""
    last_error: str
    offers: Sequence[Offer]

    @property
    def address(self) -> str:
        """The page of the job."""
        return f"/jobs/{self.job.job_id}"


def row(job: Job, glance: Glance, now: int, patience: Patience) -> Row:
    """`now` in milliseconds; `patience` is that of the watchdog that resumes it."""
    return Row(
        job=job,
        about=about(job),
        badge=badge(job),
        reason=reason(job, now, resumes_at(job, patience)),
        bar=bar(job),
        scanned=scanned(job),
        cursor=cursor_words(job),
        pace=pace(job),
        points=sparkline(glance.samples, now),
        resting=job.state not in HELD,
        begun=not (job.state is JobState.PENDING or (job.phase == "discovery" and not job.counts.scanned)),
        last_error=last_error(job, glance),
        offers=offers(job),
    )


def about(job: Job) -> str:
    """`purchases · 75,000 ids from cohort.csv`, `purchases · dry run`."""
    words = [job.kind, *(["dry run"] if job.spec.dry_run else []), *_origin(job)]
    return " · ".join(words)


def _origin(job: Job) -> list[str]:
    source = job.spec.source
    ids = source.get("ids", source.get("inline"))
    count = plural(ids, "id") if isinstance(ids, int) else ""
    if "graph" in source:
        return ["every user of the graph"]
    place = next((str(source[name]) for name in _PLACES if source.get(name)), "")
    short = place.rstrip("/").rsplit("/", 1)[-1] if "://" not in place or "object" in source else place
    return [f"{count} from {short}" if count and short else count or short] if count or short else []


def last_error(job: Job, glance: Glance) -> str:
    """What went wrong last: the error that ended its run, else its latest failure that is still open."""
    if job.message and (job.state in (JobState.FAILED, JobState.PAUSED) or job.needs_attention):
        return job.message
    failure = glance.failure
    return "" if failure is None else cause_first(failure.message) or failure.error_class
