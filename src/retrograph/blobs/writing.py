"""Writes objects: into a folder of this machine, or under a prefix of a bucket."""

import asyncio
from typing import Any

from retrograph.blobs.local import path_of
from retrograph.blobs.s3 import translated
from retrograph.errors import ConfigurationError, MissingExtra, UsageError


class Writing:
    """A place to write to: `file:///folder` or `s3://bucket/prefix`. Raises UsageError, MissingExtra."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        if uri.startswith("s3://") and uri.removeprefix("s3://").strip("/"):
            self._bucket: Any = _bucket(uri)
        elif uri.startswith("file://"):
            self._folder = path_of(uri)
            self._bucket = None
        else:
            raise UsageError(f"{uri[:100]} is no place to write to: s3://bucket/prefix or file:///folder")

    async def write(self, key: str, content: bytes) -> None:
        """Writes one object whole. Raises NotPermitted, NotFound, ConfigurationError, DependencyDown."""
        if self._bucket is None:
            await asyncio.to_thread(self._to_file, key, content)
            return
        import obstore
        from obstore.exceptions import BaseError

        prefix = self._uri.removeprefix("s3://").partition("/")[2]
        try:
            await obstore.put_async(self._bucket, f"{prefix}/{key}" if prefix else key, content)
        except (BaseError, OSError, ValueError) as error:
            raise translated(self._uri, error) from error

    def _to_file(self, key: str, content: bytes) -> None:
        path = self._folder / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _bucket(uri: str) -> Any:
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise MissingExtra("s3", "aws") from error
    return S3Store(uri.removeprefix("s3://").partition("/")[0], client_options={"allow_http": True})
