"""The file of flags, wherever it lies, and whoever else answers for flags."""

from collections.abc import AsyncIterator, Iterable

from retrograph.blobs.blobs import Blobs
from retrograph.blobs.local import LocalFiles
from retrograph.blobs.s3 import S3Objects
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, MissingExtra
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.listing import covered_users
from retrograph.flags.locations import Locations


def blobs_at(location: str) -> Blobs:
    """Where this location lies. Raises ConfigurationError, MissingExtra."""
    scheme, separator, _ = location.partition("://")
    if not separator or scheme == "file":
        return LocalFiles()
    if scheme == "s3":
        return S3Objects()
    raise ConfigurationError(f"{location} is neither a file nor an object: s3://bucket/key, or a path")


async def open_flags(settings: Settings) -> FlagFile:
    """The configured flags, read. Raises ConfigurationError where none are configured or they are wrong."""
    if settings.flags.file is None:
        raise ConfigurationError("RETROGRAPH_FLAGS_FILE is not set: name the file of flags, a path or s3://bucket/key")
    try:
        import yaml  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("flags", "flags") from error
    flags = FlagFile(settings.flags.file, locations(settings), blobs_at)
    await flags.open()
    return flags


def locations(settings: Settings) -> Locations:
    """Where lists lie that segments name."""
    return Locations(bucket=settings.flags.bucket or f"{settings.environment}-feature-flipper")


def users_of_flag(settings: Settings, flags: FlagFile, key: str, extra: Iterable[str]) -> AsyncIterator[str]:
    """Every user that the flag covers by name, and the extra ones. Raises NotFound."""
    return covered_users(flags.flag(key), flags.coverage.flags, locations(settings), blobs_at, extra)
