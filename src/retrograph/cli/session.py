"""What every command begins with: the settings, the logging, and an event loop that ends cleanly."""

import gc
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

# asyncio takes a tenth of a second to import, which `--help` need not pay.
from retrograph.cli.output import messages_as_json

if TYPE_CHECKING:
    from retrograph.config import Settings

T = TypeVar("T")


def configured(*, serves: bool = False) -> "Settings":
    """Reads the settings and sets logging up. Raises ConfigurationError with every mistake.

    What `serves` for long writes JSON where nobody looks on, unless the setting says otherwise.
    """
    from retrograph.config import load_settings
    from retrograph.telemetry.logging import configure_logging

    settings = load_settings()
    unattended = serves and "format" not in settings.log.model_fields_set and not sys.stderr.isatty()
    format = "json" if unattended else settings.log.format
    messages_as_json(format == "json")
    configure_logging(level=settings.log.level, format=format, environment=settings.environment)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's work to its end."""
    import asyncio

    spare_the_interpreter()
    return asyncio.run(work)


def spare_the_interpreter() -> None:
    """Settings of a process that does this work and no other; embedding code keeps its own.

    A load makes hundreds of thousands of small tuples a second, nearly none of them in cycles: looking through them
    after each seven hundred, and through all that was imported now and then, takes a fifth of its time. And a thread
    that waits for SQLite hands the interpreter over at each step: it shall have it back soon.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    sys.setswitchinterval(0.001)


def run_until_interrupted(work: Coroutine[Any, Any, None], *, until_input_ends: bool = False) -> None:
    """Runs what serves until Ctrl-C or SIGTERM: that is how it ends, not a failure."""
    import asyncio

    asyncio.run(_serving(work, until_input_ends))


async def _serving(work: Coroutine[Any, Any, None], until_input_ends: bool) -> None:
    import asyncio

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    if until_input_ends:
        loop.add_reader(sys.stdin, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
