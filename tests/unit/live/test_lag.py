"""Lag in words: what one poll can clear is none."""

from typing import Any

import pytest

from retrograph.live.lag import Seen, judged

MINUTE = 60_000


def seen(**changes: Any) -> Seen:
    return Seen(**{"partition": 0, "first": 0, "end": 1_000, "committed": 1_000, "consumed": True} | changes)


@pytest.mark.parametrize(
    ("changes", "state", "behind"),
    [
        ({}, "caught up", 0),
        ({"committed": 500}, "caught up", 500),
        ({"committed": 499}, "behind", 501),
        ({"committed": None}, "behind", 1_000),
        ({"committed": None, "first": 600}, "caught up", 400),
        ({"consumed": False}, "not consuming", 0),
        ({"consumed": False, "committed": 0}, "not consuming", 1_000),
        ({"committed": 5, "first": 6}, "offset lost", 994),
        ({"committed": 1_001}, "offset lost", 0),
        ({"committed": 6, "first": 6}, "behind", 994),
    ],
)
def test_a_partition_is_judged(changes: dict[str, Any], state: str, behind: int) -> None:
    lag = judged("receipts", "topic", "group", seen(**changes), poll=500, now=0)
    assert (lag.state, lag.behind) == (state, behind)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"committed": 0, "oldest_at": 0}, "behind by 1,000 (about 5 minutes)"),
        ({"committed": 0, "oldest_at": 4 * MINUTE}, "behind by 1,000 (about 1 minute)"),
        ({"committed": 0, "oldest_at": 5 * MINUTE - 1}, "behind by 1,000 (less than a minute)"),
        ({"committed": 0, "oldest_at": 6 * MINUTE}, "behind by 1,000 (less than a minute)"),
        ({"committed": 0}, "behind by 1,000"),
        ({"committed": 900, "oldest_at": 0}, "caught up"),
        ({"consumed": False, "committed": 0, "oldest_at": 0}, "not consuming, behind by 1,000 (about 5 minutes)"),
        ({"consumed": False}, "not consuming"),
    ],
)
def test_lag_in_words(changes: dict[str, Any], words: str) -> None:
    assert judged("receipts", "topic", "group", seen(**changes), poll=500, now=5 * MINUTE).words == words
