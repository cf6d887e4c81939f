"""Wrong input: one clear sentence, the right exit code, and nothing written."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine, Ended

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, upstream=NOWHERE)


def said(ended: Ended, code: int) -> str:
    """The one sentence on standard error."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def backfill(cli: CommandLine, *arguments: str) -> Ended:
    return cli.run("backfill", "purchases", *arguments)


def test_an_unknown_kind(cli: CommandLine) -> None:
    assert said(cli.run("backfill", "nonsense"), 2) == (
        "there is no kind of backfill called 'nonsense': choose one of events, identity, purchases"
    )


def test_a_missing_file_of_ids(cli: CommandLine) -> None:
    assert "nowhere.txt" in said(backfill(cli, "--user-file", "nowhere.txt"), 2)
    assert cli.left() == []


def test_an_empty_file_of_ids(cli: CommandLine) -> None:
    (cli.directory / "ids.txt").write_text("\n \n")
    assert said(backfill(cli, "--user-file", "ids.txt"), 2) == "ids.txt holds no user ids"
    assert cli.left() == ["ids.txt"]


def test_binary_junk(cli: CommandLine) -> None:
    (cli.directory / "ids.txt").write_bytes(bytes(range(256)) * 100)
    assert "ids.txt, line " in said(backfill(cli, "--user-file", "ids.txt"), 2)
    assert cli.left() == ["ids.txt"]


def test_a_directory_instead_of_a_file(cli: CommandLine) -> None:
    (cli.directory / "ids").mkdir()
    assert "ids" in said(backfill(cli, "--user-file", "ids"), 2)


def test_more_ids_than_a_million(cli: CommandLine) -> None:
    (cli.directory / "ids.txt").write_text("\n".join(map(str, range(1_000_001))))
    assert said(backfill(cli, "--user-file", "ids.txt"), 2) == (
        "ids.txt holds more than 1,000,000 different user ids: split it"
    )
    assert cli.left() == ["ids.txt"]


def test_an_id_that_breaks_the_rule_with_its_line(cli: CommandLine) -> None:
    (cli.directory / "ids.txt").write_text("u1\n\nu\x072\n")
    assert said(backfill(cli, "--user-file", "ids.txt"), 2) == "ids.txt, line 3: the id contains a control character"
    assert cli.left() == ["ids.txt"]


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("--rate-limit", "fast", "rate_limit"),
        ("--rate-limit", "nan", "rate_limit"),
        ("--concurrency", "1.5", "concurrency"),
        ("--batch-size", "many", "batch_size"),
        ("--sleep-ms", "1s", "sleep_ms"),
        ("--max-runtime-ms", "", "max_runtime_ms"),
        ("--max-consecutive-failures", "x", "max_consecutive_failures"),
        ("--lookback-days", "year", "lookback_days"),
        ("--as-of", "yesterday", "as_of"),
        ("--mode", "half", "mode"),
    ],
)
def test_a_parameter_that_is_none(cli: CommandLine, option: str, value: str, name: str) -> None:
    assert said(backfill(cli, "--user-id", "u1", option, value), 2).startswith(f"{name} must be")
    assert cli.left() == []


def test_a_key_that_breaks_the_rule(cli: CommandLine) -> None:
    assert "a job's key has" in said(backfill(cli, "--user-id", "u1", "--key", "no spaces"), 2)
    assert cli.left() == []


def test_two_lists_of_users(cli: CommandLine) -> None:
    told = said(backfill(cli, "--user-id", "u1", "--source", "neo4j"), 2)
    assert told == "--user-id and --source are given together: choose one of them"


def test_no_users_at_all(cli: CommandLine) -> None:
    assert said(backfill(cli), 2).startswith("say which users to load: --user-id")
    assert cli.left() == []


def test_a_source_that_does_not_exist(cli: CommandLine) -> None:
    assert said(backfill(cli, "--source", "oracle"), 2).startswith("--source is 'oracle'")


def test_an_option_of_nobody(cli: CommandLine) -> None:
    assert "--queue-link" in said(backfill(cli, "--queue-link", "x"), 2)


