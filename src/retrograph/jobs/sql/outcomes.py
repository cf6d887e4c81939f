"""What was sent through a queue and what came of it. Rows are locked in one order everywhere: by item and attempt.

A worker writes how an attempt ended; the checkpoint of the run that sent it says that it was sent. Either may come
first. The first outcome of an attempt stays, unless it failed and a later one says that it ended well after all.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Executable, or_, select, tuple_, update

from retrograph.jobs.outcomes import EXPIRED, Attempt, ItemOutcome
from retrograph.jobs.sql.failing import portions
from retrograph.jobs.sql.rows import to_json
from retrograph.jobs.text import MESSAGE_LENGTH, WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import jobs, outcomes


def add_sent(database: Database, connection: Connection, job_id: str, sent: Sequence[Attempt], now: int) -> int:
    """Notes that these were sent; answers how many of them no checkpoint had noted before."""
    noted = 0
    for some in portions(sorted(set(sent))):
        rows = [{"job_id": job_id, "item": item, "attempt": attempt, "sent_at": now} for item, attempt in some]
        adding = database.insert(outcomes)
        adding = adding.on_conflict_do_update(
            index_elements=["job_id", "item", "attempt"],
            set_={"sent_at": adding.excluded.sent_at},
            where=outcomes.c.sent_at.is_(None),
        )
        noted += len(connection.execute(adding.returning(outcomes.c.item), rows).all())
    return noted


def record(database: Database, connection: Connection, job_id: str, ended: Sequence[ItemOutcome]) -> None:
    """See `JobStore.record`."""
    now = database.now(connection)
    base = connection.scalar(select(jobs.c.attempt_base).where(jobs.c.job_id == job_id))
    if base is None:
        return
    latest = {Attempt(one.item, one.attempt): one for one in ended if one.attempt > base}
    if rows := [_row(job_id, latest[attempt], now) for attempt in sorted(latest)]:
        connection.execute(_better(database), rows)


def _better(database: Database) -> Executable:
    """Rows are added one by one by a statement that is compiled once: with many values in one it would be each time."""
    adding = database.insert(outcomes)
    new = adding.excluded
    names = ("status", "reason", "error_class", "message", "refused", "found", "done_at")
    better = (outcomes.c.status == "failed") & (new.status != "failed")
    return adding.on_conflict_do_update(
        index_elements=["job_id", "item", "attempt"],
        set_={name: new[name] for name in names},
        where=or_(outcomes.c.status.is_(None), better),
    )


def answered(connection: Connection, job_id: str, attempts: Sequence[Attempt]) -> Mapping[Attempt, str]:
    """See `JobStore.answered`."""
    found: dict[Attempt, str] = {}
    for some in portions(attempts):
        wanted = select(outcomes.c.item, outcomes.c.attempt, outcomes.c.status)
        rows = connection.execute(wanted.where(these(job_id, some), outcomes.c.status.is_not(None)))
        found |= {Attempt(item, attempt): status for item, attempt, status in rows}
    return found


def noted(connection: Connection, job_id: str, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
    """See `JobStore.noted`."""
    found: set[Attempt] = set()
    for some in portions(attempts):
        wanted = select(outcomes.c.item, outcomes.c.attempt)
        rows = connection.execute(wanted.where(these(job_id, some), outcomes.c.sent_at.is_not(None)))
        found |= {Attempt(item, attempt) for item, attempt in rows}
    return frozenset(found)


def these(job_id: str, attempts: Sequence[Attempt]) -> ColumnElement[bool]:
    """The rows of these attempts. Their items are named as well, because SQLite looks pairs up in no index: it would
    walk every outcome of the job."""
    items = outcomes.c.item.in_(sorted({attempt.item for attempt in attempts}))
    pairs = tuple_(outcomes.c.item, outcomes.c.attempt).in_([tuple(attempt) for attempt in attempts])
    return (outcomes.c.job_id == job_id) & items & pairs


def expire(database: Database, connection: Connection, job_id: str, after_ms: int) -> int:
    """See `JobStore.expire`."""
    now = database.now(connection)
    due = (outcomes.c.job_id == job_id) & outcomes.c.sent_at.is_not(None) & outcomes.c.status.is_(None)
    message = f"no worker took it before the queue's retention was over ({after_ms // 1000:,} s)"
    late = update(outcomes).where(due & (outcomes.c.sent_at < now - after_ms))
    return connection.execute(late.values(status="failed", error_class=EXPIRED, message=message, done_at=now)).rowcount


def _row(job_id: str, one: ItemOutcome, now: int) -> dict[str, object]:
    return {
        "job_id": job_id,
        "item": one.item,
        "attempt": one.attempt,
        "status": one.status,
        "reason": None if one.reason is None else stored(one.reason, WORD_LENGTH),
        "error_class": None if one.error_class is None else stored(one.error_class, WORD_LENGTH),
        "message": None if one.message is None else stored(one.message, MESSAGE_LENGTH),
        "refused": to_json(dict(one.refused)) if one.refused else None,
        "found": to_json(dict(one.found)) if one.found else None,
        "done_at": now,
    }
