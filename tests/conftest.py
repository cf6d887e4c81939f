"""Gives tests real servers, and says loudly which tests did not run for want of one.

A server starts when the first test asks for it and ends with the session; tests keep apart by an empty graph or a
database of their own. Without a server its tests are skipped, and fail where `CI=true`: there nothing may be missing.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
from hypothesis import settings

from tests.servers.chromium import Chromium
from tests.servers.downloads import Unavailable
from tests.servers.elasticmq import ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.keycloak import KeycloakServer
from tests.servers.neo4j import LTS, PRESENT, Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.secured_kafka import SecuredKafkaServer
from tests.servers.server import Server
from tests.servers.toxiproxy import ToxiproxyServer
from tests.servers.versitygw import VersitygwServer

# How long an example takes says something of the machine and its load, nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

MISSING = "server missing: "
NEEDED_BY = {
    "chromium": ("chromium",),
    "elasticmq": ("elasticmq",),
    "kafka": ("kafka",),
    "keycloak": ("keycloak",),
    "neo4j": ("neo4j_lts", "neo4j_present"),
    "neo4j_lts": ("neo4j_lts",),
    "neo4j_present": ("neo4j_present",),
    "postgres": ("postgres",),
    "postgres_url": ("postgres",),
    "redis": ("redis",),
    "secured_kafka": ("secured_kafka",),
    "toxiproxy": ("toxiproxy",),
    "versitygw": ("versitygw",),
}
ServerT = TypeVar("ServerT", bound=Server)
_running: dict[str, Server] = {}


@pytest.fixture(scope="session")
def neo4j_lts() -> Iterator[Neo4jServer]:
    """The long-term release of Neo4j, as the last test left it: `wipe()` it, or use `neo4j`, which is empty."""
    yield from _serve("neo4j_lts", Neo4jServer(LTS))


@pytest.fixture(scope="session")
def neo4j_present() -> Iterator[Neo4jServer]:
    """The present release of Neo4j, as the last test left it: `wipe()` it, or use `neo4j`, which is empty."""
    yield from _serve("neo4j_present", Neo4jServer(PRESENT))


@pytest.fixture(params=["lts", "present"])
def neo4j(request: pytest.FixtureRequest) -> Neo4jServer:
    """Each supported release of Neo4j in turn, without a node in it: `uri`, `user`, `password`."""
    server: Neo4jServer = request.getfixturevalue(f"neo4j_{request.param}")
    server.start()
    server.wipe()
    return server


@pytest.fixture(scope="session")
def elasticmq() -> Iterator[ElasticMqServer]:
    """A queue service: `client_environment`, `queue_url(name)`; tests keep apart by queues of their own."""
    yield from _serve("elasticmq", ElasticMqServer())


@pytest.fixture(scope="session")
def keycloak() -> Iterator[KeycloakServer]:
    """An identity provider: `issuer`, `client_secret`, and people who sign in with `password`."""
    yield from _serve("keycloak", KeycloakServer())


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A Kafka broker at `brokers`; tests make topics of their own with `create_topics`."""
    yield from _serve("kafka", KafkaServer())


@pytest.fixture(scope="session")
def secured_kafka() -> Iterator[SecuredKafkaServer]:
    """Another cluster: who enters at `entrance` needs TLS, `user` and `password`."""
    yield from _serve("secured_kafka", SecuredKafkaServer())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server: `create_database()` returns the URL of a new, empty database."""
    yield from _serve("postgres", PostgresServer())


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database that is this test's own."""
    postgres.start()
    url = postgres.create_database()
    yield url
    postgres.start()
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def versitygw() -> Iterator[VersitygwServer]:
    """S3 with real signatures: `new_bucket()`, `credentials()` for the environment, `add_user()` who may do nothing."""
    yield from _serve("versitygw", VersitygwServer())


@pytest.fixture(scope="session")
def _redis() -> Iterator[RedisServer]:
    yield from _serve("redis", RedisServer())


@pytest.fixture
def redis(_redis: RedisServer) -> RedisServer:
    """An empty Redis server: `url`, `flush()`."""
    _redis.start()
    _redis.flush()
    return _redis


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a browser."""
    try:
        return Chromium().obtain()
    except Unavailable as reason:
        _missing(reason)


@pytest.fixture(scope="session")
def _toxiproxy() -> Iterator[ToxiproxyServer]:
    yield from _serve("toxiproxy", ToxiproxyServer())


@pytest.fixture
def toxiproxy(_toxiproxy: ToxiproxyServer) -> Iterator[ToxiproxyServer]:
    """`proxy(port)` puts a proxy in front of a server, which this test can cut, slow down and mend."""
    yield _toxiproxy
    _toxiproxy.forget_proxies()


def _serve(name: str, server: ServerT) -> Iterator[ServerT]:
    try:
        server.start()
    except Unavailable as reason:
        _missing(reason)
    _running[name] = server
    yield server
    server.close()


def _missing(reason: Unavailable) -> NoReturn:
    report = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    report(f"{MISSING}{reason}")
    raise reason


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks whatever needs a server, so that `-m "not server"` runs the rest."""
    for item in items:
        if NEEDED_BY.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Puts the last words of the servers that a failed test used into its report."""
    report = yield
    if report.failed:
        used = {server for name in getattr(item, "fixturenames", ()) for server in NEEDED_BY.get(name, ())}
        for name in sorted(used & _running.keys()):
            report.sections.append((f"{_running[name].title} printed", _running[name].logs()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists the tests that were skipped for want of a server, by what is missing."""
    unserved: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        if MISSING in reason:
            unserved.setdefault(reason.partition(MISSING)[2], []).append(report.nodeid)
    if unserved:
        _list(terminalreporter, unserved)


def _list(reporter: pytest.TerminalReporter, unserved: dict[str, list[str]]) -> None:
    count = sum(len(tests) for tests in unserved.values())
    reporter.section(
        f"NOT TESTED: {count} tests need a server that cannot be had here", sep="!", yellow=True, bold=True
    )
    for reason, tests in unserved.items():
        reporter.line(reason, yellow=True)
        for test in tests:
            reporter.line(f"    {test}")
