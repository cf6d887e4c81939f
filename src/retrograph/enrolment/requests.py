"""The port to whoever loads: a batch of users is handed over, and is loaded however that is done here."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Reason: TypeAlias = Literal["enrollment", "newly_enabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Users that need a load for the same reason. The same key always stands for the same users in the same order."""

    key: str
    reason: Reason
    count: int
    users: AsyncIterable[str]
    who: str = "retrograph"

    @property
    def priority(self) -> Literal["low", "high"]:
        """An enrolment never waits behind a bulk load."""
        return "high" if self.reason == "enrollment" else "low"


class LoadRequests(Protocol):
    """Takes requests for loads."""

    async def request(self, batch: Batch) -> None:
        """Sees that these users are loaded, as of now or later. It is durable when this returns, and the same batch
        may be handed over again. Raises DependencyDown where it cannot be taken now."""
        ...
