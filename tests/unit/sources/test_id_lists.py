"""Lists of user ids: what is taken, what is dropped and counted, what refuses the whole list, and in which words."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.errors import UsageError
from retrograph.facts import clean_id
from retrograph.ids.compact import SeenIds, UserIds
from retrograph.ids.id_list import LONGEST_RECORD
from retrograph.sources import user_ids
from retrograph.sources.user_ids import ids_from_graph, ids_from_list, ids_inline


async def blocks(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(content: bytes, name: str = "ids.txt", size: int = 1_000_000) -> UserIds:
    return await ids_from_list(blocks(content, size), name)


def ids_of(found: UserIds) -> list[str]:
    return [user_id for chunk in found.chunks() for user_id in chunk]


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
@pytest.mark.parametrize(
    ("content", "ids", "blank", "repeated"),
    [
        (b"a\nb\nc", ["a", "b", "c"], 0, 0),
        (b"a\nb\n", ["a", "b"], 0, 0),
        (b"\n a \n\n\tb\nb\na\n \n", ["a", "b"], 3, 2),
        (b"\xef\xbb\xbfuser_id\r\na\r\nb\r\n", ["a", "b"], 0, 0),
        (b"userId\na\n", ["a"], 0, 0),
        (b"id\na\nid\n", ["a", "id"], 0, 0),
        (b"\n\nid\na\n", ["a"], 2, 0),
        (b"ID\na\n", ["ID", "a"], 0, 0),
        ("u\u0308\n\u00fc\n日本\n".encode(), ["ü", "日本"], 0, 1),
        (b'a"b\n"c"\n', ['a"b', '"c"'], 0, 0),
    ],
)
async def test_a_list_of_lines(content: bytes, ids: list[str], blank: int, repeated: int, size: int) -> None:
    found = await read(content, size=size)
    assert (ids_of(found), found.count, found.blank, found.repeated) == (ids, len(ids), blank, repeated)


@pytest.mark.parametrize("size", [1, 4, 1_000])
@pytest.mark.parametrize(
    ("name", "content", "ids", "blank"),
    [
        ("ids.csv", b"user_id\na\nb\n", ["a", "b"], 0),
        ("IDS.CSV", b'"a"\n"b,c"\n', ["a", "b,c"], 0),
        ("s3://bucket/ids", b"user_id,name\na,Anna\nb,\n", ["a", "b"], 0),
        ("ids", b'a,"two\nlines"\nb,"a ""quote"""\n', ["a", "b"], 0),
        ("ids", b'a,x\r\n\r\n,,\r\n"b",y\r\n', ["a", "b"], 2),
        ("ids", b'"id",x\n a ,x', ["a"], 0),
    ],
)
async def test_a_csv_gives_its_first_column(name: str, content: bytes, ids: list[str], blank: int, size: int) -> None:
    found = await read(content, name, size)
    assert (ids_of(found), found.blank) == (ids, blank)


async def test_a_comma_after_the_first_line_makes_no_csv() -> None:
    assert ids_of(await read(b"a\nb,c\n")) == ["a", "b,c"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a\nb\nc\x00d\n", "ids.txt, line 3: the id contains a control character"),
        (b"a\n" + b"x" * 257 + b"\n", "ids.txt, line 2: the id has 257 characters"),
        (b"a\n\nb\tc\n", "ids.txt, line 3: the id contains a control character"),
        (b"a\nb\n\xff\xfe\n", "ids.txt, line 3: this is not UTF-8 text"),
        (b"a\nb\xc3", "ids.txt, line 2: this is not UTF-8 text"),
        (b"\x1f\x8b\x08\x00\x00", "ids.txt, line 1: this is not UTF-8 text"),
        (b'a,b\n\nx,"y\nz"\nc\x01,d\n', "ids.txt, line 5: the id contains a control character"),
        (b'a,b\n"x\ny",z\n', "ids.txt, line 2: the id contains a control character"),
        (b"a,b\n,c\n", "ids.txt, line 2: the id is empty"),
        (b'a,b\n"c,d\ne\n', "ids.txt, line 2: a quoted field has no end"),
        (b"a" * (LONGEST_RECORD + 2), "ids.txt, line 1: it has no end, so this is no list of user ids"),
        (b"", "ids.txt holds no user ids"),
        (b"\n \n", "ids.txt holds no user ids"),
        (b"user_id\n", "ids.txt holds no user ids"),
    ],
)
@pytest.mark.parametrize("size", [100, 1_000_000])
async def test_what_is_no_list_is_refused_with_its_line(content: bytes, why: str, size: int) -> None:
    with pytest.raises(UsageError, match=f"^{why}"):
        await read(content, size=size)


