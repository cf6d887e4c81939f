"""The identity graph from the command line: from a users table to clusters, in every way a day can go."""

import csv
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import CommandLine
from tests.integration.story import in_neo4j
from tests.servers.postgres import PostgresServer

COUNT = 1_500


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a users table can be made."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'users.db'}"
    else:
        yield request.getfixturevalue("postgres_url")


def table_at(directory: Path, url: str, count: int = COUNT) -> tuple[CommandLine, Any]:
    """A command line whose settings map a table that the sandbox has made, and the truth about it."""
    made = CommandLine(directory).run(
        "sandbox", "users", "--to", url, "--count", str(count), "--seed", "4", "--json", "--write-clusters", "true.csv"
    )
    assert made.code == 0, made.err
    settings = {name.removeprefix("RETROGRAPH_").lower(): text for name, text in made.json["settings"].items()}
    return CommandLine(directory, **settings), made.json


def test_every_user_is_joined_and_the_clusters_are_the_true_ones(tmp_path: Path, source: str) -> None:
    cli, truth = table_at(tmp_path, source)

    job = cli.run("backfill", "identity", "--json")

    assert job.code == 0, job.err
    assert (job.json["key"], job.json["state"], job.json["total"]) == ("identity", "succeeded", COUNT)
    assert (job.json["processed"], job.json["failed"], job.json["skipped"]) == (COUNT, 0, 0)
    assert job.json["refused"] == {f"invalid-{type_}": count for type_, count in truth["garbage_values"].items()}
    stats = cli.run("graph", "stats", "--json").json
    assert stats["nodes"]["User"] == COUNT
    found = {name: stats["identity"][name] for name in ("clusters", "linked_users", "largest_cluster")}
    assert found == {name: truth[name] for name in found}
    assert stats["identity"]["types"]["ip"]["generic"]["over-limit"] >= 1
    assert stats["identity"]["types"]["phone"]["generic"]["blocked"] >= 1
    with (tmp_path / "true.csv").open() as lines:
        user, *_ = csv.DictReader(lines)
    shown = cli.run("graph", "show", user["user_id"], "--json").json["identity"]
    assert shown["cluster"] == user["cluster"]
    path = shown["linked_users"][0]["path"]
    assert (path[0], path[-1]) == ({"user_id": user["user_id"]}, {"user_id": shown["linked_users"][0]["user_id"]})
    assert {"type", "value"} == set(path[1])
    assert user["cluster"] in cli.run("graph", "show", user["user_id"]).out


def test_a_dry_run_needs_no_graph_and_leaves_the_real_jobs_cursor_alone(tmp_path: Path, source: str) -> None:
    cli, _ = table_at(tmp_path, source, 300)
    nowhere = cli.with_settings(graph="bolt://127.0.0.1:1", store="sqlite:///jobs.db")

    dry = nowhere.run("backfill", "identity", "--dry-run", "--json")

    assert dry.code == 0, dry.err
    assert dry.json["key"] == "identity:dry-run"
    assert (dry.json["processed"], dry.json["skipped_by"]) == (0, {"dry-run": 300})
    real = cli.with_settings(store="sqlite:///jobs.db").run("backfill", "identity", "--json")
    assert (real.json["processed"], real.json["skipped"]) == (300, 0)


def test_the_same_command_again_goes_on_with_those_who_are_new(tmp_path: Path) -> None:
    file = tmp_path / "users.db"
    cli, _ = table_at(tmp_path, f"sqlite:///{file}", 200)
    assert cli.run("backfill", "identity").code == 0
    before = cli.run("graph", "digest", "--only", "identity", "--json").json
    execute(
        file,
        "INSERT INTO users (user_id, created_at, email) VALUES ('new', datetime('now', '-1 hour'), 'new@example.com'), "
        "('just-now', datetime('now'), 'now@example.com')",
    )

    again = cli.run("backfill", "identity", "--json")

    assert again.code == 0, again.err
    assert (again.json["processed"], again.json["total"]) == (201, 201)
    after = cli.run("graph", "digest", "--only", "identity", "--json").json
    assert after["facts"] == before["facts"] + 1
    assert cli.run("graph", "show", "just-now").code == 2
    assert cli.run("backfill", "identity", "--reset-cursor", "--json").json["processed"] == 201
    assert cli.run("graph", "digest", "--only", "identity", "--json").json == after


def test_a_killed_job_goes_on_and_the_graph_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    cli, _ = table_at(tmp_path, f"sqlite:///{tmp_path / 'users.db'}", 3_000)
    calm = cli.with_settings(graph=f"sqlite:///{tmp_path / 'calm' / 'graph.db'}", store="sqlite:///calm.db")
    assert calm.run("backfill", "identity").code == 0
    hasty = cli.with_settings(jobs_lease_seconds="3")
    with hasty.running("backfill", "identity", "--rate-limit", "1500", "--batch-size", "50") as process:
        reached(hasty, lambda job: job["processed"] >= 300)
        process.kill()

    resumed = hasty.run("backfill", "identity", "--rate-limit", "10000", "--json")

    assert resumed.code == 0, resumed.err
    assert (resumed.json["processed"], resumed.json["run"]) == (3_000, 2)
    assert hasty.run("graph", "digest").out == calm.run("graph", "digest").out


