"""Objects in S3, or in anything that speaks its protocol, through obstore (extra `aws`).

Credentials, region and endpoint come from the usual `AWS_…` variables, or from the machine's role.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.errors import (
    ConfigurationError,
    DependencyDown,
    MissingExtra,
    NotFound,
    NotPermitted,
    RetrographError,
    UsageError,
)

if TYPE_CHECKING:
    from obstore.store import S3Store

DEPENDENCY: Final = "s3"


class S3Objects:
    """Reads `s3://bucket/key`. Raises MissingExtra where the extra is not installed.

    `endpoint` is for services other than Amazon's; without it `AWS_ENDPOINT_URL` counts.
    """

    def __init__(self, *, endpoint: str | None = None, retry_seconds: float = 60.0) -> None:
        try:
            import obstore  # noqa: F401
        except ImportError as error:
            raise MissingExtra("s3", "aws") from error
        self._endpoint = endpoint
        self._retry_for = timedelta(seconds=retry_seconds)

    async def read(self, location: str) -> AsyncIterator[bytes]:
        """The object in blocks."""
        import obstore
        from obstore.exceptions import BaseError

        bucket, key = _address(location)
        try:
            result = await obstore.get_async(self._bucket(bucket), key)
            async for block in result.stream(min_chunk_size=BLOCK_BYTES):
                yield bytes(block)
        except (BaseError, OSError, ValueError) as error:
            raise translated(location, error) from error

    async def version(self, location: str) -> str:
        """The object's ETag."""
        import obstore
        from obstore.exceptions import BaseError

        bucket, key = _address(location)
        try:
            found = await obstore.head_async(self._bucket(bucket), key)
        except (BaseError, OSError, ValueError) as error:
            raise translated(location, error) from error
        return found["e_tag"] or f"{found['last_modified'].isoformat()}-{found['size']}"

    def _bucket(self, name: str) -> "S3Store":
        from obstore.store import S3Store

        # Plain HTTP only ever happens where somebody chose such an endpoint.
        options = {"endpoint": self._endpoint} if self._endpoint else {}
        return S3Store(
            name,
            client_options={"allow_http": True},
            retry_config={"max_retries": 4, "retry_timeout": self._retry_for},
            **options,  # type: ignore[arg-type]
        )


def translated(location: str, error: Exception) -> RetrographError:
    """Our error for one of obstore's."""
    from obstore import exceptions as theirs

    if isinstance(error, theirs.NotFoundError | FileNotFoundError):
        return NotFound(f"there is no object {location}")
    if isinstance(error, theirs.PermissionDeniedError | theirs.UnauthenticatedError | PermissionError):
        return NotPermitted(f"{location} may not be read with these AWS credentials")
    if isinstance(error, theirs.GenericError | OSError):
        return DependencyDown(DEPENDENCY, f"{location} cannot be read: {_first_line(error)}")
    return ConfigurationError(f"{location} cannot be read: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _address(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not bucket or not key:
        raise UsageError(f"{location} is not the address of an object: s3://bucket/key")
    return bucket, key
