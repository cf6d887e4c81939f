"""The port to files and objects: whoever reads one does not know where it lies."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

BLOCK_BYTES: Final = 1024 * 1024


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
