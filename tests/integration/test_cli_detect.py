"""`retrograph detect`, as an operator or a schedule of their own runs it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.integration.command_line import CommandLine
from tests.integration.story import History, until

MANY = 100
SOME = 10


def with_users(folder: Path, history: History, *users: str, **settings: str) -> CommandLine:
    text = f"flags: {{consumer_graph_ingestion: {{segments: [{{name: team, allowedIDs: '{','.join(users)}'}}]}}}}"
    (folder / "flags.yaml").write_text(text)
    settings = {"flags_refresh_seconds": "1", "enrolment_settle_seconds": "0", **settings}
    return CommandLine(folder, upstream=history.url, flags_file="flags.yaml", **settings)


def test_the_new_ones_are_loaded_and_whoever_left_is_new_when_they_come_back(tmp_path: Path, history: History) -> None:
    ann, bob, cho = history.some[:3]
    first = with_users(tmp_path, history, ann, bob).run("detect", "--json")
    assert first.code == 0, first.err
    assert (first.json["looked"], first.json["found"], first.json["left"]) == (2, 2, 0)
    assert "2 loaded, 0 failed" in first.err
    second = with_users(tmp_path, history, bob, cho).run("detect", "--json")
    assert (second.json["found"], second.json["left"]) == (1, 1)
    third = with_users(tmp_path, history, ann, bob, cho).run("detect", "--json")
    assert (third.json["found"], third.json["left"]) == (1, 0)
    cli = with_users(tmp_path, history, ann)
    for user in (ann, bob, cho):
        assert cli.run("graph", "show", user, "--json").code == 0
    kinds = {job["kind"] for job in cli.run("jobs", "list", "--json").json}
    assert kinds == {"newly-enabled"}


def test_one_that_is_killed_while_it_loads_forgets_nobody_and_requests_nobody_twice(
    tmp_path: Path, history: History
) -> None:
    """`kill -9` after some users: the next one goes on with the same job, and finds nobody new."""
    users = history.some[:MANY]
    history.misbehave(latency={"fixed_ms": 50})
    cli = with_users(tmp_path, history, *users, jobs_lease_seconds="5")
    with cli.running("detect") as killed:
        until(lambda: killed.poll() is not None or loaded(tmp_path) >= SOME, "some users are loaded")
        assert killed.poll() is None
        killed.kill()
    assert SOME <= loaded(tmp_path) < MANY
    history.misbehave()
    again = cli.run("detect", "--json")
    assert again.code == 0, again.err
    assert (again.json["looked"], again.json["found"]) == (MANY, 0)
    first, *others = sorted(cli.run("jobs", "list", "--json").json, key=lambda job: len(job["key"]))
    assert (first["state"], first["total"], first["processed"], first["failed"]) == ("succeeded", MANY, MANY, 0)
    assert [job["key"] for job in others] in ([], [f"{first['key']}-second"])


def loaded(folder: Path) -> int:
    """How many users are counted in jobs."""
    file = folder / "retrograph.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file, timeout=30)) as database:
        try:
            return int(database.execute("SELECT coalesce(sum(processed), 0) FROM jobs").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are not there yet
            return 0


def test_candidates_may_be_a_list_of_which_the_flag_covers_some(tmp_path: Path, history: History) -> None:
    ann, bob = history.some[:2]
    (tmp_path / "candidates.csv").write_text(f"id\n{ann}\nnobody\n")
    cli = with_users(tmp_path, history, ann, bob, detector_candidates="candidates.csv")
    found = cli.run("detect", "--json")
    assert (found.json["looked"], found.json["found"]) == (2, 1)


def test_without_flags_it_says_what_to_set(tmp_path: Path, history: History) -> None:
    done = CommandLine(tmp_path, upstream=history.url).run("detect")
    assert done.code == 2 and "RETROGRAPH_FLAGS_FILE is not set" in done.err


def test_flags_that_cannot_be_read_are_an_outage_and_change_nothing(tmp_path: Path, history: History) -> None:
    cli = with_users(tmp_path, history, history.some[0])
    (tmp_path / "flags.yaml").write_text("flags: [")
    done = cli.run("detect")
    assert done.code == 3 and "could not be read yet" in done.err