async def test_the_line_is_right_where_a_quoted_field_is_still_open() -> None:
    with pytest.raises(UsageError, match=r"ids.txt, line 3: this is not UTF-8 text"):
        await read(b'a,"x\ny\n\xff"\n', size=1)


async def test_too_many_different_ids_are_refused_and_repeated_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_ids, "MAX_IDS", 3)
    assert (await read(b"a\nb\nc\na\nb\n")).count == 3
    with pytest.raises(UsageError, match=r"ids.txt holds more than 3 different user ids: split it"):
        await read(b"a\nb\nc\na\nd\n")
    with pytest.raises(UsageError, match="more than 3 different user ids were given"):
        ids_inline("abcd")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


@given(st.lists(TEXT, max_size=40), st.integers(1, 50), st.sampled_from(["\n", "\r\n"]))
async def test_any_csv_that_is_written_is_read_back(ids: list[str], size: int, end: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end)
    writer.writerow(["user_id", "note"])
    writer.writerows([[user_id, f'a{end}"b",{user_id}'] for user_id in ids if user_id.strip()])
    expected = list(dict.fromkeys(clean_id(user_id) for user_id in ids if user_id.strip()))
    if expected:
        assert ids_of(await read(file.getvalue().encode(), "ids.csv", size)) == expected


@given(st.lists(TEXT, min_size=1, max_size=40), st.integers(1, 50))
async def test_a_file_and_the_same_ids_inline_are_the_same_source(ids: list[str], size: int) -> None:
    typed = ["first", *ids]
    inline = ids_inline(typed)
    found = await read("\n".join(typed).encode(), size=size)
    assert (found.digest, ids_of(found)) == (inline.digest, ids_of(inline))


def test_the_digest_tells_other_ids_and_another_order_apart() -> None:
    digests = {ids_inline(ids).digest for ids in (["a", "b"], ["b", "a"], ["ab"], ["a"], ["a", "b", "c"])}
    assert len(digests) == 5
    assert ids_inline([" a", "", "b", "a"]).digest == ids_inline(["a", "b"]).digest


def test_an_inline_id_that_breaks_the_rule_is_named_by_its_place() -> None:
    with pytest.raises(UsageError, match="user id number 2: the id contains a control character"):
        ids_inline(["a", "b\x00"])
    with pytest.raises(UsageError, match="no user ids were given"):
        ids_inline([" "])


async def test_chunks_hold_a_thousand_and_can_be_walked_again() -> None:
    found = await read("\n".join(map(str, range(2_500))).encode())
    assert [len(chunk) for chunk in found.chunks()] == [1_000, 1_000, 500]
    assert ids_of(found) == [user_id async for user_id in found.each()] == [str(number) for number in range(2_500)]


@given(st.lists(st.integers(0, 500), max_size=400))
def test_seen_ids_are_a_set(numbers: list[int]) -> None:
    seen, known = SeenIds(), set[int]()
    for number in numbers:
        assert seen.add(f"id-{number}") is (number not in known)
        known.add(number)


def test_seen_ids_stay_a_set_while_they_grow() -> None:
    seen = SeenIds()
    assert all(seen.add(str(number)) for number in range(20_000))
    assert not any(seen.add(str(number)) for number in range(20_000))


async def test_memory_stays_small_however_long_the_list_is() -> None:
    async def many() -> AsyncIterator[bytes]:
        for start in range(0, 100_000, 5_000):
            yield b"".join(b"%036d\n" % number for number in range(start, start + 5_000))

    tracemalloc.start()
    try:
        found = await ids_from_list(many(), "ids")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.count == 100_000
    assert peak < 10_000_000


class Graph:
    def __init__(self, ids: Sequence[str], page: int) -> None:
        self._ids = sorted(ids)
        self._page = page

    async def user_ids(self, after: str, limit: int) -> list[str]:
        return [user_id for user_id in self._ids if user_id > after][: min(limit, self._page)]


async def test_a_graph_gives_all_its_users_but_those_no_load_could_name() -> None:
    graph = Graph(["a", "b", " c", "d", "e\x00"], page=2)
    assert [user_id async for user_id in ids_from_graph(graph)] == ["a", "b", "d"]


async def test_a_graph_without_users_is_refused() -> None:
    with pytest.raises(UsageError, match="the graph holds no users"):
        _ = [user_id async for user_id in ids_from_graph(Graph([], page=2))]
