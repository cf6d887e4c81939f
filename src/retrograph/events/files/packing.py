"""How a file is packed, and its unpacking in bounded pieces. Only here is anything known of gzip and zstd."""

import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, Protocol

from retrograph.errors import MissingExtra
from retrograph.events.files.payload import BrokenFile

PIECE_BYTES: Final = 1024 * 1024
GROWTH: Final = 200
"""A file that unpacks to more than so many times its size, and to more than 128 MiB, is a bomb: logs reach 30."""
FREE_BYTES: Final = 1 << 27


class Packing(StrEnum):
    """What the bytes of the file are."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTD = "zstd"


MAGIC: Final = {b"\x1f\x8b": Packing.GZIP, b"\x28\xb5\x2f\xfd": Packing.ZSTD}


def packing_of(head: bytes) -> Packing:
    """By the first bytes, which do not lie, unlike a name."""
    return next((packing for magic, packing in MAGIC.items() if head.startswith(magic)), Packing.PLAIN)


class Unpacker(Protocol):
    """Unpacks a stream of blocks. Raises BrokenFile naming the byte of the packed file."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """The content of these bytes, piece by piece: what is not asked for is not unpacked."""
        ...

    def finish(self) -> None:
        """After the last block."""
        ...


def unpacker(packing: Packing) -> Unpacker:
    """Raises MissingExtra where zstd is not installed."""
    if packing is Packing.GZIP:
        return _Gzip()
    return _Zstd() if packing is Packing.ZSTD else _Plain()


class _Plain:
    def feed(self, block: bytes) -> Iterator[bytes]:
        yield block

    def finish(self) -> None:
        """Nothing can be missing that we would know of."""


class _Growth:
    """Watches what comes of what."""

    def __init__(self) -> None:
        self.packed = self.unpacked = 0

    def check(self, piece: bytes) -> bytes:
        self.unpacked += len(piece)
        if self.unpacked > FREE_BYTES and self.unpacked > GROWTH * max(1, self.packed):
            raise BrokenFile(
                f"it unpacks to more than {GROWTH} times its size: {self.unpacked:,} bytes out of {self.packed:,}"
            )
        return piece


class _Gzip:
    """Members follow one another, as `cat a.gz b.gz` makes them; zeros may pad the end."""

    def __init__(self) -> None:
        self._new = _gzip_decoder()
        self._member: Any = None
        self._growth = _Growth()

    def feed(self, block: bytes) -> Iterator[bytes]:
        self._growth.packed += len(block)
        while block:
            if self._member is None:
                block = block.lstrip(b"\0")
                if not block:
                    return
                self._member = self._new()
            try:
                piece = self._member.decompress(block, PIECE_BYTES)
            except Exception as error:
                raise BrokenFile(f"the gzip data is damaged before byte {self._growth.packed:,}: {error}") from error
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if self._member.eof:
                self._member = None
            if piece:
                yield self._growth.check(piece)

    def finish(self) -> None:
        if self._member is not None:
            raise BrokenFile(f"the gzip data is cut short at byte {self._growth.packed:,}")


def _gzip_decoder() -> Any:
    """isal unpacks three times as fast as what Python brings."""
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda: zlib.decompressobj(wbits=31)
    return lambda: isal_zlib.decompressobj(wbits=31)


class _Zstd:
    def __init__(self) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtra("zstd", "files") from error
        self._module = zstandard
        self._frame: Any = None
        self._growth = _Growth()

    def feed(self, block: bytes) -> Iterator[bytes]:
        # Four bytes may unpack to 128 KiB, so that only small inputs keep the output small: to 32 MiB at the worst.
        for at in range(0, len(block), 1 << 10):
            yield from self._some(block[at : at + (1 << 10)])

    def _some(self, block: bytes) -> Iterator[bytes]:
        self._growth.packed += len(block)
        while block:
            if self._frame is None:
                self._frame = self._module.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            try:
                piece = self._frame.decompress(block)
            except self._module.ZstdError as error:
                raise BrokenFile(f"the zstd data is damaged before byte {self._growth.packed:,}: {error}") from error
            block = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
            if piece:
                yield self._growth.check(piece)

    def finish(self) -> None:
        if self._frame is not None:
            raise BrokenFile(f"the zstd data is cut short at byte {self._growth.packed:,}")
