"""What the demo stands on: a folder of its own, and settings from nowhere else."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrograph.cli.output import say
from retrograph.config import Settings, Url
from retrograph.errors import UsageError

GRAPH_FILE = "retrograph.db"
IDS_FILE = "users.txt"
MARKER = ".retrograph-demo"

_FILES = (GRAPH_FILE, f"{GRAPH_FILE}-wal", f"{GRAPH_FILE}-shm", IDS_FILE)


@contextmanager
def prepared(directory: Path) -> Iterator[Path]:
    """Makes the folder, or clears the one of an earlier demo; yields the file for the ids.

    A marker tells the demo's folder from others: nothing that it did not make is ever deleted. Raises UsageError.
    """
    marker = directory / MARKER
    try:
        if directory.exists() and not marker.exists() and any(directory.iterdir()):
            raise UsageError(f"{directory} holds something else than a demo: choose another --directory")
        directory.mkdir(parents=True, exist_ok=True)
        if marker.exists():
            say(f"there is a demo in {directory} already: starting it afresh")
        marker.touch()
        for name in _FILES:
            (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{directory} cannot be used: {error.strerror}") from error
    yield directory / IDS_FILE


def settings_of(directory: Path, upstream: str) -> Settings:
    """The demo's settings; what is configured around it does not count, so that it touches nothing else."""
    return Settings(graph=Url(f"sqlite:///{directory / GRAPH_FILE}"), upstream=Url(upstream))


def program() -> str:
    """How this program is called from a shell, wherever it was installed."""
    if shutil.which("retrograph"):
        return "retrograph"
    own = Path(sys.argv[0]).absolute()
    return (
        shlex.quote(str(own)) if own.name == "retrograph" else f"{shlex.quote(sys.executable)} -m retrograph.cli.main"
    )
