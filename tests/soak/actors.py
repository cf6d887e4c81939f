"""Processes of the installation, each started again whenever it ends, as a supervisor does."""

import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from tests.integration.command_line import COMMAND, CommandLine
from tests.integration.story import until

PATIENCE_SECONDS = 120.0
REST_SECONDS = 1.0
MAY_END_WITH = frozenset({3})
"""A process that begins while something is down says so with this code; whoever watches it starts it again."""


class Actor:
    """One process after another of the same command."""

    def __init__(self, name: str, cli: CommandLine, logs: Path, *command: str, ready: str) -> None:
        self.name = name
        self.starts = 0
        self.kills = 0
        self.surprises: list[str] = []
        """Ends that nobody brought about."""
        self._command = [*COMMAND, *command]
        self._cli = cli
        self._log = logs / f"{name}.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._retiring = threading.Event()
        self._lock = threading.Lock()
        self._from = 0
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> "Actor":
        """Begins; see `until_ready`."""
        self._thread.start()
        return self

    @property
    def told(self) -> str:
        """Everything that its processes have said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def ready(self) -> bool:
        """Whether the present process works."""
        return self._ready in self._own_words()

    def until_ready(self) -> "Actor":
        """Waits until the present process works."""
        until(lambda: self.ready, f"{self.name} works", PATIENCE_SECONDS)
        return self

    def until_said(self, words: str) -> None:
        """Waits until the present process has said this."""
        until(lambda: words in self._own_words(), f"{self.name} says {words!r}", PATIENCE_SECONDS)

    def kill(self) -> None:
        """`kill -9`; another process follows."""
        with self._lock:
            before = self.starts
            self.kills += 1
            self._signal(signal.SIGKILL)
        until(lambda: self.starts > before, f"{self.name} is started again", PATIENCE_SECONDS)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def retire(self) -> None:
        """SIGTERM, and nobody follows."""
        self._retiring.set()
        self.thaw()
        self._signal(signal.SIGTERM)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"{self.name} does not end:\n{self.told[-2000:]}"

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._retiring.set()
        self.kills += 1
        self._signal(signal.SIGKILL)
        self._thread.join(PATIENCE_SECONDS)

    def _own_words(self) -> str:
        return self._log.read_bytes()[self._from :].decode(errors="replace") if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _keep(self) -> None:
        while not self._retiring.is_set():
            killed = self.kills
            code = self._once()
            if self.kills > killed:
                continue
            if code not in self._allowed():
                self.surprises.append(f"{self.name} ended with {code}: {self.told[-2000:]}")
            self._retiring.wait(REST_SECONDS)

    def _allowed(self) -> frozenset[int]:
        """The exit codes that are no surprise. One that has hardly begun does not listen to SIGTERM yet."""
        if not self._retiring.is_set():
            return MAY_END_WITH
        return MAY_END_WITH | ({0} if self.ready else {0, -signal.SIGTERM})

    def _once(self) -> int:
        with self._log.open("ab") as log:
            with self._lock:
                self._from = log.tell()
                self._process = subprocess.Popen(
                    self._command,
                    cwd=self._cli.directory,
                    env=self._cli.environment(),
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                )
                self.starts += 1
            return self._process.wait()
