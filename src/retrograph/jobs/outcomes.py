"""What came of items that other processes did: one outcome for each attempt of an item, counted exactly once.

Everything may come twice, late or in any order: a message is delivered again, a worker that was thought dead answers
after all, two attempts of one item are under way. Decided here, without any store: an item that once ended well stays
well, whatever its other attempts say; else it has failed once one of them has.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from retrograph.jobs.job import Counts

Status: TypeAlias = Literal["processed", "skipped", "failed"]

EXPIRED: Final = "Expired"
"""The error class of an item that nobody took before the queue's retention was over."""

DEAD_LETTER: Final = "DeadLetter"
"""The error class of an item whose message was received too often and never deleted."""


class Attempt(NamedTuple):
    """One request: the same however often it is sent or delivered."""

    item: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOutcome:
    """How an attempt ended."""

    item: str
    attempt: int
    status: Status
    reason: str | None = None
    """Why it was skipped."""
    error_class: str | None = None
    message: str | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """An outcome that is in no count yet; `counted` is what its attempt was counted as before, if it was."""

    outcome: ItemOutcome
    at: int
    counted: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A job after its outcomes were counted: its counts, how many attempts were sent and answered, and how the newly
    counted ones ended, in order."""

    counts: Counts
    sent: int
    answered: int
    statuses: tuple[Status, ...] = ()
    last_error: str | None = None
    more: bool = False
    """There are further ones to count."""

    @property
    def outstanding(self) -> int:
        """Attempts that were sent and have no outcome."""
        return self.sent - self.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What outcomes change in the counts of a job."""

    added: Counts
    failed: tuple[Uncounted, ...]
    resolved: tuple[str, ...]
    """Items that ended well: where they had failed before, they have no longer."""
    answered: int


def judge(uncounted: Iterable[Uncounted], well: Collection[str]) -> Judged:
    """What these change; `well` are those of their items that are counted as having ended well already."""
    good, processed, answered = set(well), 0, 0
    skipped_by: dict[str, int] = {}
    refused: dict[str, int] = {}
    found: dict[str, int] = {}
    failed: dict[str, Uncounted] = {}
    resolved: list[str] = []
    for row in uncounted:
        outcome = row.outcome
        answered += row.counted is None
        if outcome.item in good:
            continue
        if outcome.status == "failed":
            failed[outcome.item] = row
            continue
        good.add(outcome.item)
        failed.pop(outcome.item, None)
        resolved.append(outcome.item)
        if outcome.status == "processed":
            processed += 1
        else:
            reason = outcome.reason or "unknown"
            skipped_by[reason] = skipped_by.get(reason, 0) + 1
        for total, some in ((refused, outcome.refused), (found, outcome.found)):
            for name, count in some.items():
                total[name] = total.get(name, 0) + count
    added = Counts(
        processed=processed, skipped=sum(skipped_by.values()), skipped_by=skipped_by, refused=refused, found=found
    )
    return Judged(added=added, failed=tuple(failed.values()), resolved=tuple(resolved), answered=answered)


class OutcomeStore(Protocol):
    """What other processes did for a job, as the job store keeps it. The errors are those of `JobStore`."""

    async def record(self, job_id: str, outcomes: Sequence[ItemOutcome]) -> None:
        """Writes how attempts ended. The first outcome of an attempt stays, unless a later one is better; those of a
        job that was reset meanwhile are dropped. It counts nothing yet."""
        ...

    async def answered(self, job_id: str, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
        """Those of the attempts that have an outcome, and which."""
        ...

    async def noted(self, job_id: str, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        """Those of the attempts that a checkpoint has noted as sent."""
        ...

    async def settle(self, job_id: str) -> Settled:
        """Counts outcomes of attempts that a checkpoint has noted as sent, at most a thousand; needs no lease."""
        ...

    async def expire(self, job_id: str, after_ms: int) -> int:
        """Attempts that were sent so long ago and have no outcome failed; answers how many."""
        ...
