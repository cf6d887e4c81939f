"""Whom a flag covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.flags.coverage import Coverage, FlagCoverage, Members
from retrograph.flags.document import read_flags
from retrograph.flags.flag import percentile
from retrograph.ids.compact import SeenIds


def members(*ids: str) -> SeenIds:
    made = SeenIds()
    for one in ids:
        made.add(one)
    return made


def flag(segments: str, rest: str = "", **files: Members) -> FlagCoverage:
    found = Coverage(read_flags(f"flags: {{f: {{segments: [{segments}]}}}}\n{rest}".encode(), "x"), files).of("f")
    assert found is not None
    return found


def test_any_segment_that_names_the_user_is_enough() -> None:
    both = flag("{name: a, allowedIDs: 'x,y'}, {name: b, allowedS3IDs: file}", file=members("z"))
    assert [both.covers(user) for user in ("x", "y", "z", "u")] == [True, True, True, False]


def test_internal_users_are_known_by_id_by_the_end_of_their_id_and_by_file() -> None:
    rest = "internal_users: {ids: [me], suffixes: ['@here'], file: file}"
    internal = flag("{name: a, internalUsers: true}", rest, file=members("listed"))
    assert [internal.covers(user) for user in ("me", "you@here", "listed", "you@there")] == [True, True, True, False]
    assert not flag("{name: a, allowedIDs: x}", rest, file=members("listed")).covers("me")


def test_an_empty_list_covers_nobody() -> None:
    assert not flag("{name: a, allowedIDs: '', rollout: 100}").covers("x")
    assert not flag("{name: a, allowedS3IDs: file, rollout: 100}", file=members()).covers("x")


def test_a_rollout_of_all_covers_everybody_and_one_of_nothing_nobody() -> None:
    assert flag("{name: a, rollout: 100}").covers("x")
    assert not flag("{name: a, rollout: 0}, {name: b, allowedIDs: x, rollout: 0}").covers("x")


@given(st.integers(0, 100))
def test_a_share_is_about_as_large_as_it_says_and_grows_by_more_users_only(share: int) -> None:
    users = [f"user-{number}" for number in range(400)]
    smaller, larger = flag(f"{{name: a, rollout: {share}}}"), flag(f"{{name: a, rollout: {min(100, share + 10)}}}")
    covered = {user for user in users if smaller.covers(user)}
    assert covered <= {user for user in users if larger.covers(user)}
    assert abs(len(covered) - 4 * share) <= 60


def test_a_share_of_those_who_are_named() -> None:
    named = flag("{name: a, allowedIDs: 'x,y', rollout: 50}")
    for user in ("x", "y"):
        assert named.covers(user) is (percentile("f", user) < 50)
    assert not any(named.covers(f"user-{number}") for number in range(100))


@pytest.mark.parametrize(("user", "place"), [("hh-0001", 29), ("hh-0002", 74), ("ünï", 74)])
def test_the_share_is_the_same_for_ever(user: str, place: int) -> None:
    assert percentile("consumer_graph_ingestion", user) == place


def test_another_flag_begins_with_other_users() -> None:
    users = [f"user-{number}" for number in range(200)]
    assert [percentile("a", user) for user in users] != [percentile("b", user) for user in users]
