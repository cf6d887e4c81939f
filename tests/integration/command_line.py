"""The real command, in a process of its own, in an empty directory, without the environment's settings."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "retrograph.cli.main"]
PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands in a directory, with these settings and no others."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self._settings = settings

    def environment(self) -> Mapping[str, str]:
        ignored = ("RETROGRAPH_", "PYTHONDONTWRITEBYTECODE")  # imports are slow without compiled files
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ignored)}
        own = {f"RETROGRAPH_{name.upper()}": value for name, value in self._settings.items()}
        return {**kept, **own, "COLUMNS": "200"}

    def with_settings(self, **settings: str) -> "CommandLine":
        return CommandLine(self.directory, **{**self._settings, **settings})

    def run(self, *arguments: str, patience: float = PATIENCE_SECONDS) -> Ended:
        """Runs one command to its end."""
        ended = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=patience,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """A command that goes on until the block ends."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def left(self) -> list[str]:
        """What lies in the directory now."""
        return sorted(path.name for path in self.directory.iterdir())


@contextmanager
def sandbox(directory: Path, *options: str) -> Iterator[str]:
    """A sandbox that runs; yields its base URL."""
    with CommandLine(directory).running("sandbox", *options) as process:
        assert process.stdout is not None
        name, _, url = process.stdout.readline().strip().partition("=")
        assert name == "RETROGRAPH_UPSTREAM", process.stderr and process.stderr.read()
        yield url
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
