"""Counting the outcomes of attempts into their job: each once, under the lock of the job's row.

No lease is needed: the counts of a checkpoint are increments under the same lock, so whoever counts, and however
many do, each outcome is in the counts exactly once.
"""

import json
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from retrograph.jobs.job import Counts
from retrograph.jobs.outcomes import Attempt, ItemOutcome, Settled, Uncounted, judge
from retrograph.jobs.sql.checkpoints import count_run
from retrograph.jobs.sql.failing import add_failures, portions, resolve
from retrograph.jobs.sql.moves import locked_now
from retrograph.jobs.sql.outcomes import these
from retrograph.jobs.sql.rows import summed
from retrograph.jobs.store import FailedItem
from retrograph.store.engine import Database
from retrograph.store.tables import failures, jobs, outcomes

AT_ONCE: Final = 1_000
"""Outcomes counted in one transaction: it stays well under a lease's time."""


def settle(database: Database, connection: Connection, job_id: str) -> Settled:
    """See `JobStore.settle`."""
    row, now = locked_now(database, connection, job_id)
    found = _uncounted(connection, job_id)
    if not found:
        return Settled(counts=_counts(row), sent=row["sent"], answered=row["answered"])
    judged = judge(found, _well(connection, job_id, [one.outcome.item for one in found]))
    failed = [_failed(one) for one in judged.failed]
    numbered, newly_failed = add_failures(connection, row, failed)
    resolved = resolve(connection, job_id, judged.resolved, now)
    _mark_counted(connection, job_id, found)
    added = judged.added
    values: dict[str, Any] = {
        "processed": row["processed"] + added.processed,
        "failed": max(0, row["failed"] + newly_failed - resolved),
        "skipped": row["skipped"] + added.skipped,
    }
    count_run(connection, row, {name: values[name] - row[name] for name in values})
    values |= {
        "skipped_by": summed(row["skipped_by"], added.skipped_by),
        "refused": summed(row["refused"], added.refused),
        "found": summed(row["found"], added.found),
        "failures_numbered": numbered,
        "answered": row["answered"] + judged.answered,
        "idle_tries": 0 if added.processed or added.skipped else row["idle_tries"],
        "updated_at": now,
    }
    connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))
    return Settled(
        counts=_counts({**row, **values}),
        sent=row["sent"],
        answered=values["answered"],
        statuses=tuple(one.outcome.status for one in found),
        last_error=failed[-1].message if failed else None,
        more=len(found) == AT_ONCE,
    )


def _uncounted(connection: Connection, job_id: str) -> list[Uncounted]:
    """The oldest first; locked, so that none of them gets better between the look and the count."""
    mine = (outcomes.c.job_id == job_id) & outcomes.c.sent_at.is_not(None) & outcomes.c.status.is_not(None)
    open_ = mine & (outcomes.c.counted.is_(None) | (outcomes.c.counted != outcomes.c.status))
    keys = select(outcomes.c.item, outcomes.c.attempt).where(open_).order_by(outcomes.c.done_at).limit(AT_ONCE)
    chosen = [Attempt(item, attempt) for item, attempt in connection.execute(keys)]
    found: list[Uncounted] = []
    for some in portions(sorted(chosen)):
        locked = select(outcomes).where(these(job_id, some))
        locked = locked.order_by(outcomes.c.item, outcomes.c.attempt).with_for_update()
        found += [_uncounted_of(row) for row in connection.execute(locked).mappings()]
    return sorted(found, key=lambda one: one.at)


def _uncounted_of(row: RowMapping) -> Uncounted:
    outcome = ItemOutcome(
        item=row["item"],
        attempt=row["attempt"],
        status=row["status"],
        reason=row["reason"],
        error_class=row["error_class"],
        message=row["message"],
        refused=json.loads(row["refused"]) if row["refused"] else {},
        found=json.loads(row["found"]) if row["found"] else {},
    )
    return Uncounted(outcome=outcome, at=row["done_at"], counted=row["counted"])


def _well(connection: Connection, job_id: str, items: list[str]) -> set[str]:
    """Those of the items that are counted as having ended well: by another attempt, or when they were tried again."""
    well: set[str] = set()
    for some in portions(sorted(set(items))):
        counted = outcomes.c.counted.in_(("processed", "skipped"))
        mine = (outcomes.c.job_id == job_id) & outcomes.c.item.in_(some) & counted
        well |= set(connection.scalars(select(outcomes.c.item).where(mine)))
        mended = (failures.c.job_id == job_id) & failures.c.item.in_(some) & failures.c.resolved_at.is_not(None)
        well |= set(connection.scalars(select(failures.c.item).where(mended)))
    return well


def _mark_counted(connection: Connection, job_id: str, found: list[Uncounted]) -> None:
    mine = (
        (outcomes.c.job_id == job_id)
        & (outcomes.c.item == bindparam("of_item"))
        & (outcomes.c.attempt == bindparam("of_attempt"))
    )
    marking = update(outcomes).where(mine).values(counted=bindparam("as_status"))
    rows = [
        {"of_item": one.outcome.item, "of_attempt": one.outcome.attempt, "as_status": one.outcome.status}
        for one in found
    ]
    connection.execute(marking, rows)


def _failed(one: Uncounted) -> FailedItem:
    outcome = one.outcome
    message, error_class = outcome.message or "it failed", outcome.error_class or "ItemError"
    return FailedItem(item=outcome.item, error_class=error_class, message=message, at=one.at)


def _counts(row: Any) -> Counts:
    return Counts(
        processed=row["processed"],
        failed=row["failed"],
        skipped=row["skipped"],
        skipped_by=json.loads(row["skipped_by"]),
        refused=json.loads(row["refused"]),
        found=json.loads(row["found"]),
    )
