"""Flags that are read again when their files change, and that survive files that cannot be read."""

from pathlib import Path

import pytest

from retrograph.errors import ConfigurationError, NotFound, RetrographError, UsageError
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.listing import covered_users, unlisted
from retrograph.flags.locations import Locations
from retrograph.wiring.flags import blobs_at

ONE_LIST = "flags: {f: {segments: [{name: a, allowedS3IDs: list.csv}]}}"


def write(path: Path, text: str) -> None:
    """As an editor or an upload does: the new file replaces the old one."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


async def opened(folder: Path, document: str, **lists: str) -> FlagFile:
    write(folder / "flags.yaml", document)
    for name, text in lists.items():
        write(folder / f"{name}.csv", text)
    flags = FlagFile(str(folder / "flags.yaml"), Locations(bucket=str(folder)), blobs_at)
    await flags.open()
    return flags


async def test_a_list_that_changes_is_read_again(tmp_path: Path) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="user_id,n\na,1\n")
    assert flags.flag("f").covers("a") and not flags.flag("f").covers("b")
    assert not await flags.refresh()
    write(tmp_path / "list.csv", "user_id,n\nb,1\n")
    assert await flags.refresh()
    assert flags.flag("f").covers("b") and not flags.flag("f").covers("a")


async def test_a_document_that_changes_is_read_again_with_the_lists_that_it_names_anew(tmp_path: Path) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="a\n,")
    write(tmp_path / "other.csv", "b\n")
    write(tmp_path / "flags.yaml", ONE_LIST.replace("list.csv", "other.csv"))
    assert await flags.refresh()
    assert flags.flag("f").covers("b") and not flags.flag("f").covers("a")


@pytest.mark.parametrize("broken", ["flags: [", ONE_LIST.replace("list", "missing"), None])
async def test_a_broken_document_keeps_the_last_good_one_and_says_so(tmp_path: Path, broken: str | None) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="a\n")
    if broken is None:
        (tmp_path / "flags.yaml").unlink()
    else:
        write(tmp_path / "flags.yaml", broken)
    assert not await flags.refresh()
    assert flags.flag("f").covers("a")
    assert [problem.location for problem in flags.problems] == [str(tmp_path / "flags.yaml")]
    write(tmp_path / "flags.yaml", "flags: {f: {segments: [{name: a, allowedIDs: b}]}}")
    assert await flags.refresh()
    assert not flags.problems and flags.flag("f").covers("b")


@pytest.mark.parametrize("cut", ["", "user_id\n"])
async def test_a_list_that_is_cut_to_nothing_shuts_nobody_out_and_says_so(tmp_path: Path, cut: str) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="user_id\na\n")
    (tmp_path / "list.csv").write_text(cut)
    assert not await flags.refresh()
    assert flags.flag("f").covers("a")
    assert [problem.location for problem in flags.problems] == [str(tmp_path / "list.csv")]
    assert "no ids" in flags.problems[0].message
    (tmp_path / "list.csv").write_text("user_id\nb\n")
    assert await flags.refresh()
    assert flags.flag("f").covers("b") and not flags.flag("f").covers("a") and not flags.problems


async def test_a_broken_list_keeps_its_last_good_state(tmp_path: Path) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="a\n")
    write(tmp_path / "list.csv", '"no end\n')
    assert not await flags.refresh()
    assert flags.flag("f").covers("a") and len(flags.problems) == 1
    (tmp_path / "list.csv").unlink()
    assert not await flags.refresh()
    assert flags.flag("f").covers("a") and "there is no file" in flags.problems[0].message


@pytest.mark.parametrize(
    ("document", "error"), [("flags: [", ConfigurationError), (ONE_LIST.replace("list.csv", "none.csv"), NotFound)]
)
async def test_what_is_wrong_at_the_start_is_raised(
    tmp_path: Path, document: str, error: type[RetrographError]
) -> None:
    with pytest.raises(error):
        await opened(tmp_path, document)


async def test_a_flag_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    flags = await opened(tmp_path, ONE_LIST, list="a\n")
    with pytest.raises(UsageError, match=r"has no flag g \(it has: f\)"):
        flags.flag("g")


async def test_all_users_of_a_flag_each_once_and_only_those_that_it_covers(tmp_path: Path) -> None:
    document = """
flags:
  f:
    segments:
      - {name: a, allowedIDs: " x , y"}
      - {name: b, allowedS3IDs: list.csv}
      - {name: c, internalUsers: true}
      - {name: d, allowedIDs: never, rollout: 0}
      - {name: e, rollout: 3}
internal_users: {ids: [me, x], suffixes: ["@here"], file: more.csv}
"""
    flags = await opened(tmp_path, document, list="y\nz\n", more="w\n")
    coverage = flags.coverage
    listed = covered_users(flags.flag("f"), coverage.flags, Locations(bucket=str(tmp_path)), blobs_at, ["z", "extra"])
    assert [user async for user in listed] == ["x", "y", "z", "me", "w", "extra"]
    told = unlisted(flags.flag("f"), coverage.flags)
    assert any("3% of all users" in one for one in told) and any("@here" in one for one in told)


@pytest.mark.parametrize(
    ("bucket", "name", "location"),
    [
        ("stage-feature-flipper", "a.csv", "s3://stage-feature-flipper/a.csv"),
        ("s3://b/folder/", "a.csv", "s3://b/folder/a.csv"),
        ("/lists", "a.csv", "/lists/a.csv"),
        (".", "a.csv", "./a.csv"),
        ("any", "s3://other/a.csv", "s3://other/a.csv"),
        ("any", "/here/a.csv", "/here/a.csv"),
    ],
)
def test_where_a_list_lies(bucket: str, name: str, location: str) -> None:
    assert Locations(bucket=bucket).of(name) == location
