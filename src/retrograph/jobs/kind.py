"""What makes a kind of job: how its source is found, and how its source and its load are opened.

A new kind is one class that fits `Kind`, registered by the wiring; the engine has no switch over kinds.
"""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from retrograph.jobs.job import Job, Json
from retrograph.jobs.work import Load, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Where a job's items come from, looked at before anything is accepted.

    `ids` is only walked where the job is new or reset: it is then frozen into the store. It may read lazily (ids out
    of a graph), and raise UsageError where there are none or too many. `None`: the kind walks a source of its own.
    """

    source: Mapping[str, Json] = field(default_factory=dict)
    """What it is, for people: shown by `jobs show`; never a secret."""
    digest: str
    """Tells one source from another: of the ids themselves, or of the words that name the source."""
    ids: AsyncIterable[str] | None = None
    bound: str | None = None
    """The present upper bound, where the source grows."""


class Kind(Protocol):
    """A kind of job."""

    @property
    def name(self) -> str:
        """As in `backfill NAME`."""
        ...

    @property
    def calls_services(self) -> bool:
        """Whether its default pace is 10 items per second instead of none."""
        ...

    @property
    def fixed_key(self) -> str | None:
        """The key where none is given; `None`: derived from the source and the window."""
        ...

    @property
    def grows(self) -> bool:
        """Whether a complete job goes on from its cursor to a new upper bound."""
        ...

    async def resolve(self, source: object) -> Resolved:
        """Looks at what a door was given as the source. Raises UsageError, saying what is wrong with it."""
        ...

    async def open_source(self, job: Job, frozen: Source) -> Source:
        """What the job walks over; `frozen` are its frozen ids, for kinds that have them."""
        ...

    async def open_load(self, job: Job) -> Load:
        """What is done with each item. Not called for a dry run. Raises ConfigurationError, DependencyDown."""
        ...
