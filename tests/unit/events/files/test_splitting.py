"""Whatever the form and the packing, and wherever a block ends, the same events come out, and little memory is held."""

import bz2
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from retrograph.events.files.arrays import Array
from retrograph.events.files.lines import Lines
from retrograph.events.files.packing import FREE_BYTES, GROWTH, Packing, packing_of, unpacker
from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile
from retrograph.events.files.reading import Form, Reading, form_of

EVENTS = [{"n": 1, "text": 'a "quoted" ] , { \\ word'}, {"n": [1, {"x": "é\n"}]}, {}, {"n": -1.5e3}]
LINES = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)
ARRAY = json.dumps(EVENTS, indent=1, ensure_ascii=False).encode()


def blocks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(name: str, content: bytes, size: int = 7, line: int = 0, offset: int = 0) -> list[tuple[int, bytes]]:
    reading = Reading(name=name, line=line, offset=offset)
    found = [event for block in blocks(content, size) for events in reading.feed(block) for event in events]
    return [(event.line, event.content) for event in (*found, *reading.finish())]


@pytest.mark.parametrize("size", [1, 2, 5, 64, 100_000])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("content", [LINES, ARRAY], ids=["lines", "array"])
def test_every_form_and_packing_gives_the_same_events(content: bytes, pack: object, size: int) -> None:
    packed = pack(content)  # type: ignore[operator]
    found = read("part.json", packed, size if packed == content else max(size, 64))
    assert [json.loads(event) for _, event in found] == EVENTS
    assert [line for line, _ in found] == [1, 2, 3, 4]


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line), max_size=8), st.integers(1, 9))
def test_lines_are_cut_where_the_line_feeds_are(lines: list[bytes], size: int) -> None:
    found = [(line, event.strip()) for line, event in read("x.json", b"\n".join([b"{}", *lines]), size)]
    wanted = [(number, line.strip()) for number, line in enumerate([b"{}", *lines], start=1) if line.strip()]
    assert found == wanted


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8
)


@given(VALUES)
def test_any_array_is_taken_apart(value: object) -> None:
    content = json.dumps([value, value], ensure_ascii=False).encode()
    assert [json.loads(event) for _, event in read("x.json", content, 3)] == json.loads(content)


def test_a_byte_order_mark_blank_lines_and_carriage_returns_are_no_part_of_events() -> None:
    found = read("x.json", b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"b":2}')
    assert [(line, event.strip()) for line, event in found] == [(1, b'{"a":1}'), (4, b'{"b":2}')]


def test_an_empty_file_holds_nothing() -> None:
    for name in ("x.json", "x.json.gz", "x.csv"):
        assert read(name, b"") == []
    assert read("x.json.gz", gzip.compress(b"")) == []


def test_what_was_read_before_is_passed_over() -> None:
    assert [line for line, _ in read("x.json.gz", gzip.compress(LINES), line=2)] == [3, 4]
    end = LINES.index(b"\n") + 1
    assert [line for line, _ in read("x.json", LINES[end:], line=1, offset=end)] == [2, 3, 4]


def test_members_of_gzip_may_follow_one_another() -> None:
    packed = gzip.compress(LINES) + gzip.compress(b'{"last": 1}\n') + b"\0" * 20
    assert len(read("x.json.gz", packed, 11)) == 5
    assert len(read("x.json.zst", zstandard.compress(LINES) * 2, 11)) == 8


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (gzip.compress(LINES)[:-9], "cut short at byte"),
        (gzip.compress(LINES)[:-8] + b"\0" * 8, "damaged"),
        (zstandard.compress(LINES)[:-3], "cut short at byte"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "damaged"),
        (ARRAY[: ARRAY.rindex(b",")], "cut short after 3"),
        (b'[{"a": 1} {"b": 2}]', "where a comma or the end should"),
        (b'[{"a": 1}, {"b": }]', "broken after 1 elements"),
        (b'[{"a": 1}] x', "something follows"),
        (b'[{"a": "\xe4"}]', "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
    ],
    ids=range(10),
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, why: str) -> None:
    with pytest.raises(BrokenFile, match=why):
        read("x.json", content, 64)


@pytest.mark.parametrize("start", [b"{", b'[{"a": "'], ids=["a line", "an element"])
def test_a_line_without_end_does_not_fill_the_memory(start: bytes) -> None:
    reading = Reading(name="x.json")
    block = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(BrokenFile, match="longer than 16 MiB"):
            for number in range(1_000):
                list(reading.feed(start if number == 0 else block))
        assert tracemalloc.get_traced_memory()[1] < 8 * LONGEST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packing", [Packing.GZIP, Packing.ZSTD])
def test_a_bomb_is_defused(packing: Packing) -> None:
    packed = _bomb(packing)
    unpacking = unpacker(packing)
    with pytest.raises(BrokenFile, match=f"more than {GROWTH} times its size"):
        while True:
            for piece in unpacking.feed(packed):
                assert len(piece) < 64 << 20


def _bomb(packing: Packing) -> bytes:
    """Blank lines that unpack to as much as is let pass."""
    if packing is Packing.ZSTD:
        return zstandard.compress(b"\n" * FREE_BYTES)
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b"\n" * (1 << 20)) for _ in range(FREE_BYTES >> 20)) + packer.flush()


def test_the_first_bytes_count_for_more_than_the_name() -> None:
    assert packing_of(gzip.compress(b"x")) is Packing.GZIP
    assert packing_of(zstandard.compress(b"x")) is Packing.ZSTD
    assert packing_of(bz2.compress(b"x")) is packing_of(b"{}") is Packing.PLAIN
    assert [json.loads(event) for _, event in read("x.json.gz", LINES)] == EVENTS
    assert [json.loads(event) for _, event in read("x.json", gzip.compress(LINES), 64)] == EVENTS
    assert form_of("x.csv.gz", b" {") is Form.LINES
    assert form_of("x.json", b"\xef\xbb\xbf [1") is Form.ARRAY
    assert form_of("x.CSV.zst", b"user_id,") is Form.CSV
    assert form_of("x", b"user_id,") is Form.LINES


def test_the_end_of_each_line_is_told() -> None:
    lines = Lines()
    ends = [event.end for event in (*lines.feed(b"{}\n\n{}\n"), *lines.feed(b"{}"), *lines.finish())]
    assert ends == [3, 7, 9]
    assert [event.end for event in Array().feed(b'[ {"a":1},{}]')] == [9, 12]
