"""What happened since the last checkpoint, kept until the store has confirmed that it is written."""

from dataclasses import dataclass

from retrograph.jobs.job import Counts, Job
from retrograph.jobs.outcomes import Attempt
from retrograph.jobs.store import FailedItem
from retrograph.jobs.work import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Increments, ready for a checkpoint."""

    added: Counts
    failures: tuple[FailedItem, ...]
    resolved: tuple[str, ...]
    sent: tuple[Attempt, ...] = ()


class Tally:
    """Counts items as they end: what is new, and what it comes to together with what the job had."""

    def __init__(self, job: Job) -> None:
        counts = job.counts
        self._processed, self._failed, self._skipped = counts.processed, counts.failed, counts.skipped
        self._skipped_by, self._refused = dict(counts.skipped_by), dict(counts.refused)
        self._found = dict(counts.found)
        self._restart()
        self.in_a_row = 0
        """Failures since the last item that did not fail, in order of completion."""

    def _restart(self) -> None:
        self.waiting = 0
        self._new_processed = self._new_skipped = 0
        self._new_skipped_by: dict[str, int] = {}
        self._new_refused: dict[str, int] = {}
        self._new_found: dict[str, int] = {}
        self._failures: list[FailedItem] = []
        self._resolved: list[str] = []
        self._sent: list[Attempt] = []

    @property
    def counts(self) -> Counts:
        """The job's counts with everything that happened so far."""
        return Counts(
            processed=self._processed,
            failed=self._failed,
            skipped=self._skipped,
            skipped_by=dict(self._skipped_by),
            refused=dict(self._refused),
            found=dict(self._found),
        )

    @property
    def scanned(self) -> int:
        """Everything that was looked at."""
        return self._processed + self._failed + self._skipped

    def succeeded(self, item: str, outcome: Outcome, *, retried: bool) -> None:
        """An item ended well. A retried one leaves the failed ones."""
        self.in_a_row = 0
        self.waiting += 1
        if outcome.status == "processed":
            self._processed += 1
            self._new_processed += 1
        else:
            reason = outcome.reason or "unknown"
            self._skipped += 1
            self._new_skipped += 1
            _add(self._skipped_by, self._new_skipped_by, reason, 1)
        for reason, count in outcome.refused.items():
            _add(self._refused, self._new_refused, reason, count)
        for name, count in outcome.found.items():
            _add(self._found, self._new_found, name, count)
        if retried:
            self._failed -= 1
            self._resolved.append(item)

    def failed(self, failure: FailedItem, *, retried: bool) -> None:
        """An item failed. A retried one is counted already."""
        self.in_a_row += 1
        self.waiting += 1
        self._failures.append(failure)
        if not retried:
            self._failed += 1

    def dispatched(self, attempt: Attempt) -> None:
        """An item was sent; what comes of it is counted by whoever reads the outcomes."""
        self.waiting += 1
        self._sent.append(attempt)

    def adopt(self, counts: Counts) -> None:
        """The counts as the store has them, where this run itself counts nothing."""
        self._processed, self._failed, self._skipped = counts.processed, counts.failed, counts.skipped
        self._skipped_by, self._refused = dict(counts.skipped_by), dict(counts.refused)
        self._found = dict(counts.found)

    def take(self) -> Happened:
        """What is new since the last time."""
        happened = Happened(
            added=Counts(
                processed=self._new_processed,
                skipped=self._new_skipped,
                skipped_by=self._new_skipped_by,
                refused=self._new_refused,
                found=self._new_found,
            ),
            failures=tuple(self._failures),
            resolved=tuple(self._resolved),
            sent=tuple(self._sent),
        )
        self._restart()
        return happened


def _add(total: dict[str, int], new: dict[str, int], reason: str, count: int) -> None:
    total[reason] = total.get(reason, 0) + count
    new[reason] = new.get(reason, 0) + count
