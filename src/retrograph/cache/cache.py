"""The port of the cache. Nothing that is kept here is the only copy of anything: it may be flushed at any moment."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

DEPENDENCY: Final = "cache"
"""What errors and `doctor` call it."""


class Cache(Protocol):
    """Values by their keys, and named sets. Every verb raises DependencyDown where the cache does not answer."""

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        """The values of those of the keys that are there."""
        ...

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        """Keeps these, over what was there; `None`: until they are forgotten."""
        ...

    async def put_new(self, key: str, value: str, *, lifetime_seconds: int | None = None) -> bool:
        """Keeps this where the key is not there; whether it was kept. Of two at the same time one is."""
        ...

    async def forget(self, keys: Collection[str]) -> int:
        """Drops these; how many were there."""
        ...

    async def add_members(self, name: str, members: Collection[str]) -> None:
        """Adds to a set."""
        ...

    async def remove_members(self, name: str, members: Collection[str]) -> None:
        """Takes out of a set."""
        ...

    async def members_among(self, name: str, members: Collection[str]) -> frozenset[str]:
        """Those that are in a set."""
        ...

    async def ping(self) -> None:
        """Raises DependencyDown where it does not answer."""
        ...

    async def close(self) -> None:
        """Gives back its connections."""
        ...
