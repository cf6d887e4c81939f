"""The port to what the detector remembers: whom the flag was found to cover, and which passes found them.

A pass is an outbox, like an enrolment: its users belong to it, and it is finished when both loads of them were
requested. All verbs raise DependencyDown where the store does not answer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from retrograph.enrolment.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One pass. Instants are milliseconds on the store's clock."""

    detection_id: str
    flag: str
    began_at: int
    who: str
    sealed_at: int | None
    """When everybody was looked at, or another pass has taken over what it had found."""
    looked: int
    found: int
    left: int
    """Users whom the flag covered before, and does not now: if they come back they are new."""
    spared: int
    """New ones whose history was loaded since the flag covered them."""
    requested_at: int | None
    due_at: int | None
    settled_at: int | None

    @property
    def key(self) -> str:
        """Of the first load's batch."""
        return f"newly-enabled-{self.detection_id}"

    @property
    def second_key(self) -> str:
        """Of the second load's batch."""
        return f"{self.key}-second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a pass has seen."""

    looked: int = 0
    left: int = 0
    spared: int = 0


class DetectionStore(Protocol):
    """Passes, and the users that they found."""

    async def begin(self, detection_id: str, flag: str, who: str, rest_ms: int) -> bool:
        """Begins a pass, unless one has begun within that time; passes that died are sealed with what they found."""
        ...

    async def known(self, flag: str, after: str, limit: int) -> Sequence[str]:
        """Users whom the flag is known to cover, by their ids, after that one."""
        ...

    async def add(self, detection_id: str, flag: str, user_ids: Collection[str]) -> bool:
        """These are new; whoever is known already stays with the pass that found them. `False` where another pass has
        sealed this one meanwhile: nothing was added."""
        ...

    async def add_spared(self, flag: str, user_ids: Collection[str]) -> None:
        """These are known from now on, and need no load."""
        ...

    async def drop(self, flag: str, user_ids: Collection[str]) -> None:
        """The flag does not cover these any more."""
        ...

    async def seal(self, detection_id: str, looked: Looked, window: Window) -> Detection:
        """The pass has ended; its loads may be requested."""
        ...

    async def members(self, detection_id: str, after: str, limit: int) -> Sequence[str]:
        """The users that a pass found, by their ids, after that one."""
        ...

    async def due(self, load: Literal["first", "second"]) -> Sequence[Detection]:
        """Sealed passes whose load was not requested, and may be now."""
        ...

    async def requested(self, detection_id: str, load: Literal["first", "second"]) -> None:
        """The load of that pass was handed over."""
        ...

    async def latest(self, limit: int) -> Sequence[Detection]:
        """The latest passes, the latest first."""
        ...

    async def count_known(self, flag: str) -> int:
        """How many users the flag is known to cover."""
        ...
