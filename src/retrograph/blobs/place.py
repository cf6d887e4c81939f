"""The port to a place that holds many objects: a folder, or a prefix of a bucket. It lists them and reads each."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from retrograph.errors import DependencyDown, NotPermitted, RetrographError


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object as it was listed. `modified_at` in milliseconds; `version` changes whenever the content does."""

    key: str
    size: int
    version: str
    modified_at: int


class ObjectGone(RetrographError):
    """An object that was listed is not there any more."""


class ObjectChanged(RetrographError):
    """An object is not the one that was listed: it was replaced, or grew."""


class ObjectForbidden(NotPermitted):
    """This object may not be read, whatever may be of the others: it is archived, or sealed with another key."""


class SlowDown(DependencyDown):
    """The place answers, and asks for fewer requests."""


class Place(Protocol):
    """Where objects lie. All verbs raise NotPermitted, ConfigurationError, and DependencyDown where it is away."""

    @property
    def uri(self) -> str:
        """The address, without a secret."""
        ...

    def address(self, key: str) -> str:
        """The address of an object, the same however its place was named."""
        ...

    def listed(self) -> AsyncIterator[Sequence[Found]]:
        """Every object, page by page. Raises NotFound where the place itself does not exist."""
        ...

    def read(self, found: Found, start: int = 0) -> AsyncIterator[bytes]:
        """The content from that byte on, in blocks. Raises ObjectGone, ObjectChanged,
        ObjectForbidden."""
        ...

    async def opened(self, found: Found) -> BinaryIO:
        """The content as a file to seek in, which blocks: for use in threads. Raises ObjectGone,
        ObjectChanged, ObjectForbidden."""
        ...

    async def check(self) -> None:
        """Sees that objects may be listed here, and one of them read. Raises NotFound as well."""
        ...

    async def ping(self) -> None:
        """Raises DependencyDown unless the place answers."""
        ...
