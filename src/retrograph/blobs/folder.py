"""A folder of this machine, with all that lies below it, as a place of objects."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import BinaryIO, Final

from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.blobs.local import path_of
from retrograph.blobs.place import Found, ObjectChanged, ObjectGone
from retrograph.errors import NotFound, NotPermitted

_PAGE: Final = 1_000


class Folder:
    """Keys are paths below the folder. See `Place`."""

    def __init__(self, uri: str) -> None:
        self._path = path_of(uri).absolute()
        self.uri = f"file://{self._path}"

    def address(self, key: str) -> str:
        return f"{self.uri}/{key}"

    async def listed(self) -> AsyncIterator[Sequence[Found]]:
        found = self._walk()
        while page := await asyncio.to_thread(lambda: list(islice(found, _PAGE))):
            yield page

    async def read(self, found: Found, start: int = 0) -> AsyncIterator[bytes]:
        if found.size <= BLOCK_BYTES:
            yield (await asyncio.to_thread(self._whole, found))[start:]
            return
        file = await self.opened(found)
        try:
            file.seek(start)
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block
            _check(os.fstat(file.fileno()), found)
        except OSError as error:
            raise ObjectGone(f"it cannot be read: {error.strerror or error}") from error
        finally:
            file.close()

    async def opened(self, found: Found) -> BinaryIO:
        return await asyncio.to_thread(self._opened, found)

    async def check(self) -> None:
        await self.ping()
        async for page in self.listed():
            for found in page[:1]:
                with suppress(ObjectGone, ObjectChanged):
                    (await self.opened(found)).close()
            return

    async def ping(self) -> None:
        if not await asyncio.to_thread(self._path.is_dir):
            raise NotFound(f"there is no folder {self._path}")

    def _walk(self) -> Iterator[Found]:
        """Depth first, in no order: a listing of a million files need not be held to be sorted."""
        waiting = [str(self._path)]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        elif entry.is_file():
                            yield self._found(entry)
            except PermissionError as error:
                raise NotPermitted(f"the folder {folder} may not be read: {error.strerror}") from error
            except FileNotFoundError:
                continue  # it was removed while it was walked

    def _found(self, entry: "os.DirEntry[str]") -> Found:
        status = entry.stat()
        key = os.path.relpath(entry.path, self._path).encode("utf-8", "replace").decode()
        return Found(
            key=key, size=status.st_size, version=_version(status), modified_at=status.st_mtime_ns // 1_000_000
        )

    def _whole(self, found: Found) -> bytes:
        """A small file, in one go."""
        with self._opened(found) as file:
            try:
                content = file.read(found.size + 1)
            except OSError as error:
                raise ObjectGone(f"it cannot be read: {error.strerror or error}") from error
            _check(os.fstat(file.fileno()), found)
            return content

    def _opened(self, found: Found) -> BinaryIO:
        path = self._path / found.key
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise ObjectGone("it is gone: it was there when the folder was listed") from error
        except PermissionError as error:
            raise ObjectGone(f"it may not be read: {error.strerror}") from error
        except OSError as error:
            raise ObjectGone(f"it cannot be read: {error.strerror or error}") from error
        try:
            _check(os.fstat(file.fileno()), found)
        except ObjectChanged:
            file.close()
            raise
        return file


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _check(status: os.stat_result, found: Found) -> None:
    if _version(status) != found.version:
        raise ObjectChanged("it has changed since the folder was listed")
