"""Neo4j Community: the long-term release on Java 17, and the present one on Java 21 or newer, as published to Maven.

Only `org.neo4j:neo4j` carries the whole server. TLS is offered beside plain Bolt on the same port, with a certificate
that an authority made for this server has signed.
"""

import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple

import trustme
from neo4j import Driver, GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from tests.servers import downloads
from tests.servers.java import copy_artifacts, find_java
from tests.servers.server import HOST, Server, listens

OPENED_PACKAGES = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang")
QUICK_TO_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Halves the work of a start; a benchmark does without, since long work is then slower."""
CONFIGURATION = """\
server.default_listen_address={host}
server.bolt.listen_address={host}:{bolt}
server.bolt.advertised_address={host}:{bolt}
server.http.enabled=false
internal.server.bolt.thread_pool_shutdown_wait_time=1s
server.memory.pagecache.size=256m
dbms.usage_report.enabled=false
dbms.security.auth_max_failed_attempts=0
server.bolt.tls_level=OPTIONAL
dbms.ssl.policy.bolt.enabled=true
dbms.ssl.policy.bolt.base_directory=certificates
dbms.ssl.policy.bolt.client_auth=NONE
"""


class Release(NamedTuple):
    """A release of Neo4j and what it takes to run it."""

    version: str
    main_class: str
    oldest_java: int
    newest_java: int | None


LTS = Release("5.26.30", "org.neo4j.server.CommunityEntryPoint", 17, 21)
PRESENT = Release("2026.08.1", "org.neo4j.server.Neo4jCommunity", 21, None)


class Neo4jServer(Server):
    """One Neo4j with one database, reached with `uri`, `user` and `password`."""

    user = "neo4j"

    def __init__(self, release: Release, heap: str = "512m", tuning: tuple[str, ...] = QUICK_TO_START) -> None:
        super().__init__()
        self.release = release
        self.password = secrets.token_hex(12)  # never begins with a dash, as an option would
        self._heap = heap
        self._tuning = tuning

    @property
    def title(self) -> str:
        return f"Neo4j {self.release.version}"

    @property
    def uri(self) -> str:
        return f"bolt://{HOST}:{self.port}"

    @property
    def routing_uri(self) -> str:
        return f"neo4j://{HOST}:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the server's: `bolt+s://` works for those who trust it."""
        return self.folder / "certificates" / "authority.pem"

    def obtain(self) -> None:
        self._java()
        self._jars()

    def prepare(self) -> None:
        for name in ("conf", "data", "logs", "run", "plugins", "import", "licenses"):
            (self.folder / name).mkdir()
        (self.folder / "lib").symlink_to(self._jars())
        text = CONFIGURATION.format(host=HOST, bolt=self.port)
        (self.folder / "conf" / "neo4j.conf").write_text(text)
        self._make_certificate()
        admin = ["org.neo4j.cli.AdminTool", "dbms", "set-initial-password", self.password]
        subprocess.run(
            [self._java(), "-XX:TieredStopAtLevel=1", "-cp", f"{self._jars()}/*", *admin],
            env=self.environment(),
            capture_output=True,
            check=True,
            timeout=120,
        )

    def environment(self) -> dict[str, str]:
        return {"NEO4J_HOME": str(self.folder), "NEO4J_CONF": str(self.folder / "conf")}

    def command(self) -> list[str]:
        memory = [f"-Xms{self._heap}", f"-Xmx{self._heap}", *self._tuning]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES]
        homes = [f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}"]
        return [self._java(), *memory, *opened, "-cp", f"{self._jars()}/*", self.release.main_class, *homes]

    def ping(self) -> bool:
        if not listens(self.port):
            return False
        try:
            with self.driver() as driver, driver.session() as session:
                session.run("RETURN 1").consume()
        except (DriverError, Neo4jError, OSError):
            return False
        return True

    def log_files(self) -> list[Path]:
        return [*super().log_files(), self.folder / "logs" / "neo4j.log"]

    def driver(self) -> Driver:
        """A driver to look at the graph with, as its owner would; the caller closes it."""
        return GraphDatabase.driver(
            self.uri,
            auth=(self.user, self.password),
            connection_timeout=2,
            connection_acquisition_timeout=3,
            max_transaction_retry_time=2,
        )

    def wipe(self, schema: bool = False) -> None:
        """Removes every node and relationship; with `schema` also every constraint and index."""
        with self.driver() as driver:
            with driver.session() as session:  # a whole sample in one transaction needs more memory than there is
                session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS").consume()
            if schema:
                _drop_schema(driver)

    def _make_certificate(self) -> None:
        self.authority.parent.mkdir()
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST, "localhost", key_type=trustme.KeyType.RSA)
        authority.cert_pem.write_to_path(str(self.authority))
        certificate.private_key_pem.write_to_path(str(self.authority.with_name("private.key")))
        for link in certificate.cert_chain_pems:
            link.write_to_path(str(self.authority.with_name("public.crt")), append=True)

    def _java(self) -> str:
        return find_java(self.title, self.release.oldest_java, self.release.newest_java)

    def _jars(self) -> Path:
        artifact = f"org.neo4j:neo4j:{self.release.version}"
        name = f"neo4j-{self.release.version}"
        return downloads.obtain(name, lambda target: copy_artifacts(self.title, [artifact], target))


def _drop_schema(driver: Driver) -> None:
    for record in driver.execute_query("SHOW CONSTRAINTS YIELD name").records:
        driver.execute_query(f"DROP CONSTRAINT `{record['name']}` IF EXISTS")
    for record in driver.execute_query("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").records:
        driver.execute_query(f"DROP INDEX `{record['name']}` IF EXISTS")
