"""How a running job looks: a live bar on a terminal, a log line now and then elsewhere."""

import sys
import time
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from retrograph.cli.output import say
from retrograph.jobs.progress import Lines, Progress, line

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Display:
    """Looks on while a job runs (`service.Watch`). Use it as a context manager; it writes to standard error only."""

    def __init__(self) -> None:
        self._bar: Bar | None = _bar() if sys.stderr.isatty() else None
        self._task = self._bar.add_task("starting", total=None, figures="") if self._bar else None
        self._lines = Lines()
        self._last: Progress | None = None
        self._told: str | None = None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        elif self._last is not None and (last := _last_line(self._last)) != self._told:
            say(last)

    def progressed(self, progress: Progress) -> None:
        """Shows how far the job is."""
        self._last = progress
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task,
                description=_activity(progress),
                completed=progress.counts.scanned,
                total=progress.total,
                figures=line(progress),
            )
            return
        due = self._lines.due(progress, time.monotonic())
        if due is not None:
            self._told = due
            say(due)

    def said(self, sentence: str) -> None:
        """Tells what the job waits for, why it paused, that it goes on."""
        say(sentence)


def _last_line(progress: Progress) -> str:
    """At the end a pace of nothing tells nothing: what was left took no time, or was the settling."""
    still = progress.rate is not None and round(progress.rate, 1) == 0
    return line(replace(progress, rate=None) if still else progress)


def _activity(progress: Progress) -> str:
    if progress.phase == "discovery":
        return "looking"
    if progress.finishing:
        return "settling"
    return "retrying" if progress.retrying else "loading"


def _bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}"),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
