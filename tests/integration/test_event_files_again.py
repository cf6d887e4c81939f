"""The same files once more: what is mended or new is read, and nothing else."""

from pathlib import Path

from tests.integration.command_line import CommandLine
from tests.integration.event_files import failures, load, receipt


def test_a_failed_object_is_mended_and_retried_and_another_submission_takes_what_is_new(
    cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "good.json").write_bytes(receipt(1))
    (folder / "bad.json").write_bytes(b"nothing\n")
    first = load(cli, f"file://{folder}")
    assert first.code == 1 and first.json["failed"] == 1

    (folder / "bad.json").write_bytes(receipt(2))
    retried = cli.run("jobs", "retry", first.json["key"], "--json")
    assert retried.code == 1 and "it has changed since the folder was listed" in str(failures(cli, first.json["key"]))

    (folder / "new.json").write_bytes(receipt(3))
    second = load(cli, f"file://{folder}")
    assert second.code == 0, second.err
    assert (second.json["processed"], second.json["skipped_by"]) == (2, {"unchanged": 1})
    third = load(cli, f"file://{folder}", "--again")
    assert (third.json["processed"], third.json["skipped"]) == (3, 0)
    found = cli.run("graph", "show", "u1", "--json").json
    assert sum(edge["times"] for edge in found["purchases"]) == 3


def test_more_objects_than_allowed_fail_the_job_before_anything_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.json").write_bytes(receipt(number))
    cli = CommandLine(tmp_path, files_most_objects="3")
    done = load(cli, f"file://{folder}")
    assert done.code == 1 and done.json["state"] == "failed"
    assert "there are more than 3 objects" in done.json["message"]
    assert done.json["processed"] == 0
