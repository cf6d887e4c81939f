"""The way of a job through the command line: started, watched, stopped, resumed, retried."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import PATIENCE_SECONDS, CommandLine, sandbox

WINDOW = ("--as-of", "2018-01-02", "--lookback-days", "365")
FAST = ("--rate-limit", "1000", "--concurrency", "16")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """A sandbox on the sample, and the ids of its users."""
    directory = tmp_path_factory.mktemp("sandbox")
    with sandbox(directory, "--write-ids", "users.txt") as url:
        yield url, (directory / "users.txt").read_text().split()


@pytest.fixture
def cli(tmp_path: Path, upstream: tuple[str, list[str]]) -> CommandLine:
    url, ids = upstream
    (tmp_path / "users.txt").write_text("\n".join(ids[:300]))
    (tmp_path / "some.txt").write_text("\n".join(ids[:40]))
    return CommandLine(tmp_path, upstream=url)


def backfill(file: str, *options: str) -> list[str]:
    return ["backfill", "purchases", "--user-file", file, *WINDOW, *options]


def until_told(process: "subprocess.Popen[str]", words: str) -> str:
    """Reads standard error up to the line that holds these words."""
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if words in line:
            return told
    raise AssertionError(f"{words!r} was never said:\n{told}")


def faults(url: str, service: str, document: dict[str, Any]) -> None:
    body = json.dumps({"service": service, **document}).encode()
    request = urllib.request.Request(f"{url}/sandbox/faults", data=body, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_a_load_ends_with_one_document_and_a_graph(cli: CommandLine) -> None:
    ended = cli.run(*backfill("some.txt", *FAST, "--key", "first", "--json"))
    assert ended.code == 0, ended.err
    job = ended.json
    assert (job["key"], job["kind"], job["state"]) == ("first", "purchases", "succeeded")
    assert (job["total"], job["processed"], job["failed"], job["skipped"]) == (40, 40, 0, 0)
    assert "40 items at 1000 per second" in ended.err
    assert "first succeeded: 40 processed, 0 failed" in ended.err

    stats = cli.run("graph", "stats", "--json").json
    assert stats["nodes"]["User"] == 40
    assert stats["recount_pending"] == 0
    digest = cli.run("graph", "digest", "--json").json
    assert digest["digest"].startswith("sha256:")
    assert digest["facts"] == stats["totals"]["times"]

    listed = cli.run("jobs", "list", "--json").json
    assert [job["key"] for job in listed] == ["first"]
    shown = cli.run("jobs", "show", "first", "--json").json
    assert {"phase", "cursor", "reason", "created_at", "updated_at"} <= set(shown)
    assert "succeeded" in cli.run("jobs", "show", "first").out
    assert cli.run("jobs", "log", "first").out

    again = cli.run(*backfill("some.txt", *FAST, "--key", "first"))
    assert again.code == 0
    assert "--reset-cursor" in again.err
    reset = cli.run(*backfill("some.txt", *FAST, "--key", "first", "--reset-cursor", "--json"))
    assert reset.json["processed"] == 40
    assert cli.run("graph", "digest", "--json").json == digest


def test_a_user_is_shown_to_people_and_programs(cli: CommandLine) -> None:
    user = (cli.directory / "some.txt").read_text().split()[0]
    assert cli.run("backfill", "purchases", "--user-id", user, *WINDOW).code == 0
    document = cli.run("graph", "show", user, "--json").json
    assert document["user"]["user_id"] == user
    purchase = document["purchases"][0]
    assert {"product_id", "name", "receipt_ids", "timestamps", "times"} <= set(purchase)
    assert len(purchase["receipt_ids"]) == len(purchase["timestamps"]) == purchase["times"]
    assert document["retailers"][0]["frequency"] >= 1
    table = cli.run("graph", "show", user).out
    assert document["retailers"][0]["name"] in table


def test_what_is_out_of_range_is_clamped_and_said(cli: CommandLine) -> None:
    ended = cli.run(*backfill("some.txt", "--rate-limit", "99999999", "--concurrency", "0", "--json"))
    assert ended.code == 0
    assert "rate_limit was" in ended.err
    assert "concurrency was 0; it is 1 now" in ended.err
    assert ended.json["parameters"]["concurrency"] == 1


def test_a_dry_run_needs_no_service_and_makes_no_graph(cli: CommandLine) -> None:
    dry = cli.with_settings(upstream="http://127.0.0.1:9", graph="bolt://127.0.0.1:9", store="sqlite:///jobs.db")
    ended = dry.run(*backfill("some.txt", *FAST, "--dry-run", "--json"))
    assert ended.code == 0, ended.err
    assert (ended.json["processed"], ended.json["skipped"]) == (0, 40)
    assert not (cli.directory / "retrograph.db").exists()


def test_after_a_dry_run_its_key_alone_runs_it_for_real(cli: CommandLine) -> None:
    dry = cli.run(*backfill("some.txt", *FAST, "--lookback-days", "200", "--dry-run", "--json"))
    (cli.directory / "some.txt").write_text("somebody else\n")
    real = cli.run("backfill", "purchases", "--key", dry.json["key"], *FAST[:2], "--json")
    assert real.code == 0, real.err
    assert real.json["key"] == dry.json["key"].removesuffix(":dry-run")
    assert (real.json["processed"], real.json["found"]["purchases"] > 0) == (40, True)
    assert {name: real.json["spec"][name] for name in ("as_of", "lookback_days", "dry_run")} == {
        "as_of": dry.json["spec"]["as_of"],
        "lookback_days": 200,
        "dry_run": False,
    }
    tried = cli.run("backfill", "purchases", "--key", real.json["key"], "--dry-run", "--json")
    assert (tried.code, tried.json["skipped"], tried.json["spec"]["lookback_days"]) == (0, 40, 200)


def test_ctrl_c_stops_it_and_the_same_command_resumes_it(cli: CommandLine) -> None:
    slow = backfill("users.txt", "--rate-limit", "20", "--key", "slow")
    with cli.running(*slow) as process:
        until_told(process, "300 items at 20 per second")
        process.send_signal(signal.SIGINT)
        told = until_told(process, "the same command resumes it")
        assert process.wait(PATIENCE_SECONDS) == 130
    assert "press Ctrl-C again" in told
    job = cli.run("jobs", "show", "slow", "--json").json
    assert job["state"] == "stopped"
    assert job["processed"] < 300

    resumed = cli.run(*backfill("users.txt", *FAST, "--key", "slow", "--json"))
    assert resumed.code == 0, resumed.err
    assert resumed.json["processed"] == 300


def test_a_second_ctrl_c_ends_it_at_once(cli: CommandLine, upstream: tuple[str, list[str]]) -> None:
    url, _ = upstream
    faults(url, "all", {"latency": {"fixed_ms": 60_000}})
    try:
        with cli.running(*backfill("some.txt", *FAST, "--key", "hanging")) as process:
            until_told(process, "40 items")
            process.send_signal(signal.SIGINT)
            until_told(process, "press Ctrl-C again")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
    finally:
        faults(url, "all", {})


def test_a_killed_job_is_taken_over_once_its_lease_is_over(cli: CommandLine) -> None:
    short = cli.with_settings(jobs_lease_seconds="12")
    with short.running(*backfill("users.txt", "--rate-limit", "20", "--key", "slow")) as process:
        until_told(process, "300 items")
        process.kill()
    resumed = short.run(*backfill("users.txt", *FAST, "--key", "slow", "--json"))
    assert resumed.code == 0, resumed.err
    assert "waiting to see whether that process lives" in resumed.err
    assert (resumed.json["processed"], resumed.json["failed"], resumed.json["skipped"]) == (300, 0, 0)


def test_a_job_goes_on_by_its_key_or_its_document_alone(cli: CommandLine) -> None:
    with cli.running(*backfill("users.txt", "--rate-limit", "20", "--key", "slow")) as process:
        until_told(process, "300 items")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
    (cli.directory / "users.txt").unlink()
    (cli.directory / "job.json").write_text(cli.run("jobs", "show", "slow", "--json").out)
    resumed = cli.run("backfill", "purchases", "--resume-from", "job.json", *FAST, "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["processed"] == 300
    assert cli.run("backfill", "purchases", "--key", "slow").code == 0
    assert cli.run("backfill", "purchases", "--key", "unknown").code == 2


def test_sigterm_pauses_it(cli: CommandLine) -> None:
    with cli.running(*backfill("users.txt", "--rate-limit", "20", "--key", "slow")) as process:
        until_told(process, "300 items")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 6
    job = cli.run("jobs", "show", "slow", "--json").json
    assert (job["state"], job["reason"]) == ("paused", "shutdown")


def test_a_running_job_refuses_a_second_start_and_is_stopped_from_elsewhere(cli: CommandLine) -> None:
    with cli.running(*backfill("users.txt", "--rate-limit", "10", "--key", "slow")) as process:
        until_told(process, "300 items")
        second = cli.run(*backfill("users.txt", "--key", "slow"))
        assert second.code == 4, second.err
        other = cli.run(*backfill("some.txt", "--key", "other"))
        assert other.code == 4, other.err
        assert "slow" in other.err
        stopped = cli.run("jobs", "stop", "slow", "--why", "lunch")
        assert stopped.code == 0
        assert process.wait(PATIENCE_SECONDS) == 5
    log = cli.run("jobs", "log", "slow").out
    assert "lunch" in log


def test_failures_are_listed_and_retried(cli: CommandLine, upstream: tuple[str, list[str]]) -> None:
    url, ids = upstream
    assert cli.run(*backfill("some.txt", *FAST, "--key", "clean")).code == 0
    wanted = cli.run("graph", "digest", "--json").json
    faulty = cli.with_settings(graph="sqlite:///other.db")
    faults(url, "shop-orders", {"failing_users": {ids[3]: 422, ids[5]: 422}})
    try:
        ended = faulty.run(*backfill("some.txt", *FAST, "--key", "faulty", "--json"))
    finally:
        faults(url, "shop-orders", {})
    assert ended.code == 1, ended.err
    assert (ended.json["state"], ended.json["processed"], ended.json["failed"]) == ("succeeded", 38, 2)
    assert "retrograph jobs retry faulty" in ended.err
    listed = faulty.run("jobs", "failures", "faulty", "--json").json
    assert {failure["item"] for failure in listed} == {ids[3], ids[5]}
    assert all("422" in failure["message"] for failure in listed)
    assert ids[3] in faulty.run("jobs", "failures", "faulty").out
    assert "more than these 1:" in faulty.run("jobs", "failures", "faulty", "--limit", "1").err

    retried = faulty.run("jobs", "retry", "faulty", "--json")
    assert retried.code == 0, retried.err
    assert (retried.json["processed"], retried.json["failed"]) == (40, 0)
    assert faulty.run("graph", "digest", "--json").json == wanted


def test_a_service_that_is_down_is_waited_for_unless_once(cli: CommandLine) -> None:
    down = cli.with_settings(products_url="http://127.0.0.1:9")
    ended = down.run(*backfill("some.txt", *FAST, "--key", "down", "--once", "--json"))
    assert ended.code == 3, ended.err
    assert (ended.json["state"], ended.json["reason"], ended.json["failed"]) == ("paused", "dependency-down", 0)
    assert cli.run(*backfill("some.txt", *FAST, "--key", "down")).code == 0


def test_jobs_are_cancelled_and_archived(cli: CommandLine) -> None:
    assert cli.run(*backfill("some.txt", *FAST, "--key", "done")).code == 0
    assert cli.run("jobs", "stop", "done").code == 2
    assert cli.run("jobs", "archive", "done").code == 0
    assert cli.run("jobs", "list", "--json").json == []
    assert [job["key"] for job in cli.run("jobs", "list", "--archived", "--json").json] == ["done"]
    assert cli.run("jobs", "show", "nobody").code == 2


def test_a_graph_is_copied_with_an_equal_digest(cli: CommandLine) -> None:
    assert cli.run(*backfill("some.txt", *FAST)).code == 0
    copied = cli.run("graph", "copy", "--from", "sqlite:///retrograph.db", "--to", "sqlite:///copy.db", "--json")
    assert copied.code == 0, copied.err
    assert copied.json["equal"] is True
    assert (
        copied.json["from"]
        == copied.json["to"]
        == {key: value for key, value in cli.run("graph", "digest", "--json").json.items() if key != "recount_pending"}
    )


def test_messages_are_json_where_the_log_is(cli: CommandLine) -> None:
    ended = cli.with_settings(log_format="json", environment="stage").run(*backfill("some.txt", *FAST, "--json"))
    assert ended.code == 0
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert all(line["environment"] == "stage" for line in lines)
    assert any("succeeded" in line["event"] for line in lines)