@pytest.mark.server
def test_a_table_that_is_away_pauses_the_job_and_charges_nobody(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    cli, _ = table_at(tmp_path, postgres_url, 6_000)
    with cli.running("backfill", "identity", "--rate-limit", "500", "--json") as process:
        reached(cli, lambda job: job["processed"] >= 100)
        postgres.stop()
        reached(cli, lambda job: (job["state"], job["reason"]) == ("paused", "dependency-down"))
        postgres.start()
        out, err = process.communicate(timeout=120)

    job = json.loads(out)
    assert (job["state"], job["processed"], job["failed"]) == ("succeeded", 6_000, 0)
    assert "waiting until users-table answers again" in err


def test_a_hashed_graph_holds_no_value_and_has_the_same_clusters(tmp_path: Path) -> None:
    cli, truth = table_at(tmp_path, f"sqlite:///{tmp_path / 'users.db'}", 400)
    (tmp_path / "key").write_text("a secret\n")
    hashed = cli.with_settings(identifiers_hmac_key_file=str(tmp_path / "key"), identifiers_hmac_key_id="k7")

    assert hashed.run("backfill", "identity").code == 0

    assert hashed.run("graph", "stats", "--json").json["identity"]["clusters"] == truth["clusters"]
    values = [value for (value,) in execute(tmp_path / "retrograph.db", "SELECT value FROM graph_identifier")]
    assert all(value.startswith("k7:") and len(value) == 67 for value in values)
    plain = cli.run("backfill", "identity")
    assert (plain.code, "exists with another source" in plain.err) == (2, True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"users_email": "mail"}, "RETROGRAPH_USERS_EMAIL names users.mail, which does not exist"),
        ({"users_device": "gadgets.id"}, "RETROGRAPH_USERS_DEVICE names the table gadgets, which does not exist"),
        ({"users_table": "people"}, "RETROGRAPH_USERS_TABLE names the table people, which does not exist"),
        ({"users_url": "sqlite:///nowhere.db"}, "RETROGRAPH_USERS_URL names the file nowhere.db"),
        ({"users_phone": "phone:x"}, "RETROGRAPH_USERS_PHONE says 'phone:x'"),
        ({"identifiers_block_list": "none.txt"}, "RETROGRAPH_IDENTIFIERS_BLOCK_LIST names none.txt"),
    ],
)
def test_a_wrong_mapping_is_found_before_anything_is_made(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    cli, _ = table_at(tmp_path, f"sqlite:///{tmp_path / 'users.db'}", 3)

    ended = cli.with_settings(**settings).run("backfill", "identity")

    assert (ended.code, sentence in ended.err) == (2, True), ended.err
    assert cli.left() == ["true.csv", "users.db"]


def test_doctor_looks_at_the_table(tmp_path: Path) -> None:
    cli, _ = table_at(tmp_path, f"sqlite:///{tmp_path / 'users.db'}", 3)

    def found(command_line: CommandLine) -> Any:
        return next(one for one in command_line.run("doctor", "--json").json if one["name"] == "users-table")

    assert found(cli)["state"] == "up"
    wrong = found(cli.with_settings(users_email="mail"))
    assert (wrong["state"], "users.mail, which does not exist" in wrong["message"]) == ("wrong", True)


def test_doctor_says_what_is_not_configured(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path).run("doctor", "--json")
    states = {one["name"]: (one["state"], one["message"]) for one in ended.json}
    assert states["services"][0] == states["users-table"][0] == "not set"
    assert "RETROGRAPH_UPSTREAM" in states["services"][1]
    assert "RETROGRAPH_USERS_URL" in states["users-table"][1]
    assert (ended.code, "nothing to load from is configured" in ended.err) == (2, True)
    half = CommandLine(tmp_path, products_url="http://127.0.0.1:9").run("doctor", "--json")
    assert (half.code, {one["name"]: one["state"] for one in half.json}["services"]) == (2, "wrong")
    table, _ = table_at(tmp_path, f"sqlite:///{tmp_path / 'users.db'}", 3)
    assert table.run("doctor").code == 0


def test_without_a_table_it_says_what_to_set(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path).run("backfill", "identity")

    assert (ended.code, "RETROGRAPH_USERS_URL is not set" in ended.err) == (2, True)


@pytest.mark.server
def test_neo4j_comes_out_as_the_embedded_graph_does(tmp_path: Path, neo4j_lts: Any, postgres_url: str) -> None:
    neo4j_lts.start()
    neo4j_lts.wipe()
    cli, truth = table_at(tmp_path, postgres_url)
    served = cli.with_settings(store="sqlite:///served.db", **in_neo4j(neo4j_lts))

    for place in (cli, served):
        ended = place.run("backfill", "identity", "--json")
        assert (ended.code, ended.json["processed"]) == (0, COUNT), ended.err

    assert served.run("graph", "digest", "--json").json == cli.run("graph", "digest", "--json").json
    stats = served.run("graph", "stats", "--json").json["identity"]
    assert stats == cli.run("graph", "stats", "--json").json["identity"]
    assert stats["clusters"] == truth["clusters"]
    user = next(iter((tmp_path / "true.csv").read_text().splitlines()[1:])).partition(",")[0]
    shown = [place.run("graph", "show", user, "--json").json["identity"] for place in (cli, served)]
    assert shown[0] == shown[1]


def reached(cli: CommandLine, wanted: Callable[[Any], bool]) -> None:
    """Returns once the job is as wanted."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        shown = cli.run("jobs", "show", "identity", "--json")
        if shown.code == 0 and wanted(json.loads(shown.out)):
            return
    raise AssertionError("the job did not come so far")


def execute(file: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(file)
    rows = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return rows
