"""A sandbox that all stories share, places to tell them in, and what comes of a load that nothing disturbs."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import CommandLine, sandbox
from tests.integration.story import History, NewPlace, Place, in_neo4j
from tests.servers.versitygw import VersitygwServer

SOME = 150
MANY_ORDERS = "hh-0209"
"""A user with so many orders that they are fetched several at a time."""


@pytest.fixture(scope="session")
def _history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    directory = tmp_path_factory.mktemp("history")
    with sandbox(directory, "--write-ids", "ids.txt") as url:
        ids = tuple((directory / "ids.txt").read_text().split())
        others = sorted({*ids} - {MANY_ORDERS})
        yield History(url=url, ids=ids, some=(*random.Random(1).sample(others, SOME - 1), MANY_ORDERS))


@pytest.fixture
def history(_history: History) -> Iterator[History]:
    """The sandbox; what a story does to its services is undone."""
    yield _history
    _history.misbehave()


@pytest.fixture
def place(tmp_path: Path, history: History) -> Place:
    """An empty directory, where everything is in one SQLite file."""
    return Place(tmp_path, history)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, _history: History) -> Any:
    """The digest of a graph into which some users were loaded once, in order, while nothing happened."""
    place = Place(tmp_path_factory.mktemp("undisturbed"), _history)
    assert place.load(sorted(_history.some))["processed"] == SOME
    return place.digest()


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=pytest.mark.server)])
def new_place(request: pytest.FixtureRequest, tmp_path: Path, history: History) -> NewPlace:
    """Makes places with an empty graph, on each backend. A Neo4j server holds one graph: the former one is gone."""

    def made(name: str, told_by: History = history) -> Place:
        directory = tmp_path / name
        directory.mkdir()
        if request.param == "sqlite":
            return Place(directory, told_by)
        server = request.getfixturevalue("neo4j_lts")
        server.start()
        server.wipe()
        return Place(directory, told_by, **in_neo4j(server))

    return made


@pytest.fixture
def entered(versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch) -> VersitygwServer:
    """The gateway, with the keys to it in the environment."""
    for name, value in versitygw.credentials().items():
        monkeypatch.setenv(name, value)
    return versitygw


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command in an empty directory; what it leaves behind when it is killed is soon taken over."""
    return CommandLine(tmp_path, jobs_lease_seconds="3")
