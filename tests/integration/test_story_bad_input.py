"""Wrong input that takes a sandbox, a server or a job: one sentence, the right exit code, and nothing written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.command_line import CommandLine, Ended, sandbox
from tests.integration.story import WINDOW, History, Place, in_neo4j
from tests.servers.neo4j import Neo4jServer
from tests.servers.postgres import PostgresServer

NOWHERE = "http://127.0.0.1:9"
ONE_USER = ("backfill", "purchases", "--user-id", "hh-0001", *WINDOW)


def said(ended: Ended, code: int) -> str:
    """The one sentence on standard error."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    [line] = ended.err.strip().splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("long.txt", b"u1\n" + b"x" * 257, "long.txt, line 2: the id has 257 characters, at most 256 are allowed"),
        ("bytes.txt", b"u1\n\xff\xfe\n", "bytes.txt, line 2: this is not UTF-8 text, so no list of user ids"),
        ("none.csv", b"user_id,name\n", "none.csv holds no user ids"),
        ("gap.csv", b"user_id,name\nu1,Ann\n,Bob\n", "gap.csv, line 3: the id is empty"),
    ],
)
def test_a_list_of_ids_that_is_none(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    cli = CommandLine(tmp_path, upstream=NOWHERE)
    assert said(cli.run("backfill", "purchases", "--user-file", name), 2) == told
    assert cli.left() == [name]


@pytest.mark.parametrize("user", ["", "  ", "u\x071", "x" * 257])
def test_an_inline_id_that_breaks_the_rule(tmp_path: Path, user: str) -> None:
    cli = CommandLine(tmp_path, upstream=NOWHERE)
    assert "id" in said(cli.run("backfill", "purchases", "--user-id", user), 2)
    assert cli.left() == []


def test_a_job_document_that_is_none(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path, upstream=NOWHERE)
    (tmp_path / "job.json").write_text('{"state": "running"}')
    assert said(cli.run("backfill", "purchases", "--resume-from", "job.json"), 2).startswith("job.json is no job")
    assert "missing.json" in said(cli.run("backfill", "purchases", "--resume-from", "missing.json"), 2)
    assert cli.left() == ["job.json"]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox that asks for a token."""
    with sandbox(tmp_path_factory.mktemp("closed"), "--token", "secret-one") as url:
        yield url


@pytest.mark.parametrize("token", [{}, {"upstream_token": "secret-two"}])
def test_a_token_that_is_missing_or_wrong(tmp_path: Path, closed: str, token: dict[str, str]) -> None:
    cli = CommandLine(tmp_path, upstream=closed, **token)
    told = said(cli.run(*ONE_USER), 2)
    assert "answers 401" in told
    assert "check RETROGRAPH_UPSTREAM_TOKEN" in told
    assert "secret" not in told
    assert cli.left() == []


def test_the_right_token_opens_it(tmp_path: Path, closed: str) -> None:
    (tmp_path / "token").write_text("secret-one\n")
    cli = CommandLine(tmp_path, upstream=closed, upstream_token_file=str(tmp_path / "token"))
    assert cli.run(*ONE_USER).code == 0


def test_a_wrong_password_for_neo4j(tmp_path: Path, history: History, neo4j_lts: Neo4jServer) -> None:
    neo4j_lts.start()
    cli = CommandLine(tmp_path, upstream=history.url, **{**in_neo4j(neo4j_lts), "neo4j_password": "not-it"})
    told = said(cli.run(*ONE_USER), 2)
    assert f"the graph at {neo4j_lts.uri} refused the credentials" in told
    assert "not-it" not in told
    assert cli.left() == []


def test_a_neo4j_graph_of_a_newer_version(tmp_path: Path, history: History, neo4j_lts: Neo4jServer) -> None:
    neo4j_lts.start()
    neo4j_lts.wipe()
    place = Place(tmp_path, history, **in_neo4j(neo4j_lts))
    assert place.cli.run("graph", "migrate").code == 0
    with neo4j_lts.driver() as driver:
        raised = "MATCH (n) WHERE n.schema_version IS NOT NULL SET n.schema_version = n.schema_version + 1 RETURN n"
        assert len(driver.execute_query(raised).records) == 1
    assert "schema version" in said(place.cli.run(*ONE_USER), 2)
    assert "schema version" in said(place.cli.run("graph", "stats"), 2)
    assert place.cli.left() == []
    neo4j_lts.wipe()


def test_a_web_server_where_neo4j_should_be(tmp_path: Path, history: History) -> None:
    cli = CommandLine(tmp_path, upstream=history.url, graph=history.url.replace("http:", "bolt:"))
    said(cli.run(*ONE_USER), 3)
    assert cli.left() == []


def test_a_database_or_user_that_postgres_does_not_know(
    tmp_path: Path, history: History, postgres: PostgresServer, postgres_url: str
) -> None:
    postgres.start()
    parts = urlsplit(postgres_url)
    nobody = parts._replace(netloc=f"nobody:hunter2@{parts.hostname}:{parts.port}").geturl()
    for store in (parts._replace(path="/nowhere").geturl(), nobody):
        cli = CommandLine(tmp_path, upstream=history.url, store=store)
        told = said(cli.run(*ONE_USER), 2)
        assert told.startswith("the job store at postgresql://")
        assert "hunter2" not in told
        assert cli.left() == []


def test_a_store_of_a_newer_version(place: Place) -> None:
    assert place.cli.run("backfill", "purchases", "--user-id", "hh-0001", "--dry-run").code == 0
    with closing(sqlite3.connect(place.directory / "retrograph.db")) as database, database:
        assert database.execute("UPDATE store_version SET version_num = '9999'").rowcount == 1
    assert "newer" in said(place.cli.run("jobs", "list"), 2)
    assert "newer" in said(place.cli.run(*ONE_USER), 2)


def test_a_key_that_stands_for_other_work(place: Place) -> None:
    assert place.cli.run(*ONE_USER, "--key", "mine").code == 0
    other_user = place.cli.run("backfill", "purchases", "--user-id", "hh-0002", *WINDOW, "--key", "mine")
    assert "job mine exists with another source" in said(other_user, 2)
    window = ("--as-of", "2017-06-01", "--lookback-days", "30")
    other_window = place.cli.run("backfill", "purchases", "--user-id", "hh-0001", *window, "--key", "mine")
    assert "job mine exists with another as_of and lookback_days" in said(other_window, 2)
    assert place.job("mine")["run"] == 1


def test_a_job_of_another_graph_cannot_go_on_here(place: Place, history: History) -> None:
    history.misbehave("shop-orders", failing_users={"hh-0001": 422})
    assert place.cli.run(*ONE_USER, "--key", "mine").code == 1
    history.misbehave()
    elsewhere = place.cli.with_settings(graph="sqlite:///other.db", store="sqlite:///retrograph.db")
    assert elsewhere.run("graph", "migrate").code == 0
    assert "belongs to another graph" in said(elsewhere.run("jobs", "retry", "mine"), 2)
    assert place.job("mine")["failed"] == 1
    assert place.cli.run("jobs", "retry", "mine").code == 0


def test_a_copy_into_itself_or_out_of_nothing(place: Place) -> None:
    copy = ("graph", "copy", "--from", "sqlite:///retrograph.db", "--to")
    assert "there is no graph" in said(place.cli.run(*copy, "sqlite:///to.db"), 2)
    assert place.cli.left() == []
    assert place.cli.run("graph", "migrate").code == 0
    assert said(place.cli.run(*copy, "sqlite:///./retrograph.db"), 2) == "--from and --to are the same graph"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--data", "nowhere"), "nowhere/receipts.parquet"),
        (("--faults", "{"), "--faults is not JSON"),
        (("--faults", '{"all": {"too_many": 1}}'), "too_many"),
        (("--faults", '{"nobody": {}}'), "service must be one of"),
        (("--port", "1"), "cannot listen on"),
    ],
)
def test_a_sandbox_that_cannot_start(tmp_path: Path, options: tuple[str, ...], what: str) -> None:
    if options == ("--port", "1"):
        with sandbox(tmp_path) as taken:
            options = ("--port", str(urlsplit(taken).port))
            assert what in said(CommandLine(tmp_path).run("sandbox", *options), 2)
    else:
        assert what in said(CommandLine(tmp_path).run("sandbox", *options), 2)
    assert CommandLine(tmp_path).left() == []
