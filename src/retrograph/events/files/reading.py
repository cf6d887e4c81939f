"""One object as it streams in: which packing and form it has, and its events, a bounded number at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from retrograph.events.files.arrays import Array
from retrograph.events.files.lines import Lines
from retrograph.events.files.packing import Packing, Unpacker, packing_of, unpacker
from retrograph.events.files.payload import Payload, Splitter
from retrograph.events.files.tables import Table

_BOM: Final = b"\xef\xbb\xbf"
PARQUET_MAGIC: Final = b"PAR1"


class Form(StrEnum):
    """How events stand in the content."""

    LINES = "lines"
    ARRAY = "array"
    CSV = "csv"


def is_parquet(name: str, head: bytes) -> bool:
    """Whether it is to be read as Parquet, which is no stream."""
    return head.startswith(PARQUET_MAGIC) or (name.lower().endswith(".parquet") and not head)


def form_of(name: str, head: bytes) -> Form:
    """By the first character of the content, where that tells; a table only by its name."""
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b"["):
        return Form.ARRAY
    if text.startswith(b"{"):
        return Form.LINES
    bare = name.lower()
    for ending in (".gz", ".gzip", ".zst", ".zstd"):
        bare = bare.removesuffix(ending)
    return Form.CSV if bare.endswith((".csv", ".tsv")) else Form.LINES


@dataclass(slots=True, kw_only=True)
class Reading:
    """The state of one reading. Blocks are fed in order; the first one that is not empty decides the packing.

    `line` and `offset` are where an earlier reading ended: what lies before is passed over. Only plain lines may be
    fed from an offset; of everything else all is fed again.
    """

    name: str
    line: int = 0
    offset: int = 0
    mapping: Mapping[str, str] = field(default_factory=dict)
    packing: Packing | None = field(init=False, default=None)
    form: Form | None = field(init=False, default=None)
    _unpacker: Unpacker | None = field(init=False, default=None)
    _splitter: Splitter | None = field(init=False, default=None)

    @property
    def resumes_at_byte(self) -> bool:
        """Whether a later reading may begin at the byte after an event."""
        return self.packing is Packing.PLAIN and self.form is Form.LINES

    def feed(self, block: bytes) -> Iterator[list[Payload]]:
        """The events that are complete with this block, piece by piece. Raises BrokenFile."""
        if self._unpacker is None:
            if not block:
                return
            self.packing = Packing.PLAIN if self.offset else packing_of(block)
            self._unpacker = unpacker(self.packing)
        for piece in self._unpacker.feed(block):
            yield self._new(self._split(piece).feed(piece))

    def finish(self) -> list[Payload]:
        """What is left after the last block. Raises BrokenFile where something is missing."""
        if self._unpacker is not None:
            self._unpacker.finish()
        return [] if self._splitter is None else self._new(self._splitter.finish())

    def _split(self, piece: bytes) -> Splitter:
        if self._splitter is None:
            self.form = Form.LINES if self.offset else form_of(self.name, piece)
            self._splitter = self._of_form(self.form)
        return self._splitter

    def _of_form(self, form: Form) -> Splitter:
        if form is Form.ARRAY:
            return Array()
        if form is Form.CSV:
            return Table(self.mapping)
        return Lines(line=self.line, offset=self.offset) if self.offset else Lines()

    def _new(self, found: list[Payload]) -> list[Payload]:
        """Without what an earlier reading has dealt with."""
        if self.offset or not self.line or not found or found[0].line > self.line:
            return found
        return [payload for payload in found if payload.line > self.line]
