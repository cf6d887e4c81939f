"""The one formatter."""

import pytest

from retrograph.web.console.formatting import ago, capitalised, duration, machine, number, plural, rate, shown, utc

NOW = 1_700_000_000_000


def test_zero_is_a_number_and_nothing_is_a_dash() -> None:
    assert [number(0), number(34_412), number(9.55), number(None)] == ["0", "34,412", "9.6", "–"]
    assert [rate(0.0), rate(9.64), rate(None)] == ["0/s", "9.6/s", "–"]
    assert [duration(0.2), duration(4_200), duration(None)] == ["under 1 s", "1 h 10 min", "–"]
    assert [plural(1, "item"), plural(2_377, "item")] == ["1 item", "2,377 items"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (86_400, "yesterday"),
        (172_800, "2 days ago"),
        (-240, "in 4 min"),
        (-86_400, "tomorrow"),
    ],
)
def test_how_long_ago_it_was(seconds: int, said: str) -> None:
    assert ago(NOW - 1000 * seconds, NOW) == said


def test_instants_are_utc_until_the_browser_knows_better() -> None:
    assert utc(NOW) == "2023-11-14 22:13:20 UTC"
    assert machine(NOW) == "2023-11-14T22:13:20.000Z"


def test_what_nobody_could_see_is_written_out() -> None:
    assert shown("ab\u202etxt") == "ab⟨U+202E⟩txt"
    assert shown("a\u200bb\x07\ufeff") == "a⟨U+200B⟩b⟨U+0007⟩⟨U+FEFF⟩"
    assert shown("two\nlines, é, 日本") == "two\nlines, é, 日本"
    assert shown(None) == ""


@pytest.mark.parametrize(
    ("said", "shown_as"),
    [
        ("the job is running", "The job is running"),
        ("empty.txt holds no user ids", "empty.txt holds no user ids"),
        ("s3://bucket/x cannot be read", "s3://bucket/x cannot be read"),
        ("'after' is not the 'next' of a page", "'after' is not the 'next' of a page"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_a_name_as_it_is(said: str, shown_as: str) -> None:
    assert capitalised(said) == shown_as
