"""How far and how fast, for templates that cannot calculate."""

from retrograph.jobs.job import Counts, Parameters, Sample
from retrograph.jobs.state import JobState
from retrograph.web.console.progress import BAR_WIDTH, LEAST_PART, bar, pace, scanned, sparkline
from tests.unit.web.console.jobs import NOW, job_of


def test_failed_and_skipped_are_parts_of_what_was_scanned() -> None:
    job = job_of(total=1_000, counts=Counts(processed=300, failed=100, skipped=100))
    parts = bar(job)
    assert (parts.processed, parts.failed, parts.skipped) == (300, 100, 100)
    assert parts.label == "50.0 % scanned, 100 failed, 100 skipped"
    assert not parts.resting


def test_one_failure_in_a_million_is_seen() -> None:
    parts = bar(job_of(total=1_000_000, counts=Counts(processed=999_999, failed=1)))
    assert parts.failed == LEAST_PART
    assert parts.processed + parts.failed == BAR_WIDTH


def test_an_unknown_total_fills_nothing_and_a_total_that_was_too_small_never_overflows() -> None:
    unknown = bar(job_of(total=None, counts=Counts(processed=500)))
    assert (unknown.processed, unknown.failed, unknown.skipped) == (0, 0, 0)
    over = bar(job_of(total=10, counts=Counts(processed=15, failed=5)))
    assert over.processed + over.failed == BAR_WIDTH


def test_the_pace_is_said_while_it_runs_and_the_time_it_took_afterwards() -> None:
    running = job_of(total=75_000, rate=9.6, counts=Counts(processed=34_412), parameters=Parameters(rate_limit=10.0))
    assert scanned(running) == "34,412 of 75,000"
    assert pace(running) == "9.6/s of 10 · about 1 h 10 min left"
    assert pace(job_of(JobState.CANCELING, total=75_000, rate=9.6, counts=Counts(processed=34_412))) == "9.6/s"
    assert pace(job_of(total=75_000, rate=9.6, counts=Counts(processed=10))) == "9.6/s"
    assert pace(job_of(JobState.SUCCEEDED, complete=True, elapsed_ms=12_000, rate=9.6)) == "took 12 s"
    assert pace(job_of(JobState.STOPPED, elapsed_ms=12_000, rate=9.6)) == ""


def test_a_sparkline_spans_the_last_ten_minutes() -> None:
    samples = [Sample(at=NOW - 700_000, rate=99.0, scanned=1)]
    assert sparkline(samples, NOW) == ""
    samples += [Sample(at=NOW - 600_000, rate=5.0, scanned=2), Sample(at=NOW, rate=10.0, scanned=3)]
    assert sparkline(samples, NOW) == "0.0,12.0 92.0,2.0"
    idle = [Sample(at=NOW - 1_000 * number, rate=0.0, scanned=1) for number in (2, 1)]
    assert {point.split(",")[1] for point in sparkline(idle, NOW).split()} == {"22.0"}