def test_services_that_are_not_configured(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    assert "RETROGRAPH_UPSTREAM" in said(backfill(cli, "--user-id", "u1"), 2)
    assert cli.left() == []


def test_every_wrong_setting_at_once(cli: CommandLine) -> None:
    ended = backfill(cli.with_settings(graph="mysql://x", lgo_level="info", log_level="loud"), "--user-id", "u1")
    assert ended.code == 2
    assert "3 settings are wrong" in ended.err
    for name in ("RETROGRAPH_GRAPH", "RETROGRAPH_LGO_LEVEL", "RETROGRAPH_LOG_LEVEL"):
        assert name in ended.err


def test_a_graph_server_that_cannot_be_reached(cli: CommandLine) -> None:
    told = said(backfill(cli.with_settings(graph="bolt://127.0.0.1:9"), "--user-id", "u1"), 3)
    assert "bolt://127.0.0.1:9" in told
    assert cli.left() == []


def test_a_store_that_cannot_be_reached(cli: CommandLine) -> None:
    store = "postgresql://me:hunter2@127.0.0.1:9/jobs"
    told = said(backfill(cli.with_settings(store=store), "--user-id", "u1"), 3)
    assert "127.0.0.1:9" in told
    assert "hunter2" not in told
    assert cli.left() == []


def test_a_graph_file_that_is_none(cli: CommandLine) -> None:
    (cli.directory / "notes.txt").write_text("not a database, but long enough to be read as one " * 20)
    told = said(cli.with_settings(graph="sqlite:///notes.txt").run("graph", "stats"), 2)
    assert "notes.txt" in told


def test_a_graph_that_is_not_there(cli: CommandLine) -> None:
    assert "there is no graph at" in said(cli.run("graph", "stats"), 2)
    assert cli.left() == []


def test_a_folder_that_does_not_exist(cli: CommandLine) -> None:
    told = said(backfill(cli.with_settings(graph="sqlite:///none/g.db"), "--user-id", "u1"), 2)
    assert "none" in told
    assert cli.left() == []


AS_NOBODY = """
import os
import retrograph.cli.display, retrograph.cli.foreground, retrograph.cli.main  # while they can be read
import retrograph.graph.writer, retrograph.wiring.purchases, retrograph.wiring.service
import retrograph.graph.sqlite.store, sqlalchemy.dialects.sqlite.aiosqlite
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
from retrograph.cli.main import main
main()
"""


def test_a_folder_that_is_read_only(cli: CommandLine) -> None:
    cli.directory.chmod(0o555)
    for part in cli.directory.parents:
        if part.stat().st_uid == os.geteuid() and part != Path("/"):
            part.chmod(part.stat().st_mode | 0o011)
    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "backfill", "purchases", "--user-id", "u1"],
        cwd=cli.directory,
        env=cli.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    told = said(Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr), 2)
    assert "retrograph.db" in told
    assert cli.left() == []


class _WebSite(BaseHTTPRequestHandler):
    """A web site where a service should be."""

    status = 200

    def _answer(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Welcome</title>")

    do_GET = do_POST = _answer  # noqa: N815 - named by the standard library

    def log_message(self, format: str, *args: object) -> None:
        del format, args


class _Closed(_WebSite):
    status = 401


@pytest.fixture(params=[_WebSite, _Closed])
def web_site(request: pytest.FixtureRequest) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_base_url_that_answers_pages_or_refuses(cli: CommandLine, web_site: str) -> None:
    told = said(backfill(cli.with_settings(upstream=web_site), "--user-id", "u1"), 2)
    assert "RETROGRAPH_UPSTREAM" in told
    assert cli.left() == []


def test_a_graph_of_a_newer_version(cli: CommandLine) -> None:
    assert cli.run("graph", "migrate").code == 0
    with sqlite3.connect(cli.directory / "retrograph.db") as graph:
        changed = graph.execute("UPDATE graph_meta SET value = value + 1 WHERE name = 'schema_version'").rowcount
        assert changed == 1
    graph.close()
    assert "schema version" in said(cli.run("graph", "stats"), 2)
    ended = backfill(cli, "--user-id", "u1")
    assert "schema version" in said(ended, 2)


def test_a_digest_of_another_part(cli: CommandLine) -> None:
    assert said(cli.run("graph", "digest", "--only", "everything"), 2).startswith("--only is 'everything'")


def test_a_user_that_is_not_there(cli: CommandLine) -> None:
    cli.run("graph", "migrate")
    assert said(cli.run("graph", "show", "nobody"), 2).startswith("there is no user nobody")
