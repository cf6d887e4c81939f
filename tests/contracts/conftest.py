"""One contract suite a port, run on every backend."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.graph.store import GraphStore
from tests.contracts.graphs import embedded, served


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("neo4j_lts", marks=pytest.mark.server),
        pytest.param("neo4j_present", marks=pytest.mark.server),
    ]
)
async def graph(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GraphStore]:
    """Each kind of graph in turn, open and empty."""
    if request.param == "sqlite":
        async with embedded(tmp_path / "graph.db") as opened:
            yield opened
        return
    server = request.getfixturevalue(request.param)
    server.start()
    server.wipe()
    async with served(server) as opened:
        yield opened


@pytest.fixture
async def reference(tmp_path: Path) -> AsyncIterator[GraphStore]:
    """An embedded graph to compare with."""
    async with embedded(tmp_path / "reference.db") as opened:
        yield opened
