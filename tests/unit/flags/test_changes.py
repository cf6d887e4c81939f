"""Ids that are added to a segment, and lists that are replaced: whole, and nothing else is touched."""

import asyncio
from pathlib import Path

import pytest

from retrograph.blobs.local import LocalFiles
from retrograph.errors import NotFound, UsageError
from retrograph.flags.changes import FlagChanges
from retrograph.flags.document import read_flags
from retrograph.flags.editing import document_with, list_with
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.locations import Locations

DOCUMENT = """# ours
flags:
  gate:
    segments:
      - {name: Team, allowedIDs: "ann, bob", rollout: 50}   # the team
      - name: Flow
        allowedIDs: [ann, "bob"]
      - name: Lines
        allowedIDs:
        - ann
        # and
        - bob
        rollout: 10
      - {name: Beta, allowedS3IDs: beta.csv}
      - {name: Some, rollout: 5}
internal_users: {suffixes: ["@here"]}   # kept
"""


def ids(content: bytes, segment: str) -> tuple[str, ...] | None:
    return next(one.ids for one in read_flags(content, "x").flags["gate"].segments if one.name == segment)


@pytest.mark.parametrize("segment", ["Team", "Flow", "Lines"])
def test_ids_are_added_however_they_are_written_and_comments_stay(segment: str) -> None:
    changed = document_with(DOCUMENT.encode(), "x", "gate", segment, ["cho", 'q"u: #o'])
    assert ids(changed, segment) == ("ann", "bob", "cho", 'q"u: #o')
    for other in {"Team", "Flow", "Lines"} - {segment}:
        assert ids(changed, other) == ("ann", "bob")
    assert b"# ours" in changed and b"# the team" in changed and b"# kept" in changed
    before, after = read_flags(DOCUMENT.encode(), "x"), read_flags(changed, "x")
    assert after.internal == before.internal
    assert [one.rollout for one in after.flags["gate"].segments] == [50, 100, 10, 100, 5]


def test_an_id_with_a_comma_makes_a_list_of_a_text() -> None:
    assert ids(document_with(DOCUMENT.encode(), "x", "gate", "Team", ["a,b"]), "Team") == ("ann", "bob", "a,b")


def test_json_stays_json() -> None:
    content = b'{"flags": {"gate": {"segments": [{"name": "n", "allowedIDs": ["a"]}]}}}'
    changed = document_with(content, "x", "gate", "n", ["b"])
    assert changed == b'{"flags": {"gate": {"segments": [{"name": "n", "allowedIDs": ["a", "b"]}]}}}'


@pytest.mark.parametrize("segment", ["Beta", "Some", "None"])
def test_where_no_ids_are_written_none_are_added(segment: str) -> None:
    with pytest.raises(UsageError):
        document_with(DOCUMENT.encode(), "x", "gate", segment, ["cho"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"c\n"),
        (b"a\nb", b"a\nb\nc\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        (b"user_id,since\na,1\n", b"user_id,since\na,1\nc,\n"),
    ],
)
def test_a_list_grows_at_its_end(before: bytes, after: bytes) -> None:
    assert list_with(before, ["c"]) == after


@pytest.fixture
async def changes(tmp_path: Path) -> FlagChanges:
    return await opened(tmp_path)


async def opened(folder: Path) -> FlagChanges:
    write(folder / "flags.yaml", DOCUMENT)
    write(folder / "beta.csv", "user_id,since\nann,1\n")
    (folder / "beta.csv").chmod(0o640)
    locations = Locations(bucket=str(folder))
    file = FlagFile(str(folder / "flags.yaml"), locations, lambda _: LocalFiles())
    await file.open()
    return FlagChanges(file, locations, lambda _: LocalFiles())


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def test_ids_are_added_to_a_segments_list_once(changes: FlagChanges, tmp_path: Path) -> None:
    done = await changes.add("gate", "Beta", [" bob ", "ann", "", "bob"], "me")
    assert (done.added, done.ids) == (1, 2)
    assert (tmp_path / "beta.csv").read_text() == "user_id,since\nann,1\nbob,\n"
    assert (await changes.add("gate", "Beta", ["bob"], "me")).added == 0
    assert (tmp_path / "beta.csv").stat().st_mode & 0o777 == 0o640
    assert sorted(names(tmp_path)) == ["beta.csv", "flags.yaml"]


async def test_ids_are_added_where_they_are_written_in_the_file_of_flags(changes: FlagChanges, tmp_path: Path) -> None:
    done = await changes.add("gate", "Team", ["cho"], "me")
    assert (done.added, done.ids) == (1, 3)
    assert ids((tmp_path / "flags.yaml").read_bytes(), "Team") == ("ann", "bob", "cho")


async def test_a_list_is_replaced_only_by_one_that_can_be_read(changes: FlagChanges, tmp_path: Path) -> None:
    for wrong in (b"user_id\na\tb\n", b"user_id\n", b"\xff"):
        with pytest.raises(UsageError):
            await changes.replace("gate", "Beta", wrong, "me")
    assert (tmp_path / "beta.csv").read_text() == "user_id,since\nann,1\n"
    assert (await changes.replace("gate", "Beta", b"dan\neve\n", "me")).ids == 2
    assert (tmp_path / "beta.csv").read_text() == "dan\neve\n"


async def test_what_cannot_be_changed_is_told(changes: FlagChanges) -> None:
    for flag, segment, typed in (("gate", "Some", ["a"]), ("gate", "Team", [" "]), ("gate", "Team", ["a\0b"])):
        with pytest.raises(UsageError):
            await changes.add(flag, segment, typed, "me")
    for flag, segment in (("other", "Team"), ("gate", "None")):
        with pytest.raises(NotFound):
            await changes.add(flag, segment, ["a"], "me")
    with pytest.raises(UsageError, match="no file"):
        await changes.replace("gate", "Team", b"a\n", "me")


async def test_of_operators_who_add_at_once_nobody_loses_an_edit(tmp_path: Path) -> None:
    operators = [await opened(tmp_path) for _ in range(4)]
    await asyncio.gather(*(one.add("gate", "Beta", [f"u{number}"], "me") for number, one in enumerate(operators)))
    await asyncio.gather(*(one.add("gate", "Team", [f"u{number}"], "me") for number, one in enumerate(operators)))
    added = {f"u{number}" for number in range(4)}
    assert added < set((tmp_path / "beta.csv").read_text().replace(",", "").split())
    assert added < set(ids((tmp_path / "flags.yaml").read_bytes(), "Team") or ())


async def test_a_file_that_changed_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    write(file, "a\n")
    version = await LocalFiles().version(str(file))
    write(file, "a\nb\n")
    with pytest.raises(UsageError, match="changed meanwhile"):
        await LocalFiles().replace(str(file), b"c\n", version)
    assert await LocalFiles().version(str(file)) != version
