"""The one folder that keeps what servers are made of, so that each is downloaded once per machine.

`$RETROGRAPH_SERVERS_DIR` names it, else `~/.cache/retrograph/servers`. Whoever comes first downloads under a file lock,
the others wait; a download shows up whole, by a rename, or not at all.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Unavailable(Exception):
    """A server that cannot be had on this machine; the message names the server and what is missing."""


def folder() -> Path:
    """Where downloads are kept."""
    chosen = os.environ.get("RETROGRAPH_SERVERS_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "retrograph" / "servers"


def obtain(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` among the downloads, filled by `build` if it is not there yet."""
    ready = folder() / name
    if ready.exists():
        return ready
    folder().mkdir(parents=True, exist_ok=True)
    with _locked(folder() / f"{name}.lock"):
        if not ready.exists():
            partial = folder() / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)  # of a process that died while it held the lock
            partial.mkdir()
            build(partial)
            partial.rename(ready)
    return ready


def tool(title: str, name: str) -> str:
    """The path of a program that a download needs, by its name."""
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{title}: `{name}` is not installed")
    return found


def run(
    title: str,
    command: list[str],
    environment: dict[str, str] | None = None,
    timeout: float = 900,
    folder: Path | None = None,
) -> None:
    """Runs a step of a download; its last words become the reason if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{title}: `{Path(command[0]).name}` did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        words = " / ".join(line.strip() for line in done.stdout.splitlines()[-4:] if line.strip())
        raise Unavailable(f"{title}: `{Path(command[0]).name}` ended with {done.returncode}: {words}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
