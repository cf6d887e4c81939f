"""A sandbox beside what this process does: for the demo, and for a server that somebody tries out."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from retrograph.config import Settings, Url
from retrograph.config.settings import SERVICES
from retrograph.errors import DependencyDown, UsageError

START_SECONDS: Final = 30.0
SAMPLE_ENDS: Final = "2018-01-02"
"""The end of the window that holds the sample's purchases, as `as_of` has it."""


@asynccontextmanager
async def with_sandbox(settings: Settings, ids_file: Path) -> AsyncIterator[Settings]:
    """The same settings with the sandbox's services for history. Raises UsageError where others are configured."""
    if any(settings.endpoint(service) is not None for service in SERVICES):
        raise UsageError("--sandbox serves the history itself: unset RETROGRAPH_UPSTREAM and the services' own URLs")
    async with sandbox_process(ids_file) as url:
        yield settings.model_copy(update={"upstream": Url(url)})


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
