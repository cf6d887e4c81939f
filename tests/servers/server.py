"""What every real server has in common: a free port of 127.0.0.1, a folder of its own, and the verbs of tests.

    obtain   download it, once per machine
    start    start it and wait until it answers; after a stop or a kill, on the same port and the same data
    stop     end it in an orderly way
    kill     end it as a crash would
    freeze   stop the clock for it (SIGSTOP); `thaw` lets it go on
    close    end it and forget its data

All verbs block: an asynchronous test that must go on meanwhile wraps `start` and `stop` in `asyncio.to_thread`.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, Self

import psutil

from tests.servers.guard import family

HOST = "127.0.0.1"
_given_ports: set[int] = set()


class Account(NamedTuple):
    """The user that a server runs as, where it refuses to run as root."""

    user: int
    group: int


class Server(ABC):
    """One real server on this machine; it ends with the process that started it."""

    start_timeout: ClassVar[float] = 120.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self._folder: Path | None = None
        self._guard: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    @abstractmethod
    def title(self) -> str:
        """What reports call it: its name and version."""

    @abstractmethod
    def obtain(self) -> None:
        """Downloads what the server is made of, unless it is there; raises `Unavailable` with the reason."""

    @abstractmethod
    def prepare(self) -> None:
        """Lays out the server's folder; called once, before the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""

    @abstractmethod
    def ping(self) -> bool:
        """Whether the server answers; returns within a few seconds."""

    def environment(self) -> dict[str, str]:
        """Variables that the server needs besides those of this process."""
        return {}

    def account(self) -> Account | None:
        """Another user to run as, if need be."""
        return None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError(f"{self.title} has not been started")
        return self._folder

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def start(self) -> Self:
        """Starts the server and returns when it answers."""
        if self.running:
            return self
        first = self._folder is None
        try:
            if first:
                self.obtain()
                self._folder = self._new_folder()
                self.prepare()
            self._launch()
            self._wait_until_it_answers()
        except BaseException:
            if first:
                self.close()
            raise
        return self

    def stop(self, timeout: float = 60.0) -> None:
        """Asks the server to end, and kills it if it has not within the timeout."""
        if self._guard is None:
            return
        self._signal(signal.SIGCONT)
        if self.running:
            os.kill(self._pid, self.stop_signal)
        try:
            self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the server and everything it started at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._guard is not None:
            self._guard.wait()

    def freeze(self) -> None:
        """The server goes on existing, connections stay open, and nothing moves, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends the server and removes its data."""
        self.kill()
        if self._guard is not None and self._guard.stdin is not None and self._guard.stdout is not None:
            self._guard.stdin.close()
            self._guard.stdout.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._guard = self._folder = None

    def log_files(self) -> list[Path]:
        """Where the server's words are: its output, and files of its own."""
        return [self._log]

    def logs(self, lines: int = 60) -> str:
        """The last lines that the server has printed, out of each of its logs."""
        if self._folder is None:
            return ""
        printed = [file.read_text(errors="replace") for file in self.log_files() if file.exists()]
        return "\n".join(line for text in printed for line in text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="retrograph-server-"))
        if account := self.account():
            os.chown(folder, account.user, account.group)
        return folder

    def _launch(self) -> None:
        account = self.account()
        guard = [sys.executable, str(Path(__file__).with_name("guard.py")), str(self.folder)]
        with self._log.open("a") as log:
            self._guard = subprocess.Popen(
                [*guard, f"{account.user}:{account.group}" if account else "-", *self.command()],
                env={**os.environ, **self.environment()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C in a terminal is for the tests, not for their servers
            )
        assert self._guard.stdout is not None
        first_line = self._guard.stdout.readline()
        if not first_line:
            raise RuntimeError(f"{self.title} could not be started:\n{self.logs()}")
        self._pid = int(first_line)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.start_timeout
        while self.running and time.monotonic() < deadline:
            if self.ping():
                return
            time.sleep(0.05)
        words = "did not answer in time" if self.running else "ended while it started"
        self.kill()
        raise RuntimeError(f"{self.title} {words}; its last words:\n{self.logs()}")

    def _signal(self, number: signal.Signals) -> None:
        """Signals the whole family, the eldest first, so that it cannot replace the younger ones meanwhile."""
        if not self.running:
            return
        for process in family(self._pid):
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue


def free_port() -> int:
    """A port that nobody listens on, below those of outgoing connections, so that it stays free over a restart."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def listens(port: int) -> bool:
    """Whether something accepts connections on a port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
