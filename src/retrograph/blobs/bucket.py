"""A prefix of an S3 bucket, taken for a folder, as a place of objects (extra `aws`)."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.blobs.place import Found, ObjectChanged, ObjectGone
from retrograph.blobs.s3 import translated
from retrograph.clock import to_millis
from retrograph.errors import MissingExtra, RetrographError, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

_PAGE: Final = 1_000

Provider = Callable[[], Awaitable[Mapping[str, Any]]]
"""Answers `access_key_id`, `secret_access_key`, `token`, `expires_at`; called again before they expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a bucket is entered. Without a provider the usual `AWS_…` variables count, or the machine's own role."""

    provider: Provider | None = None
    region: str | None = None
    endpoint: str | None = None
    retry_seconds: float = 60.0


@dataclass(slots=True, eq=False)
class Bucket:
    """Keys are those of the bucket, prefix included. See `Place`."""

    uri: str
    access: Access = field(default_factory=Access)
    _name: str = field(init=False)
    _prefix: str = field(init=False)
    _opened: "S3Store | None" = field(init=False, default=None)

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

        if start >= found.size:
            return
        options: dict[str, Any] = {"if_match": found.version}
        if start:
            options["range"] = {"offset": start}
        try:
            result = await obstore.get_async(self._store, found.key, options=cast(Any, options))
            async for block in result.stream(min_chunk_size=BLOCK_BYTES):
                yield bytes(block)
        except (BaseError, OSError, ValueError) as error:
            raise self._of_object(error) from error

    async def opened(self, found: Found) -> BinaryIO:
        import obstore
        from obstore.exceptions import BaseError

        try:
            seen = await obstore.head_async(self._store, found.key)
            if seen["e_tag"] != found.version:
                raise ObjectChanged("it has changed since it was listed")
            reader = await asyncio.to_thread(obstore.open_reader, self._store, found.key)
        except (BaseError, OSError, ValueError) as error:
            raise self._of_object(error) from error

        return cast(BinaryIO, _Sought(reader, self._of_object))

    async def check(self) -> None:
        async for page in self.listed():
            for found in page[:1]:
                with suppress(ObjectGone, ObjectChanged):
                    async for _ in self.read(found):
                        break
            return

    async def ping(self) -> None:
        async for _ in self.listed():
            return

    @property
    def _store(self) -> "S3Store":
        if self._opened is None:
            from obstore.store import S3Store

            given = {"region": self.access.region, "endpoint": self.access.endpoint}
            options: dict[str, Any] = {name: value for name, value in given.items() if value}
            if self.access.provider is not None:
                options["credential_provider"] = self.access.provider
            self._opened = S3Store(
                self._name,
                client_options={"allow_http": True, "timeout": timedelta(seconds=60)},
                retry_config={"max_retries": 6, "retry_timeout": timedelta(seconds=self.access.retry_seconds)},
                **options,
            )
        return self._opened

    def _of_object(self, error: Exception) -> RetrographError:
        from obstore import exceptions as theirs

        if isinstance(error, theirs.NotFoundError | FileNotFoundError):
            return ObjectGone("it is gone: it was there when the bucket was listed")
        if isinstance(error, theirs.PreconditionError):
            return ObjectChanged("it has changed since it was listed")
        return translated(self.uri, error)


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
    version = one["e_tag"] or f"{modified.isoformat()}-{one['size']}"
    return Found(key=str(one["path"]), size=one["size"], version=version, modified_at=to_millis(modified))
