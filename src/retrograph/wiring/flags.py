"""The file of flags, wherever it lies, the gate, and whoever else answers for flags."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrograph.blobs.blobs import WritableBlobs
from retrograph.blobs.local import LocalFiles
from retrograph.blobs.s3 import S3Objects
from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, MissingExtra
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.gate import Enrolled, FlagGate, Flags, Gate, OpenGate
from retrograph.flags.listing import covered_users
from retrograph.flags.locations import Locations
from retrograph.flags.watched import WatchedFlags

if TYPE_CHECKING:
    from retrograph.flags.changes import FlagChanges


def blobs_at(location: str) -> WritableBlobs:
    """Where this location lies. Raises ConfigurationError, MissingExtra."""
    scheme, separator, _ = location.partition("://")
    if not separator or scheme == "file":
        return LocalFiles()
    if scheme == "s3":
        return S3Objects()
    raise ConfigurationError(f"{location} is neither a file nor an object: s3://bucket/key, or a path")


async def open_flags(settings: Settings, *, only: str | None = None) -> FlagFile:
    """The configured flags, read; `only`: with the lists of that flag alone. Raises ConfigurationError where none are
    configured or they are wrong."""
    flags = _flag_file(settings, only)
    await flags.open()
    return flags


def _flag_file(settings: Settings, only: str | None = None) -> FlagFile:
    if settings.flags.file is None:
        raise ConfigurationError("RETROGRAPH_FLAGS_FILE is not set: name the file of flags, a path or s3://bucket/key")
    _require_extra()
    return FlagFile(settings.flags.file, locations(settings), blobs_at, only=only)


def _require_extra() -> None:
    try:
        import openfeature  # noqa: F401
        import yaml  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("flags", "flags") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedGate:
    """The gate, and the flags behind it where they come from a file."""

    gate: Gate
    flags: WatchedFlags | None = None
    asked: Flags | None = None
    """Whoever answers for flags, without the enrolments."""


@asynccontextmanager
async def open_gate(settings: Settings, clock: Clock, enrolled: Enrolled | None = None) -> AsyncIterator[OpenedGate]:
    """The gate as it is configured, looked at anew in the background as long as the block lasts.

    Flags that cannot be read now are read later; until then the gate raises DependencyDown. Without flags everybody
    passes. Who is `enrolled` is read from the store and the cache unless somebody is given who knows. Raises
    ConfigurationError, MissingExtra, DependencyDown where the store is down.
    """
    async with AsyncExitStack() as stack:
        flags = await stack.enter_async_context(watched_flags(settings, clock)) if settings.flags.file else None
        asked = asked_flags(settings, flags)
        if asked is None:
            yield OpenedGate(gate=OpenGate())
            return
        if enrolled is None:
            from retrograph.wiring.enrolments import open_enrolled

            enrolled = await stack.enter_async_context(open_enrolled(settings, clock))
        yield OpenedGate(gate=FlagGate(asked, enrolled), flags=flags, asked=asked)


def asked_flags(settings: Settings, flags: WatchedFlags | None) -> Flags | None:
    """Whoever answers for the gate; `None` where there are no flags. Raises ConfigurationError, MissingExtra."""
    if flags is None and settings.flags.provider is None:
        return None
    _require_extra()
    from retrograph.flags.provider import FileProvider, OpenFeatureFlags, named_provider

    if settings.flags.provider is not None:
        return OpenFeatureFlags(named_provider(settings.flags.provider))
    assert flags is not None
    return OpenFeatureFlags(FileProvider(lambda: flags.coverage))


@asynccontextmanager
async def watched_flags(settings: Settings, clock: Clock) -> AsyncIterator[WatchedFlags]:
    """The configured flags, read now or later. Raises ConfigurationError where none are configured."""
    flags = WatchedFlags(_flag_file(settings), clock, settings.flags.refresh_seconds)
    await flags.look()
    watching = asyncio.create_task(flags.watch())
    try:
        yield flags
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def locations(settings: Settings) -> Locations:
    """Where lists lie that segments name."""
    return Locations(bucket=settings.flags.bucket or f"{settings.environment}-feature-flipper")


def users_of_flag(settings: Settings, flags: FlagFile, key: str, extra: Iterable[str]) -> AsyncIterator[str]:
    """Every user that the flag covers by name, and the extra ones. Raises NotFound."""
    return covered_users(flags.flag(key), flags.coverage.flags, locations(settings), blobs_at, extra)


def flag_changes(settings: Settings, file: FlagFile) -> "FlagChanges":
    """What an operator may change about the flags of that file."""
    from retrograph.flags.changes import FlagChanges

    return FlagChanges(file, locations(settings), blobs_at)
