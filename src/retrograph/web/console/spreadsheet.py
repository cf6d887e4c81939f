"""Failures as CSV. A cell that a spreadsheet would take for a formula is marked as text: ids come from outside."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Final

from retrograph.clock import iso
from retrograph.jobs.job import Failure

COLUMNS: Final = ("user", "error", "message", "attempts", "first_at", "last_at", "resolved_at")
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_ROWS_PER_PART: Final = 200


def harmless(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would calculate it."""
    return f"'{text}" if text.lstrip(" \xa0").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def row(failure: Failure) -> tuple[str, ...]:
    """A failure as cells."""
    resolved = "" if failure.resolved_at is None else iso(failure.resolved_at)
    words = (harmless(failure.item), harmless(failure.error_class), harmless(failure.message))
    return (*words, str(failure.attempts), iso(failure.first_at), iso(failure.last_at), resolved)


async def lines(failures: AsyncIterator[Failure]) -> AsyncIterator[bytes]:
    """The whole file in parts, as the failures come: however many there are, few of them are in memory."""
    waiting: list[Sequence[str]] = [COLUMNS]
    async for failure in failures:
        waiting.append(row(failure))
        if len(waiting) >= _ROWS_PER_PART:
            yield _written(waiting)
            waiting = []
    if waiting:
        yield _written(waiting)


def _written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
