"""One server for all tests that only ask."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.integration.server_process import ServerProcess, in_directory, served


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in a directory of its own, whose history services answer nobody."""
    directory = tmp_path_factory.mktemp("server")
    with served(in_directory(directory, upstream="http://127.0.0.1:1")) as running:
        yield running


@pytest.fixture(scope="session")
def token(server: ServerProcess) -> str:
    """What somebody who may enter shows."""
    return server.token()


@pytest.fixture
def client(server: ServerProcess, token: str) -> Iterator[httpx2.Client]:
    """Somebody who may enter."""
    with server.client(token) as client:
        yield client
