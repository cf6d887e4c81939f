"""A list of ids as it streams in: lines or CSV, told apart by the name or the first line.

Bytes are pushed in as they arrive, so a list of any size needs the memory of one block.
"""

import codecs
import csv
from collections.abc import Iterable
from typing import Final, Protocol

from retrograph.errors import TooLarge, UsageError
from retrograph.facts import InvalidId, clean_id

HEADERS: Final = frozenset({"user_id", "userId", "id"})
LONGEST_RECORD: Final = 1024 * 1024
"""Characters. What has no line break for so long is no list of ids."""


class Taker(Protocol):
    """Whoever takes the ids of a list, one by one."""

    blank: int
    """How many lines held nothing."""

    def add(self, user_id: str) -> bool:
        """Takes a cleaned id, which may have come before; `False` where it would be one too many."""
        ...


class IdList:
    """Parses one list into whoever takes its ids. Raises UsageError with the number of the line that is wrong."""

    def __init__(self, name: str, collector: Taker, limit: int) -> None:
        self._name = name
        self._collector = collector
        self._limit = limit
        self._csv: bool | None = True if name.lower().endswith(".csv") else None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._record: list[str] = []
        self._quoted = False
        self._line = 0
        self._first = True

    def feed(self, block: bytes) -> None:
        """Takes the next bytes."""
        self._take(self._decoded(block, final=False), final=False)

    def finish(self) -> None:
        """Takes what is left after the last byte."""
        self._take(self._decoded(b"", final=True), final=True)

    def _decoded(self, block: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            # The text before the fault still counts lines, so that the number is right.
            before = error.object[: error.start].count(b"\n") + self._line + len(self._record) + 1
            raise UsageError(f"{self._name}, line {before}: this is not UTF-8 text, so no list of user ids") from error

    def _take(self, text: str, *, final: bool) -> None:
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        if final and self._rest:
            lines.append(self._rest)
            self._rest = ""
        if self._csv is None and lines:
            self._csv = "," in lines[0]
        if self._csv:
            self._take_records(lines, final=final)
        else:
            self._take_lines(lines)
        if len(self._rest) > LONGEST_RECORD:
            raise self._refused(self._line + 1, "it has no end, so this is no list of user ids")

    def _take_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._line += 1
            self._id(line, self._line, blank=not line.strip())

    def _take_records(self, lines: Iterable[str], *, final: bool) -> None:
        """A quoted field may hold line breaks, so a record is complete where its quotes are even."""
        for line in lines:
            if not self._record and '"' not in line:
                self._line += 1
                self._id(line.partition(",")[0], self._line, blank=not line.replace(",", "").strip())
                continue
            self._record.append(line)
            self._quoted ^= line.count('"') % 2 == 1
            if not self._quoted:
                self._records()
        if self._record and (final or sum(map(len, self._record)) > LONGEST_RECORD):
            raise self._refused(self._line + 1, "a quoted field has no end")

    def _records(self) -> None:
        start = self._line + 1
        reader = csv.reader(line + "\n" for line in self._record)
        try:
            for cells in reader:
                self._id(cells[0] if cells else "", start, blank=not any(cell.strip() for cell in cells))
                start = self._line + 1 + reader.line_num
        except csv.Error as error:
            raise self._refused(start, f"this is no CSV ({error})") from error
        self._line += len(self._record)
        self._record.clear()

    def _id(self, raw: str, line: int, *, blank: bool) -> None:
        if blank:
            self._collector.blank += 1
            return
        first, self._first = self._first, False
        if first and raw.strip() in HEADERS:
            return
        try:
            user_id = clean_id(raw)
        except InvalidId as error:
            raise self._refused(line, str(error)) from error
        if not self._collector.add(user_id):
            raise TooLarge(f"{self._name} holds more than {self._limit:,} different user ids: split it")

    def _refused(self, line: int, why: str) -> UsageError:
        return UsageError(f"{self._name}, line {line}: {why}")
