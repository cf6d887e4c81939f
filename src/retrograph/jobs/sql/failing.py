"""The failures of a job: one row for each item that ever failed, and whether it has since ended well."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, insert, select, update

from retrograph.jobs.store import FailedItem
from retrograph.jobs.text import MESSAGE_LENGTH, WORD_LENGTH, cause, stored
from retrograph.store.tables import failures

T = TypeVar("T")

_IN_LIST = 500


def add_failures(connection: Connection, row: RowMapping, failed: Sequence[FailedItem]) -> tuple[int, int]:
    """Answers the last number given and how many items are failed now that were not before."""
    numbered, added, job_id = row["failures_numbered"], 0, row["job_id"]
    for some in portions(list({failure.item: failure for failure in failed}.values())):
        known = _known(connection, job_id, [failure.item for failure in some])
        new = [failure for failure in some if failure.item not in known]
        if new:
            connection.execute(
                insert(failures), [_new(job_id, number, failure) for number, failure in enumerate(new, numbered + 1)]
            )
        for failure in some:
            if failure.item in known:
                _again(connection, job_id, failure)
        numbered += len(new)
        added += len(new) + sum(known.get(failure.item, False) for failure in some)
    return numbered, added


def _known(connection: Connection, job_id: str, items: Sequence[str]) -> dict[str, bool]:
    """Items that failed before, and whether they were resolved since."""
    wanted = select(failures.c.item, failures.c.resolved_at)
    found = connection.execute(wanted.where(failures.c.job_id == job_id, failures.c.item.in_(items)))
    return {item: resolved_at is not None for item, resolved_at in found}


def _new(job_id: str, number: int, failure: FailedItem) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "number": number,
        "item": failure.item,
        "attempts": 1,
        "error_class": stored(failure.error_class, WORD_LENGTH),
        "message": stored(failure.message, MESSAGE_LENGTH),
        "cause": cause(failure.message, failure.item),
        "first_at": failure.at,
        "last_at": failure.at,
    }


def _again(connection: Connection, job_id: str, failure: FailedItem) -> None:
    mine = (failures.c.job_id == job_id) & (failures.c.item == failure.item)
    connection.execute(
        update(failures)
        .where(mine)
        .values(
            attempts=failures.c.attempts + 1,
            error_class=stored(failure.error_class, WORD_LENGTH),
            message=stored(failure.message, MESSAGE_LENGTH),
            cause=cause(failure.message, failure.item),
            last_at=failure.at,
            resolved_at=None,
        )
    )


def resolve(connection: Connection, job_id: str, items: Sequence[str], now: int) -> int:
    """Marks items that ended well; answers how many of them had failed."""
    resolved = 0
    for some in portions(items):
        mine = (failures.c.job_id == job_id) & failures.c.item.in_(some) & failures.c.resolved_at.is_(None)
        result = connection.execute(update(failures).where(mine).values(resolved_at=now, selected=False))
        resolved += result.rowcount
    return resolved


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at once as a statement takes."""
    return (values[at : at + _IN_LIST] for at in range(0, len(values), _IN_LIST))
