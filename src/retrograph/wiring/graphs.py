"""From a URL to a graph."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from retrograph.clock import Clock, SystemClock
from retrograph.config import Neo4jSettings, Settings, Url
from retrograph.config.values import GraphUrl
from retrograph.errors import MissingExtra, UsageError
from retrograph.graph.store import GraphStore

if TYPE_CHECKING:
    from retrograph.graph.neo4j.connection import Credentials


def graph_url(text: str, option: str) -> Url:
    """The URL of a graph that an option names, checked like the setting. Raises UsageError."""
    try:
        return TypeAdapter[Url](GraphUrl).validate_python(text)
    except ValidationError as error:
        (problem, *_) = error.errors(include_input=False)
        raise UsageError(f"{option} {problem['msg'].removeprefix('Value error, ')}") from None


@asynccontextmanager
async def open_graph(
    settings: Settings, url: Url | None = None, *, create: bool = True, migrate: bool = False
) -> AsyncIterator[GraphStore]:
    """The graph at `url`, or the configured one, opened; closed where the block ends."""
    graph = build_graph(settings, url or settings.graph, SystemClock())
    try:
        await graph.open(create=create, migrate=migrate)
        yield graph
    finally:
        await graph.close()


def build_graph(settings: Settings, url: Url, clock: Clock) -> GraphStore:
    """The graph at a URL, not yet opened. Raises MissingExtra."""
    if url.scheme == "sqlite":
        from retrograph.graph.sqlite.store import SqliteGraph

        return SqliteGraph(url.path, durable=not same_file(url, settings.store), clock=clock)
    try:
        from retrograph.graph.neo4j.store import Neo4jGraph
    except ModuleNotFoundError as error:
        raise MissingExtra(url.scheme, "neo4j") from error
    address, credentials = _entry(url, settings.neo4j)
    return Neo4jGraph(
        address,
        credentials,
        database=settings.neo4j.database,
        lanes=settings.neo4j.write_transactions,
        clock=clock,
    )


def same_file(one: Url, other: Url) -> bool:
    """Whether both are the same SQLite file."""
    return one.scheme == other.scheme == "sqlite" and one.path.resolve() == other.path.resolve()


def _entry(url: Url, neo4j: Neo4jSettings) -> "tuple[str, Credentials]":
    """The address without secrets, and how to enter: a user in the URL wins over the settings."""
    from retrograph.graph.neo4j.connection import Credentials

    parts = urlsplit(url.get_secret_value())
    if parts.username is not None:
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return address, Credentials(user=unquote(parts.username), password=unquote(parts.password or ""))
    address = url.get_secret_value()
    if neo4j.token is not None or neo4j.token_file is not None:
        token = neo4j.token.get_secret_value() if neo4j.token else None
        return address, Credentials(token=token, token_file=neo4j.token_file)
    if neo4j.password is None and neo4j.password_file is None:
        return address, Credentials()
    password = neo4j.password.get_secret_value() if neo4j.password else None
    return address, Credentials(user=neo4j.user, password=password, password_file=neo4j.password_file)
