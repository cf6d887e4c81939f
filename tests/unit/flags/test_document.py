"""What is written in a file of flags, and each way in which it can be wrong."""

import pytest

from retrograph.errors import ConfigurationError
from retrograph.flags.document import read_flags

WHOLE = b"""
flags:
  consumer_graph_ingestion:
    segments:
      - {name: Internal Users, internalUsers: true, rollout: 100}
      - {name: Team, allowedIDs: " hh-0001, hh-0002 ,,hh-0001"}
      - {name: Listed, allowedIDs: [a, b], rollout: 50}
      - {name: Beta, allowedS3IDs: beta.csv, rollout: 10}
      - {name: Some, rollout: 5}
internal_users: {ids: [me], suffixes: ["@example.com"], file: null}
"""


def test_every_form_of_a_segment() -> None:
    flags = read_flags(WHOLE, "flags.yaml")
    internal, team, listed, beta, some = flags.flags["consumer_graph_ingestion"].segments
    assert internal.internal and internal.rollout == 100 and not internal.open_to_all
    assert team.ids == ("hh-0001", "hh-0002") and team.rollout == 100
    assert listed.ids == ("a", "b") and listed.rollout == 50
    assert beta.file == "beta.csv" and beta.ids is None
    assert some.open_to_all and some.rollout == 5
    assert flags.internal.ids == ("me",) and flags.internal.suffixes == ("@example.com",)


def test_json_is_read_as_well() -> None:
    flags = read_flags(b'{"flags": {"f": {"segments": [{"name": "n", "allowedIDs": ["a"]}]}}}', "flags.json")
    assert flags.flags["f"].segments[0].ids == ("a",)


def test_an_empty_list_names_nobody_and_not_everybody() -> None:
    segment = (
        read_flags(b"flags: {f: {segments: [{name: n, allowedIDs: '', rollout: 100}]}}", "x").flags["f"].segments[0]
    )
    assert segment.ids == () and not segment.open_to_all


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"flags: {f: {segments: [{name: n, allowedIds: a}]}}", "allowedIds"),
        (b"flags: {f: {segments: [{name: n, rollout: 101}]}}", "rollout"),
        (b"flags: {f: {segments: [{name: n, rollout: ten}]}}", "rollout"),
        (b"flags: {f: {segments: [{name: n, allowedIDs: [0123]}]}}", "allowedIDs"),
        (b"flags: {f: {segments: [{name: n}]}}", "names nobody and has no rollout"),
        (b"flags: {f: {segments: [{name: n, internalUsers: false}]}}", "internalUsers can only be true"),
        (b"flags: {f: {segments: [{name: n, rollout: 1}, {name: n, rollout: 2}]}}", "'n' of f is written twice"),
        (b"flags: {f: {segments: []}}\nflags: {}", "line 2: the key 'flags' is written twice"),
        (b"flags: {f: {segment: []}}", "segment"),
        (b"flags: {'a b': {segments: []}}", "flags"),
        (b"flag: {}", "flag"),
        (b"", "object"),
        (b"flags: [", "line 1"),
        (b"\xff", "neither YAML nor JSON"),
        (b"flags: {f: {segments: [{name: n, allowedIDs: 'a\\tb'}]}}".replace(b"\\t", b"\t"), "control character"),
        (b"flags: !!python/object/apply:os.system [ls]", "line 1"),
        (b"[" * 50_000, "x"),
    ],
)
def test_a_mistake_is_named(content: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_flags(content, "x")
    assert words in str(raised.value) and str(raised.value).startswith("x")
