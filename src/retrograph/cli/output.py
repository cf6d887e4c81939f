"""Two streams: data on standard output, messages for people on standard error.

Where the log is JSON, messages are lines of it as well, so that whatever collects them parses one format.
"""

import json
import sys
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from textwrap import indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_messages_as_json = False


def messages_as_json(chosen: bool) -> None:
    """Chooses the format of messages for this process, as logging is configured for it."""
    global _messages_as_json
    _messages_as_json = chosen


def say(message: str) -> None:
    """Tells people something; never data."""
    _message("info", message)


def warn(message: str) -> None:
    """Tells people something that they may not have expected."""
    _message("warning", message)


def complain(message: str) -> None:
    """Tells people why the command ends."""
    _message("error", message)


def _message(level: str, message: str) -> None:
    if not _messages_as_json:
        sys.stderr.write(("error: " if level == "error" else "") + message + "\n")
        return
    import structlog

    getattr(structlog.get_logger(), level)(message)


def print_json(document: object) -> None:
    """The one JSON document of a command that was asked for `--json`."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


async def print_json_list(documents: AsyncIterable[object]) -> None:
    """One JSON list, written as it comes: it may be longer than memory is large."""
    opened = False
    async for document in documents:
        text = json.dumps(document, ensure_ascii=False, indent=2)
        sys.stdout.write((",\n" if opened else "[\n") + indent(text, "  "))
        opened = True
    sys.stdout.write("\n]\n" if opened else "[]\n")


def print_line(text: str) -> None:
    """A line of data."""
    sys.stdout.write(text + "\n")


def stdout_console() -> "Console":
    """A console for data. Where standard output is no terminal, lines are as long as they are."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 240, soft_wrap=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """A table for people; the named columns are aligned to the right."""
    from rich import box
    from rich.table import Table

    numbers = frozenset(right)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    stdout_console().print(table)


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Names and values, one a line, aligned."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        print_line(f"{name.ljust(width)}  {_text(value)}")


def _cell(value: object) -> str:
    from rich.markup import escape

    return escape(_text(value))


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
