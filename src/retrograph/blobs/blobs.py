"""The port to files and objects: whoever reads one does not know where it lies."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from retrograph.errors import UsageError

BLOCK_BYTES: Final = 1024 * 1024


class ChangedMeanwhile(UsageError):
    """What was to be replaced is no longer what it was when it was read: somebody else was quicker."""

    def __init__(self, location: str) -> None:
        super().__init__(f"{location} has changed meanwhile: look at it again, and try once more")


class Blobs(Protocol):
    """Files or objects of one kind of place."""

    def read(self, location: str) -> AsyncIterator[bytes]:
        """The content in blocks of about a mebibyte.

        Raises NotFound where there is nothing, ConfigurationError where it may not be read, DependencyDown where the
        place does not answer.
        """
        ...

    async def version(self, location: str) -> str:
        """What changes whenever the content does, without reading it. Raises the same."""
        ...


class WritableBlobs(Blobs, Protocol):
    """Those whose content may be replaced."""

    async def replace(self, location: str, content: bytes, version: str) -> None:
        """Puts a new content in the place of that version, whole or not at all. Raises ChangedMeanwhile,
        and what `read` raises."""
        ...
