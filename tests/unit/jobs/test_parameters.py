"""Parameters: clamped to their ranges with a sentence each, refused by name where they are no parameters at all."""

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.errors import UsageError
from retrograph.jobs.definitions import RANGES
from retrograph.jobs.job import Parameters
from retrograph.jobs.keys import checked_key, derived_key, dry_key
from retrograph.jobs.parameters import defaults, read

LIMITS = {
    "batch_size": (1, 5_000, 500),
    "sleep_ms": (0, 60_000, 0),
    "max_runtime_ms": (1_000, 21_600_000, 900_000),
    "max_consecutive_failures": (1, 1_000, 25),
    "rate_limit": (0.1, 10_000, 10),
    "concurrency": (1, 64, 8),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_number_out_of_range_is_clamped_and_said(name: str) -> None:
    low, high, _ = LIMITS[name]
    below, above = read({name: low - 1}), read({name: high + 1})
    assert (below.changes[name], above.changes[name]) == (low, high)
    assert len(below.clamped) == 1
    assert below.clamped[0].startswith(name)
    assert read({name: low}).clamped == read({name: high}).clamped == ()


def test_the_defaults_are_those_of_the_design() -> None:
    given_none = read({}).over(defaults(calls_services=True))
    assert {name: getattr(given_none, name) for name in LIMITS} == {name: LIMITS[name][2] for name in LIMITS}
    assert (given_none.mode, given_none.retry_failed_before_cursor, given_none.executor) == ("full", True, "inline")
    assert defaults(calls_services=False).rate_limit is None


def test_lookback_days_are_clamped_as_well() -> None:
    assert [read({"lookback_days": days}).lookback_days for days in (0, 1, 3_650, 9_999)] == [1, 1, 3_650, 3_650]


@pytest.mark.parametrize("value", ["ten", True, math.nan, [], "10"])
@pytest.mark.parametrize("name", RANGES)
def test_what_is_no_number_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        read({name: value})


@pytest.mark.parametrize(
    "raw", [{"batch_size": 1.5}, {"mode": "fast"}, {"dry_run": 1}, {"nonsense": 1}, {"as_of": "soon"}, {"as_of": 5}]
)
def test_other_mistakes_name_the_parameter_too(raw: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(raw))):
        read(raw)


def test_a_command_line_may_write_numbers_as_text() -> None:
    asked = read({"batch_size": "7", "rate_limit": "2.5", "dry_run": "true"}, from_text=True)
    assert (asked.changes, asked.dry_run) == ({"batch_size": 7, "rate_limit": 2.5}, True)
    with pytest.raises(UsageError, match="batch_size"):
        read({"batch_size": "seven"}, from_text=True)
    assert read({"batch_size": "1e999"}, from_text=True).changes == {"batch_size": 5_000}


@pytest.mark.parametrize(
    "value", ["2018-01-02", "2018-01-02T00:00:00Z", "2018-01-02T02:00:00+02:00", "2018-01-02T00:00", date(2018, 1, 2)]
)
def test_as_of_is_an_instant_or_a_date_in_utc(value: object) -> None:
    assert read({"as_of": value}).as_of == 1_514_851_200_000
    assert read({"as_of": datetime(2018, 1, 2, tzinfo=UTC)}).as_of == 1_514_851_200_000


@pytest.mark.parametrize("value", ["1999-12-31", "9999-12-31", "0001-01-01T00:00:00+14:00"])
def test_an_absurd_instant_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="as_of must lie"):
        read({"as_of": value})


def test_a_resume_keeps_what_it_does_not_change_but_not_the_mode() -> None:
    saved = Parameters(batch_size=9, rate_limit=3.0, mode="failed")
    assert read({"concurrency": 2}).over(saved) == Parameters(batch_size=9, rate_limit=3.0, concurrency=2)


@given(st.one_of(st.integers(), st.floats(allow_nan=False)))
def test_any_number_ends_up_in_range(number: float) -> None:
    for name, (low, high, _) in LIMITS.items():
        if RANGES[name].whole and isinstance(number, float) and math.isfinite(number) and not number.is_integer():
            continue
        assert low <= read({name: number}).changes[name] <= high


def test_keys_are_checked_and_derived() -> None:
    assert checked_key("a.B_9:-") == "a.B_9:-"
    for wrong in ("", "a b", "ä", "a/b", "x" * 129, "a\n"):
        with pytest.raises(UsageError):
            checked_key(wrong)
    digest = "sha256:" + "ab" * 32
    plain = derived_key("purchases", digest, as_of=None, lookback_days=None)
    assert plain == "purchases-abababababababab"
    windowed = derived_key("purchases", digest, as_of=1_514_851_200_000, lookback_days=30)
    assert windowed == "purchases-abababababababab-20180102T000000-30d"
    assert derived_key("identity", digest, as_of=5, lookback_days=5, fixed="identity") == "identity"
    assert dry_key(plain) == f"{plain}:dry-run"
