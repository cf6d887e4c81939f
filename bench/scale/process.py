"""Runs a command in a process of its own and says what it cost: seconds, processor time, the peak of its memory."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took. `peak_mb` is the most memory it ever had resident."""

    seconds: float
    cpu: float
    peak_mb: float
    out: str


def command(folder: Path, settings: Mapping[str, str], *arguments: str) -> Cost:
    """Runs `retrograph` in a folder, with these settings and no others."""
    return spent(folder, settings, ["-m", "retrograph.cli.main", *arguments])


def spent(folder: Path, settings: Mapping[str, str], arguments: Sequence[str]) -> Cost:
    """Runs Python there. Raises AssertionError with what it said where it does not end well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETROGRAPH_")}
    environment = kept | {f"RETROGRAPH_{name.upper()}": value for name, value in settings.items()}
    environment["PYTHONPATH"] = str(ROOT)
    out, told = folder / "out.txt", folder / "told.txt"
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 1, str(out), written, 0o644), (os.POSIX_SPAWN_OPEN, 2, str(told), written, 0o644)]
    began = time.perf_counter()
    # Its own directory is the caller's: every file is named whole.
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    if (code := os.waitstatus_to_exitcode(status)) != 0:
        raise AssertionError(f"{' '.join(arguments)} ended with {code}:\n{told.read_text()[-2000:]}")
    return Cost(
        seconds=time.perf_counter() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        out=out.read_text(),
    )
