"""The real server, in a process of its own: started, asked, killed, and started again on the same port."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.integration.command_line import COMMAND, PATIENCE_SECONDS, CommandLine
from tests.servers.server import free_port

ADMIN = "ann@example.com"
T = TypeVar("T")


class ServerProcess:
    """`retrograph serve` in the directory and with the settings of a command line."""

    def __init__(self, cli: CommandLine, name: str = "server") -> None:
        self.cli = cli
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = cli.directory / f"{name}.log"
        self._process: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def start(self, *options: str) -> "ServerProcess":
        """Returns as soon as it answers."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", "--port", str(self.port), *options],
                cwd=self.cli.directory,
                env=self.cli.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        wait_for(self._answers, "the server to answer", self.told)
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server has ended: {self.told()}"
        try:
            return httpx2.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def told(self) -> str:
        """What it has written for people."""
        return self.log.read_text() if self.log.exists() else ""

    def one_time_link(self) -> str:
        """The link that it printed for whoever started it."""
        assert self._process is not None and self._process.stdout is not None
        while line := self._process.stdout.readline():
            self.said.append(line)
            if "/sign-in/link" in line:
                return line[line.index("http") :].strip()
        raise AssertionError(f"it printed no link: {self.said} {self.told()}")

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(PATIENCE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def token(self, name: str = "tests", email: str = ADMIN) -> str:
        """A new API token."""
        made = self.cli.run("tokens", "create", "--email", email, "--name", name, "--json")
        assert made.code == 0, made.err
        return str(made.json["token"])

    @contextlib.contextmanager
    def client(self, token: str | None) -> Iterator[httpx2.Client]:
        """A program that speaks to it; without a token it is nobody."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=60) as client:
            yield client


@contextlib.contextmanager
def served(cli: CommandLine, name: str = "server") -> Iterator[ServerProcess]:
    """A server that runs until the block ends."""
    server = ServerProcess(cli, name)
    try:
        yield server.start()
    finally:
        server.close()


def in_directory(directory: Path, **settings: str) -> CommandLine:
    """A command line with an admin on the list."""
    return CommandLine(directory, **{"admins": ADMIN, **settings})


def wait_for(look: Callable[[], T], what: str, told: Callable[[], object] = lambda: "", seconds: float = 120) -> T:
    """Looks again and again until there is something to see."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}: {told()}"
        time.sleep(0.05)
    return seen


def job_of(client: httpx2.Client, key: str) -> Any:
    """The job as the API shows it."""
    answer = client.get(f"/api/v1/jobs/{key}")
    assert answer.status_code == 200, answer.text
    return answer.json()
