"""The command line against real servers: the graph in Neo4j, the jobs in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.integration.command_line import CommandLine, sandbox
from tests.servers.neo4j import Neo4jServer

pytestmark = pytest.mark.server

WINDOW = ("--as-of", "2018-01-02", "--lookback-days", "365", "--rate-limit", "1000")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    directory = tmp_path_factory.mktemp("sandbox")
    with sandbox(directory, "--write-ids", "users.txt") as url:
        yield url, (directory / "users.txt").read_text().split()


@pytest.fixture
def cli(tmp_path: Path, upstream: tuple[str, list[str]]) -> CommandLine:
    url, ids = upstream
    (tmp_path / "some.txt").write_text("\n".join(ids[:40]))
    return CommandLine(tmp_path, upstream=url)


def test_neo4j_takes_a_load_and_a_copy_with_the_digest_of_the_embedded_graph(
    cli: CommandLine, neo4j_lts: Neo4jServer
) -> None:
    neo4j_lts.wipe()
    (cli.directory / "password").write_text(neo4j_lts.password + "\n")
    served = cli.with_settings(
        graph=neo4j_lts.uri, neo4j_user=neo4j_lts.user, neo4j_password_file="password", store="sqlite:///jobs.db"
    )
    load = ["backfill", "purchases", "--user-file", "some.txt", *WINDOW]
    assert cli.run(*load).code == 0
    wanted = cli.run("graph", "digest", "--json").json
    assert served.run("doctor").code == 0

    loaded = served.run(*load)
    assert loaded.code == 0, loaded.err
    assert served.run("graph", "digest", "--json").json == wanted
    assert served.run("graph", "stats", "--json").json == cli.run("graph", "stats", "--json").json
    from_graph = served.run("backfill", "purchases", "--source", "neo4j", *WINDOW, "--json")
    assert from_graph.json["processed"] == 40, from_graph.err
    assert served.run("graph", "digest", "--json").json == wanted

    neo4j_lts.wipe()
    copied = served.run("graph", "copy", "--from", "sqlite:///retrograph.db", "--to", neo4j_lts.uri, "--json")
    assert copied.code == 0, copied.err
    assert copied.json["to"]["digest"] == wanted["digest"]


def test_wrong_credentials_for_neo4j(cli: CommandLine, neo4j_lts: Neo4jServer) -> None:
    wrong = cli.with_settings(graph=neo4j_lts.uri, neo4j_user=neo4j_lts.user, neo4j_password="hunter2")
    ended = wrong.run("backfill", "purchases", "--user-id", "u1", *WINDOW)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "refused the credentials" in ended.err
    assert "hunter2" not in ended.err
    assert cli.left() == ["some.txt"]
    assert wrong.run("doctor").code == 2


def test_postgresql_keeps_the_jobs(cli: CommandLine, postgres_url: str) -> None:
    served = cli.with_settings(store=postgres_url)
    ended = served.run("backfill", "purchases", "--user-file", "some.txt", *WINDOW, "--key", "pg", "--json")
    assert ended.code == 0, ended.err
    assert served.run("jobs", "show", "pg", "--json").json["processed"] == 40
    assert served.run("doctor").code == 0


def test_a_database_that_does_not_exist(cli: CommandLine, postgres_url: str) -> None:
    nowhere = urlunsplit(urlsplit(postgres_url)._replace(path="/nowhere"))
    ended = cli.with_settings(store=nowhere).run("backfill", "purchases", "--user-id", "u1", *WINDOW)
    assert ended.code == 2, ended.err
    assert "no such database" in ended.err
    assert cli.left() == ["some.txt"]
