"""What a file is taken apart into, and what can be wrong with the file itself."""

from typing import Final, Protocol

import msgspec

from retrograph.errors import RetrographError

LONGEST_BYTES: Final = 16 * 1024 * 1024
"""One event may be this long. Real ones have a few kilobytes; a file without line breaks must not fill the memory."""


class BrokenFile(RetrographError):
    """The file cannot be read any further: it is cut short, or not what it says."""


class Payload(msgspec.Struct, frozen=True, gc=False):
    """One event as it stands in the file.

    `line` counts from 1 (in an array or a table it is the number of the element or row); `end` is the byte after it,
    counted in the unpacked content.
    """

    line: int
    end: int
    content: bytes


class Splitter(Protocol):
    """Takes content apart. Raises BrokenFile."""

    def feed(self, block: bytes) -> list[Payload]:
        """Takes the next bytes; answers the events that are complete."""
        ...

    def finish(self) -> list[Payload]:
        """After the last byte: what is left."""
        ...
