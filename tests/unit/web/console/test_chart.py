"""Pace and failures as lines: in their box, broken where a run ended, and never more points than a screen shows."""

import pytest

from retrograph.jobs.job import Sample
from retrograph.web.console.chart import HEIGHT, MOST_POINTS, WIDTH, ceiling, chart


def samples(*rates: float, start: int = 0, failed: int = 0) -> list[Sample]:
    return [
        Sample(at=start + 10_000 * number, rate=rate, scanned=number, failed=failed * number)
        for number, rate in enumerate(rates)
    ]


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def test_two_samples_are_needed() -> None:
    assert chart([]) is None
    assert chart(samples(3.0)) is None


def test_a_line_runs_from_side_to_side_under_a_round_figure() -> None:
    found = chart(samples(0.0, 9.6, 4.0))
    assert found is not None
    assert (found.top, found.middle, found.since, found.until) == ("10", "5", 0, 20_000)
    assert points(found.rates[0]) == [(0.0, HEIGHT), (WIDTH / 2, 4.0), (WIDTH, 60.0)]
    assert found.label == "Between 0 and 9.6 a second, at last 4; 0 failures"


def test_failures_are_drawn_in_the_same_measure() -> None:
    found = chart(samples(10.0, 10.0, 10.0, failed=20))
    assert found is not None
    assert [y for _, y in points(found.failures[0])] == [HEIGHT, 80.0, 80.0], "20 in 10 s are 2 a second"


def test_a_pause_breaks_the_line() -> None:
    found = chart([*samples(5.0, 5.0), *samples(5.0, 5.0, start=900_000)])
    assert found is not None
    assert len(found.rates) == len(found.failures) == 2


def test_a_day_is_no_more_points_than_a_screen_shows() -> None:
    found = chart(samples(*[float(number % 7) for number in range(8_640)]))
    assert found is not None
    assert len(points(found.rates[0])) <= MOST_POINTS + 2
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(found.rates[0]))


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.04, 0.05), (0.3, 0.5), (1, 1), (9.6, 10), (11, 20), (22, 25), (10_000, 10_000)]
)
def test_the_top_is_the_next_round_figure(value: float, top: float) -> None:
    assert ceiling(value) == pytest.approx(top)
