"""Users come to one graph whether a backfill brings them, in another order, or one by one beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bench.identities import Stage, compare
from retrograph.config import Neo4jSettings, Url
from tests.servers.neo4j import Neo4jServer

USERS = 400


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("neo4j", marks=pytest.mark.server)])
async def test_every_way_ends_with_one_digest_and_the_true_clusters(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph: dict[str, Any] = {}
    empty: Callable[[], None] = _nothing
    if backend == "neo4j":
        server: Neo4jServer = request.getfixturevalue("neo4j_lts")
        server.start()
        empty = server.wipe
        neo4j = Neo4jSettings(user=server.user, password=SecretStr(server.password))
        graph = {"graph": Url(server.uri), "neo4j": neo4j}

    assert await compare(Stage(tmp_path, USERS, 3, graph), empty)

    told = capsys.readouterr().out
    assert told.count("the true ones") == 3
    assert "one digest" in told


def _nothing() -> None:
    """The files of an embedded graph are removed."""
