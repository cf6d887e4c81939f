"""One event a line."""

from typing import Final

from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile, Payload

_BOM: Final = b"\xef\xbb\xbf"


class Lines:
    """Splits at line feeds; blank lines are no events. `line` and `offset` say where the first byte fed lies."""

    def __init__(self, *, line: int = 0, offset: int = 0, longest: int = LONGEST_BYTES) -> None:
        self._line = line
        self._offset = offset
        self._longest = longest
        self._rest = b""

    def feed(self, block: bytes) -> list[Payload]:
        """See `Splitter`."""
        *lines, rest = (self._rest + block).split(b"\n") if self._rest else block.split(b"\n")
        self._rest = rest
        found = [payload for line in lines if (payload := self._taken(line, 1)) is not None]
        if len(rest) > self._longest:
            raise self._endless()
        return found

    def finish(self) -> list[Payload]:
        """See `Splitter`."""
        rest, self._rest = self._rest, b""
        last = self._taken(rest, 0) if rest else None
        return [] if last is None else [last]

    def _taken(self, line: bytes, feed: int) -> Payload | None:
        if len(line) > self._longest:
            raise self._endless()
        content = (line.removeprefix(_BOM) if self._offset == 0 else line).strip()
        self._line += 1
        self._offset += len(line) + feed
        return Payload(self._line, self._offset, content) if content else None

    def _endless(self) -> BrokenFile:
        return BrokenFile(
            f"line {self._line + 1}, at byte {self._offset:,}, is longer than {self._longest // (1 << 20)} MiB"
        )
