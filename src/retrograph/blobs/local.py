"""Files of this machine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.errors import ConfigurationError, NotFound


class LocalFiles:
    """Reads a path, or a `file://` URL."""

    async def read(self, location: str) -> AsyncIterator[bytes]:
        """The file in blocks, read off the event loop."""
        path = path_of(location)
        file = await asyncio.to_thread(_opened, path)
        try:
            while block := await asyncio.to_thread(_block, file, path):
                yield block
        finally:
            file.close()

    async def version(self, location: str) -> str:
        """Its last change and its size; its inode too, because a file that replaces another may be just as old."""
        path = path_of(location)
        return await asyncio.to_thread(_version, path)


def path_of(location: str) -> Path:
    """The path that a location names. Raises ConfigurationError where it lies on another machine."""
    if not location.startswith("file://"):
        return Path(location).expanduser()
    parts = urlsplit(location)
    if parts.netloc not in ("", "localhost"):
        raise ConfigurationError(f"{location} names another machine: a file URL begins with file:///")
    return Path(unquote(parts.path))


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _version(path: Path) -> str:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _block(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.read(BLOCK_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConfigurationError(f"the file {path} cannot be read: {reason}")
