"""One event a line."""

import re
from typing import Final

from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile, Payload

_BOM: Final = b"\xef\xbb\xbf"
_NOT_BLANK: Final = re.compile(rb"[^\n]+")


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
        found: list[Payload] = []
        line, at = self._line, 0
        for match in _NOT_BLANK.finditer(content, 0, end):
            start, stop = match.span()
            line += content.count(b"\n", at, start)
            at = start
            if stop - start > self._longest:
                raise self._endless(line, self._offset + start)
            event = match[0].strip()
            if self._offset + start == 0:
                event = event.removeprefix(_BOM).strip()
            if event:
                found.append(Payload(line + 1, self._offset + min(stop + 1, end), event))
        self._line = line + content.count(b"\n", at, end)
        self._offset += end
        return found

    def _endless(self, line: int, offset: int) -> BrokenFile:
        return BrokenFile(f"line {line + 1}, at byte {offset:,}, is longer than {self._longest // (1 << 20)} MiB")
