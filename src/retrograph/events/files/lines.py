"""One event a line."""

from collections.abc import Sequence
from typing import Final

from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile, Payload

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = 32


class Lines:
    """Splits at line feeds; blank lines are no events. `line` and `offset` say where the first byte fed lies."""

    def __init__(self, *, line: int = 0, offset: int = 0, longest: int = LONGEST_BYTES) -> None:
        self._line = line
        self._offset = offset
        self._longest = longest
        self._rest = b""

    def feed(self, block: bytes) -> list[Payload]:
        """See `Splitter`."""
        content = self._rest + block if self._rest else block
        end = content.rfind(b"\n") + 1
        self._rest = content[end:]
        found = self._taken(content, end)
        if len(self._rest) > self._longest:
            raise self._endless(self._line, self._offset)
        return found

    def finish(self) -> list[Payload]:
        """See `Splitter`."""
        content, self._rest = self._rest, b""
        return self._taken(content, len(content))

    def _taken(self, content: bytes, end: int) -> list[Payload]:
        """Blank lines are only counted: a file of nothing else costs little."""
        whole = content if end == len(content) else content[:end]
        if not whole.strip():
            self._line, self._offset = self._line + whole.count(b"\n"), self._offset + end
            return []
        line, offset = self._line, self._offset
        lines = whole.split(b"\n")
        if len(whole) > self._longest:
            self._check(lines)
        if offset == 0 and whole.startswith(_BOM):
            offset, lines[0] = len(_BOM), lines[0][len(_BOM) :]
        found: list[Payload] = []
        for raw in lines if lines[-1] else lines[:-1]:
            line += 1
            offset += len(raw) + 1
            if raw and (raw[0] > _SPACE or raw.strip()):
                found.append(Payload(line, offset, raw))
        self._line, self._offset = line, self._offset + end
        if found and found[-1].end > self._offset:  # the last line of a file may have no end
            found[-1] = Payload(found[-1].line, self._offset, found[-1].content)
        return found

    def _check(self, lines: Sequence[bytes]) -> None:
        offset = self._offset
        for number, raw in enumerate(lines):
            if len(raw) > self._longest:
                raise self._endless(self._line + number, offset)
            offset += len(raw) + 1

    def _endless(self, line: int, offset: int) -> BrokenFile:
        return BrokenFile(f"line {line + 1}, at byte {offset:,}, is longer than {self._longest // (1 << 20)} MiB")
