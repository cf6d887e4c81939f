"""Files of this machine."""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from retrograph.blobs.blobs import BLOCK_BYTES, ChangedMeanwhile
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

    async def replace(self, location: str, content: bytes, version: str) -> None:
        """By a rename, so that nobody ever reads half of it; it keeps its owner's and others' rights."""
        await asyncio.to_thread(_replace, path_of(location), content, version)


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


def _replace(path: Path, content: bytes, version: str) -> None:
    path = path.resolve()
    try:
        with _alone(path):
            _replace_alone(path, content, version)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Between a look at the file and its replacement nobody else replaces it: whoever waited for the lock of a file
    that is replaced meanwhile sees that it is another one."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replace_alone(path: Path, content: bytes, version: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(path.stat().st_mode & 0o7777)
        if _version(path) != version:
            raise ChangedMeanwhile(str(path))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _block(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.read(BLOCK_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConfigurationError(f"the file {path} cannot be read: {reason}")
