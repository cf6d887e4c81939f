"""The definitions that every door shares: each parameter of a run has exactly one, with words that people can use."""

from dataclasses import fields

from retrograph.jobs.definitions import DEFINITIONS, NAMES
from retrograph.jobs.job import Parameters


def test_every_parameter_of_a_run_is_defined_with_its_default() -> None:
    for known in fields(Parameters):
        if known.name == "queue":  # comes with the executor, from a command or the configuration
            continue
        assert DEFINITIONS[known.name].default == known.default, known.name
    assert {"as_of", "lookback_days", "reset_cursor", "dry_run"} == set(NAMES) - {
        one.name for one in fields(Parameters)
    }


def test_a_line_of_help_names_range_unit_and_default() -> None:
    assert DEFINITIONS["sleep_ms"].option() == "Rest between batches, 0-60000 ms. Default: 0."
    assert DEFINITIONS["rate_limit"].option(default="10") == "Users a second, 0.1-10000. Default: 10."
    assert DEFINITIONS["rate_limit"].option() == "Users a second, 0.1-10000. Default: as fast as they go."


def test_a_default_lies_in_its_range() -> None:
    for known in DEFINITIONS.values():
        if known.range is not None and known.default is not None:
            assert known.range.low <= float(known.default) <= known.range.high
