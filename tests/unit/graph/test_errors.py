"""Every error of a vendor has a counterpart of ours."""

import sqlite3
from pathlib import Path

import neo4j.exceptions
import pytest
from neo4j.exceptions import DriverError, Neo4jError

from retrograph.clock import SystemClock
from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.graph.neo4j.connection import translate
from retrograph.graph.retry import TRIES, repeated
from retrograph.graph.sqlite import connection as sqlite
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.store import GraphDataError, TransientGraphError

URL = "bolt://graph"


def server_error(code: str) -> Neo4jError:
    error: Neo4jError = Neo4jError._hydrate_neo4j(code=code, message="because")
    return error


@pytest.mark.parametrize(
    "kind",
    [
        value
        for value in vars(neo4j.exceptions).values()
        if isinstance(value, type) and issubclass(value, Neo4jError | DriverError)
    ],
)
def test_every_class_of_the_driver_is_translated(kind: type[Exception]) -> None:
    assert isinstance(translate(kind("because"), URL), RetrographError)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("Neo.TransientError.Transaction.DeadlockDetected", TransientGraphError),
        ("Neo.ClientError.Cluster.NotALeader", TransientGraphError),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", TransientGraphError),
        ("Neo.ClientError.Transaction.TransactionTimedOut", TransientGraphError),
        ("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", TransientGraphError),
        ("Neo.ClientError.Transaction.LockClientStopped", TransientGraphError),
        ("Neo.TransientError.Transaction.LockClientStopped", TransientGraphError),
        ("Neo.TransientError.Transaction.Terminated", TransientGraphError),
        ("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", TransientGraphError),
        ("Neo.ClientError.Security.Unauthorized", ConfigurationError),
        ("Neo.ClientError.Security.Forbidden", ConfigurationError),
        ("Neo.ClientError.Security.AuthenticationRateLimit", ConfigurationError),
        ("Neo.ClientError.Database.DatabaseNotFound", ConfigurationError),
        ("Neo.ClientError.Statement.TypeError", GraphDataError),
    ],
)
def test_what_an_error_of_the_server_means(code: str, ours: type[Exception]) -> None:
    assert type(translate(server_error(code), URL)) is ours


def test_a_cut_connection_is_an_outage() -> None:
    for error in (neo4j.exceptions.ServiceUnavailable("cut"), neo4j.exceptions.SessionExpired("cut"), OSError("cut")):
        translated = translate(error, URL)
        assert isinstance(translated, TransientGraphError)
        assert translated.outage


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("SQLITE_BUSY", TransientGraphError),
        ("SQLITE_LOCKED_SHAREDCACHE", TransientGraphError),
        ("SQLITE_READONLY_DIRECTORY", ConfigurationError),
        ("SQLITE_CANTOPEN", ConfigurationError),
        ("SQLITE_NOTADB", ConfigurationError),
        ("SQLITE_FULL", DependencyDown),
        ("SQLITE_IOERR_WRITE", DependencyDown),
        ("SQLITE_CORRUPT", ConfigurationError),
        ("SQLITE_CONSTRAINT_PRIMARYKEY", GraphDataError),
    ],
)
def test_what_an_error_of_sqlite_means(name: str, ours: type[Exception]) -> None:
    error = sqlite3.OperationalError("because")
    error.sqlite_errorname = name
    assert type(sqlite.translate(error, Path("graph.db"))) is ours


class Hurried(SystemClock):
    """A clock whose waits take no time."""

    async def sleep(self, seconds: float) -> None:
        return


async def failing(graph: SqliteGraph, errors: list[Exception]) -> int:
    tries = 0

    async def attempt() -> int:
        nonlocal tries
        tries += 1
        if errors:
            raise errors.pop()
        return tries

    return await repeated(graph, Hurried(), attempt)


async def test_a_transaction_is_repeated_until_it_commits(tmp_path: Path) -> None:
    graph = SqliteGraph(tmp_path / "graph.db")
    await graph.open()
    assert await failing(graph, [TransientGraphError("deadlock")] * 3) == 4
    with pytest.raises(GraphDataError):
        await failing(graph, [TransientGraphError("deadlock")] * TRIES)
    with pytest.raises(DependencyDown):
        await failing(graph, [TransientGraphError("locked", outage=True)] * TRIES)
    with pytest.raises(GraphDataError, match="value"):
        await failing(graph, [GraphDataError("a value")])
    await graph.close()


async def test_a_graph_that_comes_and_goes_is_not_charged_to_a_users_data(tmp_path: Path) -> None:
    graph = SqliteGraph(tmp_path / "graph.db")
    await graph.open()
    outage: Exception = TransientGraphError("cut", outage=True)
    deadlock: Exception = TransientGraphError("deadlock")
    assert await failing(graph, [deadlock] + [outage] * (TRIES - 1)) == TRIES + 1
    with pytest.raises(DependencyDown):
        await failing(graph, [outage] * (TRIES - 1) + [deadlock] * (TRIES - 1) + [outage])
    await graph.close()


async def test_a_graph_that_was_closed_can_be_closed_again_and_opened_later(tmp_path: Path) -> None:
    graph = SqliteGraph(tmp_path / "graph.db")
    for _ in range(2):
        await graph.open()
        await graph.ping()
        await graph.close()
        await graph.close()


def test_a_graph_that_is_not_open_yet_is_down(tmp_path: Path) -> None:
    with pytest.raises(DependencyDown, match="not open yet"):
        _ = SqliteGraph(tmp_path / "graph.db").identity
