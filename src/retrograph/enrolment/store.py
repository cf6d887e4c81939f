"""The port to what is kept of enrolments. It is the truth; what the cache holds of it can be made anew.

Each enrolment is an outbox: what is still to be done about it is what has no time yet. Instants are milliseconds on
the store's clock. All verbs raise DependencyDown where the store does not answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from retrograph.enrolment.window import Window

Load: TypeAlias = Literal["first", "second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEnrolment:
    """A user for whom the gate shall be opened."""

    user_id: str
    request_id: str
    origin: Literal["api", "cache"]
    """Who opened it: this product, or whoever set the key in the cache."""
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A user for whom the gate is open, and what was done about it."""

    user_id: str
    request_id: str
    origin: str
    enrolled_by: str
    enrolled_at: int
    copied_at: int | None
    """When the cache had it as well."""
    first_job: str | None
    requested_at: int | None
    due_at: int
    """When the second load may begin."""
    second_job: str | None
    settled_at: int | None
    """When the second load was requested: nothing is left to be done."""


class Place(NamedTuple):
    """How far a walk over the enrolments has come."""

    enrolled_at: int
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """How many enrolments wait for what."""

    enrolled: int
    uncopied: int
    unrequested: int
    unsettled: int


class EnrolmentStore(Protocol):
    """Enrolments."""

    async def record(self, new: Sequence[NewEnrolment], window: Window) -> Mapping[str, Enrolment]:
        """Opens the gate for these, unless it is open; answers each as it is kept, by the user's id."""
        ...

    async def walk(self, after: Place | None, limit: int) -> Sequence[Place]:
        """Whoever is enrolled, in the order of their enrolments."""
        ...

    async def uncopied(self, limit: int) -> Sequence[str]:
        """Users whom the cache does not have yet."""
        ...

    async def copied(self, user_ids: Collection[str], window: Window) -> None:
        """The cache has them now. Where that came late, the second load is due later, and again: whoever reads only
        the cache has opened the gate only now."""
        ...

    async def batches(self, load: Load, key: str, limit: int) -> Mapping[str, Sequence[str]]:
        """Users whose load is due and was not requested, by the key of their batch; those without one are put into a
        batch of this key. What a crash has left shows again under the key it had."""
        ...

    async def requested(self, load: Load, key: str) -> None:
        """The load of that batch was handed over."""
        ...

    async def outstanding(self) -> Outstanding:
        """How many there are, and how many wait for what."""
        ...
