"""The servers that tests rely on do what their verbs say: they answer, crash, freeze, and come back with their data."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from neo4j import GraphDatabase, TrustCustomCAs
from neo4j.exceptions import ConstraintError, ServiceUnavailable

from tests.servers import downloads
from tests.servers.downloads import Unavailable
from tests.servers.java import find_java
from tests.servers.neo4j import LTS, PRESENT, Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.server import free_port, listens
from tests.servers.toxiproxy import ToxiproxyServer

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
COMPONENTS = "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0] AS version"


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something becomes true within a patient while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return False


def count_nodes(server: Neo4jServer) -> int:
    with server.driver() as driver:
        (record,) = driver.execute_query("MATCH (n) RETURN count(n) AS nodes").records
    return int(record["nodes"])


def test_neo4j_keeps_what_was_written_when_it_is_killed(neo4j: Neo4jServer) -> None:
    with neo4j.driver() as driver:
        driver.execute_query("UNWIND range(1, 10) AS number CREATE (:Node {number: number})")
    neo4j.kill()
    assert not neo4j.running
    assert not neo4j.ping()
    neo4j.start()
    assert count_nodes(neo4j) == 10


@pytest.mark.parametrize(("fixture", "release"), [("neo4j_lts", LTS), ("neo4j_present", PRESENT)])
def test_neo4j_runs_the_release_that_was_asked_for(
    fixture: str, release: object, request: pytest.FixtureRequest
) -> None:
    server: Neo4jServer = request.getfixturevalue(fixture)
    with server.driver() as driver:
        (record,) = driver.execute_query(COMPONENTS).records
    assert server.release == release
    assert record["version"] == server.release.version


def test_neo4j_is_empty_after_a_wipe(neo4j: Neo4jServer) -> None:
    with neo4j.driver() as driver:
        driver.execute_query("CREATE CONSTRAINT one_of_each IF NOT EXISTS FOR (n:Node) REQUIRE n.number IS UNIQUE")
        driver.execute_query("CREATE (:Node {number: 1})-[:NEXT]->(:Node {number: 2})")
        with pytest.raises(ConstraintError):
            driver.execute_query("CREATE (:Node {number: 1})")
    neo4j.wipe(schema=True)
    with neo4j.driver() as driver:
        assert driver.execute_query("SHOW CONSTRAINTS").records == []
    assert count_nodes(neo4j) == 0


@pytest.mark.parametrize("fixture", ["neo4j_lts", "neo4j_present"])
@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_neo4j_speaks_tls_to_those_who_trust_its_authority(
    fixture: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    server: Neo4jServer = request.getfixturevalue(fixture).start()
    trust = TrustCustomCAs(str(server.authority))
    access = (server.user, server.password)
    url = f"{scheme}://{server.uri.partition('://')[2]}"
    with GraphDatabase.driver(url, auth=access, encrypted=True, trusted_certificates=trust) as driver:
        driver.verify_connectivity()
    with (
        GraphDatabase.driver(url.replace("://", "+s://"), auth=access, connection_timeout=2) as driver,
        pytest.raises(ServiceUnavailable),
    ):
        driver.verify_connectivity()


def test_postgres_keeps_what_was_written_when_it_is_killed(postgres: PostgresServer, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.kill()
    assert not postgres.ping()
    postgres.start()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_each_test_has_a_database_of_its_own(postgres: PostgresServer, postgres_url: str) -> None:
    other = postgres.create_database()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE here (answer int)")
    with psycopg.connect(other) as connection:
        assert connection.execute("SELECT to_regclass('here')").fetchone() == (None,)
    postgres.drop_database(other)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(other)


def test_a_frozen_server_answers_again_when_it_thaws(postgres: PostgresServer, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        postgres.freeze()
        try:
            assert not postgres.ping()
        finally:
            postgres.thaw()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_stopped_server_starts_on_the_same_port(postgres: PostgresServer) -> None:
    url = postgres.url()
    postgres.stop()
    assert not listens(postgres.port)
    postgres.start()
    assert postgres.url() == url
    assert postgres.ping()


def test_a_proxy_can_be_cut_and_mended(postgres: PostgresServer, toxiproxy: ToxiproxyServer) -> None:
    proxy = toxiproxy.proxy(postgres.port)
    url = postgres.url().replace(str(postgres.port), str(proxy.port))
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    proxy.mend()
    proxy.add_toxic("latency", latency=1)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(urllib.error.HTTPError):
        proxy.add_toxic("no-such-toxic")


def test_a_proxy_of_an_earlier_test_is_gone(toxiproxy: ToxiproxyServer) -> None:
    assert toxiproxy.ask("GET", "/proxies") == {}


@pytest.mark.parametrize(("in_ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_server_is_told_loudly_and_fails_in_ci(in_ci: str, outcome: str, tmp_path: Path) -> None:
    only = f"{Path(__file__).relative_to(ROOT)}::test_a_proxy_of_an_earlier_test_is_gone"
    nothing_installed = {"PATH": "", "RETROGRAPH_SERVERS_DIR": str(tmp_path), "CI": in_ci}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", only],
        cwd=ROOT,
        env={**os.environ, **nothing_installed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout
    assert "`go` is not installed" in done.stdout
    assert ("NOT TESTED: 1 tests need a server that cannot be had here" in done.stdout) == (in_ci == "")


@pytest.mark.server
def test_a_server_ends_with_the_process_that_started_it(postgres: PostgresServer) -> None:
    program = (
        "from tests.servers.postgres import PostgresServer\n"
        "server = PostgresServer().start()\n"
        "print(server._pid, server.folder, flush=True)\n"
        "input()\n"
    )
    asker = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asker.stdout is not None
    pid, folder = asker.stdout.readline().split()
    assert psutil.pid_exists(int(pid))
    os.kill(asker.pid, signal.SIGKILL)
    asker.communicate()
    assert eventually(lambda: not psutil.pid_exists(int(pid)))
    assert eventually(lambda: not Path(folder).exists())


def test_a_server_that_cannot_start_says_why() -> None:
    class Broken(ToxiproxyServer):
        def obtain(self) -> None:
            """Nothing to download."""

        def command(self) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('the disk is on fire')"]

    with pytest.raises(RuntimeError, match="the disk is on fire"), Broken():
        pass


def test_a_server_whose_program_is_missing_says_so() -> None:
    class Absent(ToxiproxyServer):
        def obtain(self) -> None:
            """Nothing to download."""

        def command(self) -> list[str]:
            return ["/no/such/program"]

    with pytest.raises(RuntimeError, match="/no/such/program"), Absent():
        pass


def test_a_download_happens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETROGRAPH_SERVERS_DIR", str(tmp_path))
    builds: list[Path] = []
    for _ in range(2):
        downloads.obtain("thing", builds.append)
    assert len(builds) == 1
    assert (tmp_path / "thing").is_dir()


def test_a_download_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETROGRAPH_SERVERS_DIR", str(tmp_path))

    def fail(target: Path) -> None:
        (target / "half").touch()
        downloads.run("Thing", [sys.executable, "-c", "raise SystemExit('no network')"])

    with pytest.raises(Unavailable, match=r"^Thing: .* no network"):
        downloads.obtain("thing", fail)
    ready = downloads.obtain("thing", lambda target: None)
    assert list(ready.iterdir()) == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"^Neo4j 9: it needs Java 99 or newer, and this machine has: "):
        find_java("Neo4j 9", 99)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match=r"^Toxiproxy: `go` is not installed$"):
        downloads.tool("Toxiproxy", "go")


def test_free_ports_differ() -> None:
    assert len({free_port() for _ in range(50)}) == 50
