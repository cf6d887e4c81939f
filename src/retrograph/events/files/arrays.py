"""One JSON array of events, of any length: an element is handed out as soon as it is complete."""

import codecs
import json
import re
from typing import Final

from retrograph.events.files.payload import LONGEST_BYTES, BrokenFile, Payload

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class Array:
    """Takes the elements of the outermost array apart."""

    def __init__(self, *, longest: int = LONGEST_BYTES) -> None:
        self._longest = longest
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._number = 0
        self._consumed = 0
        self._state = "before"
        self._tried = 0

    def feed(self, block: bytes) -> list[Payload]:
        """See `Splitter`."""
        self._text += self._decoded(block, final=False)
        return self._taken(final=False)

    def finish(self) -> list[Payload]:
        """See `Splitter`."""
        self._text += self._decoded(b"", final=True)
        found = self._taken(final=True)
        if self._state != "after":
            raise BrokenFile(f"the array is cut short after {self._number:,} elements, at byte {self._consumed:,}")
        return found

    def _decoded(self, block: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise BrokenFile(f"the array is not UTF-8 near byte {self._consumed + error.start:,}") from None

    def _taken(self, *, final: bool) -> list[Payload]:
        found: list[Payload] = []
        text, at = self._text, 0
        while True:
            at = self._moved(text, at, self._past_separators(text, at))
            if at == len(text) or self._state not in ("first", "next"):
                break
            end = self._element(text, at, final=final)
            if end is None:
                break
            content = text[at:end].encode()
            at = self._moved(text, at, end)
            self._number += 1
            found.append(Payload(self._number, self._consumed, content))
            self._state = "between"
        self._text = text[at:]
        return found

    def _moved(self, text: str, start: int, end: int) -> int:
        """Everything before that place has been dealt with."""
        self._consumed += end - start if text.isascii() else len(text[start:end].encode())
        return end

    def _past_separators(self, text: str, at: int) -> int:
        """Where the next element begins, or what may become one."""
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if at == len(text):
                return at
            sign = text[at]
            if self._state == "before" and sign == "[":
                self._state = "first"
            elif sign == "]" and self._state in ("first", "between"):
                self._state = "after"
            elif self._state == "between" and sign == ",":
                self._state = "next"
            elif self._state in ("first", "next"):
                return at
            elif self._state == "after":
                raise self._broken("something follows the array")
            else:
                raise self._broken(f"{sign!r} stands where a comma or the end should")
            at += 1

    def _element(self, text: str, start: int, *, final: bool) -> int | None:
        """Where the element ends; `None` where it is not complete. What is looked at in vain is looked at again only
        when it has doubled, or it would take a time that grows with its square."""
        left = len(text) - start
        if not final and left < 2 * self._tried:
            return None
        try:
            _, end = _DECODER.raw_decode(text, start)
        except RecursionError:
            raise self._broken("an element is nested too deeply") from None
        except ValueError as error:
            if left > self._longest:
                raise self._broken(f"an element is longer than {self._longest // (1 << 20)} MiB") from None
            if final:
                raise self._broken(str(error)) from None
            self._tried = left
            return None
        if end == len(text) and not final and text[start] not in '{["':
            return None  # a number may go on
        self._tried = 0
        return int(end)

    def _broken(self, why: str) -> BrokenFile:
        return BrokenFile(f"the array is broken after {self._number:,} elements, at byte {self._consumed:,}: {why}")
