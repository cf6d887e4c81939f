"""Whatever comes twice, late or out of order: each item is in the counts once, well if any attempt of it ended well."""

from hypothesis import given
from hypothesis import strategies as some

from retrograph.jobs.outcomes import Attempt, ItemOutcome, Status, Uncounted, judge

ATTEMPTS = some.lists(
    some.tuples(some.sampled_from("abc"), some.integers(1, 3), some.sampled_from(["processed", "skipped", "failed"])),
    max_size=12,
)


class Rows:
    """The rows of attempts as a store keeps them, and the counts of their job."""

    def __init__(self) -> None:
        self.status: dict[Attempt, Status] = {}
        self.counted: dict[Attempt, Status] = {}
        self.well: set[str] = set()
        self.failed: set[str] = set()
        self.processed = self.skipped = self.answered = 0

    def record(self, item: str, attempt: int, status: Status) -> None:
        key = Attempt(item, attempt)
        if key not in self.status or (self.status[key] == "failed" and status != "failed"):
            self.status[key] = status

    def settle(self) -> None:
        new = [key for key, status in self.status.items() if self.counted.get(key) != status]
        rows = [
            Uncounted(
                outcome=ItemOutcome(item=key.item, attempt=key.attempt, status=self.status[key]),
                at=1,
                counted=self.counted.get(key),
            )
            for key in new
        ]
        judged = judge(rows, self.well)
        self.processed += judged.added.processed
        self.skipped += judged.added.skipped
        self.answered += judged.answered
        self.failed |= {one.outcome.item for one in judged.failed}
        self.failed -= set(judged.resolved)
        self.well |= set(judged.resolved)
        self.counted |= {key: self.status[key] for key in new}


@given(outcomes=ATTEMPTS, pauses=some.lists(some.booleans(), min_size=12, max_size=12))
def test_each_item_counts_once_however_its_outcomes_come(
    outcomes: list[tuple[str, int, Status]], pauses: list[bool]
) -> None:
    rows = Rows()
    for (item, attempt, status), settles in zip(outcomes, pauses, strict=False):
        rows.record(item, attempt, status)
        if settles:
            rows.settle()
    rows.settle()
    well = {item for item, _, status in outcomes if status != "failed"}
    everybody = {item for item, _, _ in outcomes}
    assert rows.processed + rows.skipped == len(well)
    assert rows.failed == everybody - well
    assert rows.answered == len({(item, attempt) for item, attempt, _ in outcomes})


def test_reasons_and_refusals_are_summed() -> None:
    rows = [
        Uncounted(
            outcome=ItemOutcome(item=item, attempt=1, status="skipped", reason="canceled", refused={"old": 2}), at=1
        )
        for item in ("a", "b")
    ]
    added = judge(rows, ()).added
    assert (added.skipped, added.skipped_by, added.refused) == (2, {"canceled": 2}, {"old": 4})
