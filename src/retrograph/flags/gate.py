"""The gate: whose events may be written. It neither drops nor lets in where it cannot be read: whoever asks waits."""

from collections.abc import Collection
from typing import Final, Protocol

INGESTION: Final = "consumer_graph_ingestion"
"""The flag that covers those whose purchases the graph holds."""


class Gate(Protocol):
    """Whom the graph takes events of."""

    async def admits(self, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users that may be written. Raises DependencyDown where the gate cannot be read."""
        ...


class OpenGate:
    """Admits everybody: for what an operator brings on purpose, and where there are no flags."""

    async def admits(self, user_ids: Collection[str]) -> frozenset[str]:
        return frozenset(user_ids)


class Flags(Protocol):
    """Whoever answers for flags."""

    async def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users that the flag covers. Raises DependencyDown where that cannot be known."""
        ...


class Enrolled(Protocol):
    """Whoever knows who was enrolled one by one."""

    async def among(self, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users that are enrolled. Raises DependencyDown where that cannot be known."""
        ...


class FlagGate:
    """Admits whom the flag covers, and whoever is enrolled."""

    def __init__(self, flags: Flags, enrolled: Enrolled | None = None, *, flag: str = INGESTION) -> None:
        self._flags = flags
        self._enrolled = enrolled
        self._flag = flag

    async def admits(self, user_ids: Collection[str]) -> frozenset[str]:
        covered = await self._flags.covered(self._flag, user_ids)
        if self._enrolled is None or len(covered) == len(user_ids):
            return covered
        rest = frozenset(user_ids) - covered
        return covered | await self._enrolled.among(rest) if rest else covered
