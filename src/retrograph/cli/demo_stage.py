"""What the demo stands on: a folder of its own, a sandbox in a process of its own, settings from nowhere else."""

import asyncio
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from retrograph.cli.output import say
from retrograph.config import Settings, Url
from retrograph.errors import DependencyDown, UsageError

GRAPH_FILE = "retrograph.db"
IDS_FILE = "users.txt"
MARKER = ".retrograph-demo"
START_SECONDS = 30.0

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


@asynccontextmanager
async def sandbox_process(ids_file: Path) -> AsyncIterator[str]:
    """A sandbox in a process of its own, so that it has a core of its own; yields its base URL.

    It ends when its standard input does, so that it cannot outlive this process. Its session is another one: a
    Ctrl-C at the terminal is for the load, which stops in good order while the services still answer.
    """
    arguments = ["-m", "retrograph.cli.main", "sandbox", "--until-input-ends", "--write-ids", str(ids_file)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield await _base_url(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _base_url(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise RuntimeError("the sandbox has no standard output")
    try:
        async with asyncio.timeout(START_SECONDS):
            line = (await process.stdout.readline()).decode()
    except TimeoutError:
        raise DependencyDown("sandbox", f"the sandbox did not start within {START_SECONDS:.0f} s") from None
    name, _, url = line.strip().partition("=")
    if name != "RETROGRAPH_UPSTREAM":
        raise DependencyDown("sandbox", "the sandbox did not start: see why with `retrograph sandbox`")
    return url


def program() -> str:
    """How this program is called from a shell, wherever it was installed."""
    if shutil.which("retrograph"):
        return "retrograph"
    own = Path(sys.argv[0]).absolute()
    return (
        shlex.quote(str(own)) if own.name == "retrograph" else f"{shlex.quote(sys.executable)} -m retrograph.cli.main"
    )
