"""A prefix of an S3 bucket, taken for a folder, as a place of objects (extra `aws`)."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.blobs.place import Found, ObjectChanged, ObjectForbidden, ObjectGone
from retrograph.blobs.s3 import is_wordless, refuses_one_object, translated
from retrograph.clock import to_millis
from retrograph.errors import MissingExtra, RetrographError, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

_PAGE: Final = 1_000
TRIED: Final = 10
"""Objects of which one must be readable, before there is a job."""
_WITHOUT_ETAG: Final = "modified "
_RANGE_BYTES: Final = 4 * BLOCK_BYTES
"""What is asked for at once. One answer for a large object would last as long as its events take to be written, and no
limit of time could tell a slow reader from a place that has gone silent."""

Provider = Callable[[], Awaitable[Mapping[str, Any]]]
"""Answers `access_key_id`, `secret_access_key`, `token`, `expires_at`; called again before they expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a bucket is entered. Without a provider the usual `AWS_…` variables count, or the machine's own role."""

    provider: Provider | None = None
    region: str | None = None
    endpoint: str | None = None
    retry_seconds: float = 60.0
    """How long a listing is tried again; whoever reads an object decides that by itself."""
    timeout_seconds: float = 30.0
    """How long one request may take."""


@dataclass(slots=True, eq=False)
class Bucket:
    """Keys are those of the bucket, prefix included. See `Place`."""

    uri: str
    access: Access = field(default_factory=Access)
    _name: str = field(init=False)
    _prefix: str = field(init=False)
    _opened: "dict[bool, S3Store]" = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            import obstore  # noqa: F401
        except ImportError as error:
            raise MissingExtra("s3", "aws") from error
        name, _, prefix = self.uri.removeprefix("s3://").partition("/")
        if not self.uri.startswith("s3://") or not name:
            raise UsageError(f"{self.uri} is not the address of a prefix: s3://bucket/prefix", field="uri")
        self._name, self._prefix = name, prefix.strip("/")

    def address(self, key: str) -> str:
        return f"s3://{self._name}/{key}"

    async def listed(self) -> AsyncIterator[Sequence[Found]]:
        import obstore
        from obstore.exceptions import BaseError

        try:
            async for page in obstore.list(self._store, self._prefix or None, chunk_size=_PAGE):
                yield [_found(cast("dict[str, Any]", one)) for one in page]
        except (BaseError, OSError, ValueError) as error:
            raise translated(self.uri, error) from error

    async def read(self, found: Found, start: int = 0) -> AsyncIterator[bytes]:
        import obstore
        from obstore.exceptions import BaseError

        for first in range(start, found.size, _RANGE_BYTES):
            options: Any = {"range": (first, min(found.size, first + _RANGE_BYTES))}
            etag = not found.version.startswith(_WITHOUT_ETAG)
            if etag:
                options["if_match"] = found.version
            try:
                result = await obstore.get_async(self._impatient, found.key, options=options)
                if not etag:
                    _check(cast("dict[str, Any]", result.meta), found)
                content = memoryview(await result.bytes_async())
            except (BaseError, OSError, ValueError) as error:
                raise self._of_object(found.key, error) from error
            for at in range(0, len(content), BLOCK_BYTES):
                yield bytes(content[at : at + BLOCK_BYTES])

    async def opened(self, found: Found) -> BinaryIO:
        import obstore
        from obstore.exceptions import BaseError

        try:
            seen = await obstore.head_async(self._store, found.key)
            _check(cast("dict[str, Any]", seen), found)
            reader = await asyncio.to_thread(obstore.open_reader, self._store, found.key)
        except (BaseError, OSError, ValueError) as error:
            raise self._of_object(found.key, await self._in_words(found.key, error)) from error

        return cast(BinaryIO, _Sought(reader, partial(self._of_object, found.key)))

    async def _in_words(self, key: str, error: Exception) -> Exception:
        """An answer to HEAD has no words: where it refuses, a byte is asked for, whose refusal says why."""
        import obstore
        from obstore.exceptions import BaseError

        if not is_wordless(error):
            return error
        try:
            await obstore.get_range_async(self._store, key, start=0, end=1)
        except (BaseError, OSError) as told:
            return told
        return error

    async def check(self) -> None:
        async for page in self.listed():
            refusal: ObjectForbidden | None = None
            for found in page[:TRIED]:
                try:
                    with suppress(ObjectGone, ObjectChanged):
                        async for _ in self.read(found):
                            break
                    return
                except ObjectForbidden as error:  # each fails alone; whoever may read none of them may not read
                    refusal = error
            if refusal is not None:
                raise refusal
            return

    async def ping(self) -> None:
        async for _ in self.listed():
            return

    @property
    def _store(self) -> "S3Store":
        """Tries again by itself."""
        return self._client(patient=True)

    @property
    def _impatient(self) -> "S3Store":
        """Does not: whoever reads wants to know that it was too fast."""
        return self._client(patient=False)

    def _client(self, *, patient: bool) -> "S3Store":
        if patient not in self._opened:
            from obstore.store import S3Store

            access = self.access
            given = {"region": access.region, "endpoint": access.endpoint, "credential_provider": access.provider}
            options: dict[str, Any] = {name: value for name, value in given.items() if value}
            self._opened[patient] = S3Store(
                self._name,
                client_options={"allow_http": True, "timeout": timedelta(seconds=access.timeout_seconds)},
                retry_config={
                    "max_retries": 6 if patient else 0,
                    "retry_timeout": timedelta(seconds=access.retry_seconds),
                },
                **options,
            )
        return self._opened[patient]

    def _of_object(self, key: str, error: Exception) -> RetrographError:
        from obstore import exceptions as theirs

        if isinstance(error, theirs.NotFoundError | FileNotFoundError):
            return ObjectGone("it is gone: it was there when the bucket was listed")
        if isinstance(error, theirs.PreconditionError):
            return ObjectChanged("it has changed since it was listed")
        known = translated(self.address(key), error)
        return ObjectForbidden(str(known)) if refuses_one_object(known, error) else known


class _Sought(io.RawIOBase):
    """The library's reader as the file that other libraries expect."""

    def __init__(self, reader: Any, told: Callable[[Exception], RetrographError]) -> None:
        self._reader = reader
        self._told = told

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from obstore.exceptions import BaseError

        try:
            content = bytes(self._reader.read(len(buffer)))
        except (BaseError, OSError, ValueError) as error:
            raise self._told(error) from error
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())


def _found(one: dict[str, Any]) -> Found:
    modified: datetime = one["last_modified"]
    return Found(key=str(one["path"]), size=one["size"], version=_version(one), modified_at=to_millis(modified))


def _version(one: dict[str, Any]) -> str:
    """Its ETag. Some services have none of objects that were laid under them."""
    found: str | None = one["e_tag"]
    return found or f"{_WITHOUT_ETAG}{one['last_modified'].isoformat(timespec='seconds')}-{one['size']}"


def _check(one: dict[str, Any], found: Found) -> None:
    if _version(one) != found.version:
        raise ObjectChanged("it has changed since it was listed")
