"""Progress: a calm rate, no guess before one per cent, and the lines that people read."""

import pytest

from retrograph.jobs.job import Counts
from retrograph.jobs.progress import Lines, Progress, Rates, duration, eta_seconds, forecast, line


def at(scanned: int, *, total: int | None = 75_000, rate: float | None = 10.0, failed: int = 0) -> Progress:
    return Progress(
        key="load",
        phase="processing",
        counts=Counts(processed=scanned - failed, failed=failed),
        total=total,
        cursor=str(scanned),
        rate=rate,
        elapsed_ms=500_000,
    )


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    assert line(at(5_000)) == "Sent 5000/75000 (6.7%), elapsed 8m20s, 10.0/s, ETA 1h56m"
    assert line(at(7, total=None, rate=None, failed=2)) == "Sent 7, elapsed 8m20s, 2 failed"


def test_there_is_no_eta_before_one_per_cent_nor_without_a_rate() -> None:
    assert eta_seconds(749, 75_000, 10.0) is None
    assert eta_seconds(750, 75_000, 10.0) == 7_425
    assert eta_seconds(750, 75_000, None) is eta_seconds(750, None, 10.0) is eta_seconds(750, 75_000, 0.0) is None


def test_a_rate_looks_back_over_its_window_only() -> None:
    rates = Rates(window=60)
    assert rates.rate() is None
    for second in range(0, 301, 10):
        rates.add(float(second), second * 100 if second <= 200 else 20_000 + (second - 200))
    assert rates.rate() == pytest.approx(1.0)


def test_a_line_is_due_every_thousand_items_or_ten_seconds() -> None:
    lines = Lines()
    assert lines.due(at(0), 0) is None
    assert lines.due(at(999), 1) is None
    assert lines.due(at(1_003), 2) is not None
    assert lines.due(at(1_900), 3) is None
    assert lines.due(at(1_901), 12) is not None
    assert lines.due(at(1_901), 13) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (500, "8m20s"), (7_500, "2h05m"), (274_000, "3d04h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_run_says_before_how_long_it_should_take() -> None:
    assert forecast(75_000, 10.0) == "75,000 items at 10 per second: about 2h05m"
    assert forecast(None, 10.0) is forecast(5, None) is forecast(0, 1.0) is None
