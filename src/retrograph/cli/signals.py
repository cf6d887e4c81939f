"""Ctrl-C and SIGTERM, as requests: the first of each asks the work to end in good order, the next one ends at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from retrograph.cli.exit_codes import ExitCode
from retrograph.cli.output import warn


class Signals:
    """What the terminal or the operating system has asked for while a job ran."""

    def __init__(self, stop: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
        self._stop = stop
        self._pause = pause
        self._requests: set[asyncio.Future[None]] = set()
        self.interrupted = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handles both signals within the block; must be entered inside the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._on_interrupt)
        loop.add_signal_handler(signal.SIGTERM, self._on_terminate)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)

    def _on_interrupt(self) -> None:
        if self.interrupted:
            _end_now()
        self.interrupted = True
        warn("stopping after the items under way; press Ctrl-C again to end at once")
        self._request(self._stop())

    def _on_terminate(self) -> None:
        warn("told to end: pausing after the items under way")
        self._request(self._pause())

    def _request(self, work: Awaitable[None]) -> None:
        request = asyncio.ensure_future(work)
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)


def _end_now() -> None:
    """Ends the process where it stands: every write is a transaction, so nothing is left half done."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")  # a live display has hidden the cursor
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(ExitCode.INTERRUPTED)
