"""How far a job is, as a bar and as words, and its pace as a line: pure figures for templates that cannot calculate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retrograph.jobs.job import Job, Sample
from retrograph.jobs.progress import eta_seconds
from retrograph.jobs.state import HELD, JobState
from retrograph.web.console.formatting import duration, number, rate

BAR_WIDTH: Final = 1_000
LEAST_PART: Final = 4
"""A part that is not zero is seen, however small its share."""

SPARK_WIDTH: Final = 92
SPARK_HEIGHT: Final = 24
SPARK_WINDOW_MS: Final = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Widths out of `BAR_WIDTH`; `label` says the same in words."""

    processed: int
    failed: int
    skipped: int
    resting: bool
    label: str


def bar(job: Job) -> Bar:
    """Processed, failed and skipped as parts of the total; an unknown total leaves the bar empty until the end."""
    counts = job.counts
    whole = max(job.total or 0, counts.scanned) if job.total is not None or job.complete else 0
    failed, skipped = _part(counts.failed, whole), _part(counts.skipped, whole)
    filled = _part(counts.scanned, whole)
    return Bar(
        processed=max(0, filled - failed - skipped) if counts.processed else 0,
        failed=failed,
        skipped=skipped,
        resting=job.state not in HELD,
        label=bar_label(job),
    )


def _part(count: int, whole: int) -> int:
    if not count or not whole:
        return 0
    return max(LEAST_PART, round(BAR_WIDTH * count / whole))


def bar_label(job: Job) -> str:
    """`45.9 % scanned, 21 failed, 0 skipped`."""
    share = f"{number(job.counts.scanned)} scanned" if job.percent is None else f"{job.percent:.1f} % scanned"
    return f"{share}, {number(job.counts.failed)} failed, {number(job.counts.skipped)} skipped"


def scanned(job: Job) -> str:
    """`34,412 of 75,000`, or what was scanned where no total is known."""
    done = number(job.counts.scanned)
    return f"{done} scanned" if job.total is None else f"{done} of {number(job.total)}"


def pace(job: Job) -> str:
    """`9.6/s of 10 · about 1 h 10 min left` while it runs, `took 12 s` when it rests; empty where nothing is known.
    What is being ended has no rest to wait for."""
    if job.state not in HELD:
        return f"took {duration(job.elapsed_ms / 1000)}" if job.complete and job.elapsed_ms else ""
    if job.rate is None:
        return ""
    limit = job.parameters.rate_limit
    words = rate(job.rate) + (f" of {number(limit)}" if limit is not None else "")
    eta = eta_seconds(job.counts.scanned, job.total, job.rate)
    return words if eta is None or job.state is not JobState.RUNNING else f"{words} · about {duration(eta)} left"


def sparkline(samples: Sequence[Sample], now: int) -> str:
    """The `points` of a polyline over the last ten minutes, oldest at the left; empty for fewer than two samples."""
    since = now - SPARK_WINDOW_MS
    seen = [sample for sample in samples if sample.at >= since]
    if len(seen) < 2:
        return ""
    top = max(sample.rate for sample in seen) or 1.0
    return " ".join(
        f"{SPARK_WIDTH * (sample.at - since) / SPARK_WINDOW_MS:.1f},{SPARK_HEIGHT - 2 - 20 * sample.rate / top:.1f}"
        for sample in seen
    )
