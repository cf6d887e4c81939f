"""Objects in S3, or in anything that speaks its protocol, through obstore (extra `aws`).

Credentials, region and endpoint come from the usual `AWS_…` variables, or from the machine's role.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from retrograph.blobs.blobs import BLOCK_BYTES, ChangedMeanwhile
from retrograph.blobs.place import SlowDown
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

    async def replace(self, location: str, content: bytes, version: str) -> None:
        """In one request, which names the version that it replaces where the service can be asked for that."""
        import obstore
        from obstore.exceptions import BaseError, NotSupportedError, PreconditionError

        bucket, key = _address(location)
        store = self._bucket(bucket)
        if await self.version(location) != version:
            raise ChangedMeanwhile(location)
        try:
            try:
                await obstore.put_async(store, key, content, mode={"e_tag": version}, use_multipart=False)
            except NotSupportedError:
                await obstore.put_async(store, key, content)
        except PreconditionError as error:
            raise ChangedMeanwhile(location) from error
        except (BaseError, OSError, ValueError) as error:
            raise translated(location, error) from error

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
    """Our error for one of obstore's: what S3 says of it counts for more than its class, which differs by request."""
    from obstore import exceptions as theirs

    code = _part("Code", error)
    if code == "NoSuchBucket":
        return NotFound(f"there is no bucket {location.removeprefix('s3://').partition('/')[0]}")
    if code in _ENTRY:
        return NotPermitted(f"{location} may not be read: {_ENTRY[code]}")
    if code == "InvalidObjectState":
        return NotPermitted(f"{location} is archived: it can be read once it has been restored")
    if code in _ELSEWHERE:
        region = _part("Region", error)
        where = f"in region {region}" if region else "in another region"
        return ConfigurationError(f"{location} cannot be read: its bucket is {where}, set AWS_REGION")
    if isinstance(error, theirs.NotFoundError | FileNotFoundError):
        return NotFound(f"there is no object {location}")
    if code == "InvalidBucketName":
        return UsageError(f"{location} is not the address of an object: S3 knows no such names")
    if code in _BUSY:
        return SlowDown(DEPENDENCY, f"{location} cannot be read now: it asks for fewer requests ({code})")
    refused = theirs.PermissionDeniedError | theirs.UnauthenticatedError | PermissionError
    if code == "AccessDenied" or isinstance(error, refused):
        return NotPermitted(f"{location} may not be read with these AWS credentials")
    if _NO_CREDENTIALS in str(error):
        return ConfigurationError(
            f"{location} cannot be read: there are no AWS credentials, and this machine has no role"
        )
    if _UNREACHED in str(error):
        asked = re.search(r"https?://[^/\s?]+", str(error))
        server = "S3" if asked is None else asked[0]
        return DependencyDown(DEPENDENCY, f"{location} cannot be read: {server} does not answer")
    if isinstance(error, theirs.GenericError | OSError):
        return DependencyDown(DEPENDENCY, f"{location} cannot be read: {first_line(error)}")
    return ConfigurationError(f"{location} cannot be read: {first_line(error)}")


def refuses_one_object(known: RetrographError, error: Exception) -> bool:
    """Whether S3 lets whoever asks in, and only keeps this object from them."""
    code = _part("Code", error) or ""
    return isinstance(known, NotPermitted) and (code in _OF_OBJECT or code.startswith("KMS."))


def is_wordless(error: Exception) -> bool:
    """Whether it is a refusal that does not say why."""
    from obstore import exceptions as theirs

    refused = theirs.PermissionDeniedError | theirs.UnauthenticatedError | PermissionError
    return isinstance(error, refused) and _part("Code", error) is None


_ENTRY: Final = {
    "InvalidAccessKeyId": "the AWS access key is not known there",
    "SignatureDoesNotMatch": "the AWS secret does not belong to the access key",
    "ExpiredToken": "the AWS credentials have expired",
    "InvalidToken": "the AWS session token is not valid",
}
_OF_OBJECT: Final = frozenset({"AccessDenied", "InvalidObjectState"})
"""What S3 says of one object to somebody whom it knows."""
_BUSY: Final = frozenset({"SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling"})
_ELSEWHERE: Final = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "IncorrectEndpoint"})
_UNREACHED: Final = "error sending request"
"""There was no connection, or it broke before there was an answer."""
_NO_CREDENTIALS: Final = "169.254.169.254"
"""Where a machine of Amazon's tells its role: it is only asked for want of anything else."""


def _part(name: str, error: Exception) -> str | None:
    """A part of the document that S3 answered, which the library quotes."""
    found = re.search(f"<{name}>([^<]*)</{name}>", str(error))
    return found[1] if found else None


def first_line(error: Exception) -> str:
    """What another library says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _address(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    if not location.startswith("s3://") or not bucket or not key or {".", ".."} & set(key.split("/")):
        raise UsageError(f"{location} is not the address of an object: s3://bucket/key")
    return bucket, key
