"""A Neo4j of its own for one size, and the settings by which commands reach it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.neo4j import PRESENT, Neo4jServer

HEAP = "1g"


@contextmanager
def neo4j() -> Iterator[dict[str, str]]:
    """An empty graph in Neo4j, with the JVM's own settings."""
    server = Neo4jServer(PRESENT, heap=HEAP, tuning=())
    try:
        server.start()
        yield {"graph": server.uri, "neo4j_user": server.user, "neo4j_password": server.password}
    finally:
        server.close()
