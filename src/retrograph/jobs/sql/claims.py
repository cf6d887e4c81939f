"""Taking a job's lease: at most one holder for a job, and one job for a lane, whatever the processes do."""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, literal_column, select, update

from retrograph.jobs.sql.freezing import adopt
from retrograph.jobs.sql.moves import bury_one, lease_holds, locked_now, move, read_job
from retrograph.jobs.sql.rows import parameters_text, spec_text, unpacked
from retrograph.jobs.state import JobState, may
from retrograph.jobs.store import Claim, ClaimAnswer, Claimed, Held, Lease, NotClaimable, Reset, Selection
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import failures, jobs, lanes, outcomes, runs

CAUSE: Final[ColumnElement[Any]] = func.coalesce(failures.c.cause, literal_column("''"))
"""Failures that were recorded before causes were have none."""

_IN_LIST = 500
_COUNTERS: Final = ("processed", "failed", "skipped", "failures_numbered", "sent", "answered", "elapsed_ms")


def rival(database: Database, connection: Connection, lane: str) -> Held | None:
    """See `JobStore.rival`."""
    found = _rival(database, connection, lane, "")
    return None if found is None else Held(job=read_job(connection, found))


def claim(database: Database, connection: Connection, wanted: Claim) -> ClaimAnswer:
    """See `JobStore.claim`."""
    other = None if wanted.lane is None else _rival(database, connection, wanted.lane, wanted.job_id)
    if other is not None:
        return Held(job=read_job(connection, other))
    row, now = locked_now(database, connection, wanted.job_id)
    if lease_holds(row, now):
        return Held(job=read_job(connection, wanted.job_id))
    bury_one(connection, row, now)
    row, now = locked_now(database, connection, wanted.job_id)
    state = JobState(row["state"])
    reset = wanted.reset is not None
    if state not in wanted.origins or not (row["whole"] or reset) or not may(state, JobState.RUNNING, reset=reset):
        return NotClaimable(job=read_job(connection, wanted.job_id))
    return _take(connection, row, now, wanted)


def _rival(database: Database, connection: Connection, lane: str, mine: str) -> str | None:
    """The other job of the lane that holds a lease; those that have lost theirs are buried."""
    # Claims of one lane take turns at this row; whoever holds it may lock several jobs without a deadlock.
    connection.execute(database.insert(lanes).values(lane=lane).on_conflict_do_nothing())
    connection.execute(select(lanes).where(lanes.c.lane == lane).with_for_update())
    # Each rival's row is locked before its lease is judged: a renewal under way would otherwise come to life again.
    held = (jobs.c.kind == lane) & jobs.c.holder.is_not(None) & (jobs.c.job_id != mine)
    for job_id in (connection.scalars(select(jobs.c.job_id).where(held).order_by(jobs.c.job_id))).all():
        row, now = locked_now(database, connection, job_id)
        if lease_holds(row, now):
            return str(job_id)
        bury_one(connection, row, now)
    return None


def _take(connection: Connection, row: RowMapping, now: int, wanted: Claim) -> Claimed:
    epoch = row["epoch"] + 1
    values = _held(row, now, wanted, epoch)
    if wanted.bound is not None:
        values |= _extended(connection, wanted)
    if wanted.reset is not None:
        values |= _reset(connection, row, wanted.reset)
    if wanted.retry is not None:
        values |= _begin_retry(connection, wanted.job_id, wanted.retry)
    what = "reset" if wanted.reset else "started" if row["epoch"] == 0 else "resumed"
    move(
        connection,
        row,
        JobState.RUNNING,
        now,
        who=wanted.who,
        what=what,
        why=wanted.why,
        reset=wanted.reset is not None,
        **values,
    )
    connection.execute(insert(runs).values(_run(wanted, epoch, now)))
    after = locked_row(connection, wanted.job_id)
    return Claimed(
        lease=Lease(job_id=wanted.job_id, epoch=epoch, holder=wanted.holder),
        job=read_job(connection, wanted.job_id),
        done_above=unpacked(after["done_above"]),
        retried_above=unpacked(after["retried_above"]),
    )


def locked_row(connection: Connection, job_id: str) -> RowMapping:
    """The long columns, which `read_job` leaves out."""
    columns = select(jobs.c.done_above, jobs.c.retried_above).where(jobs.c.job_id == job_id)
    return (connection.execute(columns)).mappings().one()


def _held(row: RowMapping, now: int, wanted: Claim, epoch: int) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "checkpoints": 0,
        "holder": stored(wanted.holder, WORD_LENGTH),
        "lease_until": now + wanted.lease_ms,
        "heartbeat_at": now,
        "phase": "discovery",
        "reason": None,
        "message": None,
        "parameters": parameters_text(wanted.parameters),
        "archived_at": None,
        "needs_attention": False,
        "idle_tries": row["idle_tries"] + 1 if wanted.resumed else 0,
    }


def _run(wanted: Claim, epoch: int, now: int) -> dict[str, Any]:
    return {
        "job_id": wanted.job_id,
        "number": epoch,
        "holder": stored(wanted.holder, WORD_LENGTH),
        "who": stored(wanted.who, WORD_LENGTH),
        "started_at": now,
        "state": JobState.RUNNING,
        "parameters": parameters_text(wanted.parameters),
    }


def _extended(connection: Connection, wanted: Claim) -> dict[str, Any]:
    spec = replace((read_job(connection, wanted.job_id)).spec, bound=wanted.bound)
    return {"spec": spec_text(spec), "complete": False, "finishing": False, "total": None}


def _reset(connection: Connection, row: RowMapping, reset: Reset) -> dict[str, Any]:
    """From the beginning: the failures of the former walk are forgotten with its counts; the log goes on."""
    job_id = row["job_id"]
    for table in (failures, outcomes):
        connection.execute(delete(table).where(table.c.job_id == job_id))
    adopt(connection, job_id, reset.list_id, reset.total if reset.list_id else None)
    zeroes = dict.fromkeys(_COUNTERS, 0)
    nothing = dict.fromkeys(("cursor", "done_above", "retry_cursor", "retry_last", "retried_above", "rate", "depth"))
    return {
        **zeroes,
        **nothing,
        # No item had more attempts than the job had runs: what is sent from now on can be told from what is on its way.
        "attempt_base": row["epoch"],
        "skipped_by": "{}",
        "refused": "{}",
        "found": "{}",
        "retry_selected": False,
        "finishing": False,
        "complete": False,
        "whole": True,
        "spec": spec_text(reset.spec),
        "credentials": stored(reset.spec.credentials, WORD_LENGTH),
        "list_id": reset.list_id,
        "total": reset.total,
    }


def _begin_retry(connection: Connection, job_id: str, selection: Selection) -> dict[str, Any]:
    """Freezes the pass: failures that come later have greater numbers and are none of its."""
    mine = (failures.c.job_id == job_id) & failures.c.resolved_at.is_(None)
    if not selection.everything:
        connection.execute(
            update(failures).where(failures.c.job_id == job_id, failures.c.selected).values(selected=False)
        )
        for condition in selected(job_id, selection):
            connection.execute(update(failures).where(condition).values(selected=True))
        mine &= failures.c.selected
    last = connection.scalar(select(func.max(failures.c.number)).where(mine))
    return {
        "retry_cursor": None if last is None else 0,
        "retry_last": last,
        "retry_selected": last is not None and not selection.everything,
        "retried_above": None,
    }


def selected(job_id: str, selection: Selection) -> list[Any]:
    """Conditions that together find what a selection names; no failure fits two of them."""
    mine = (failures.c.job_id == job_id) & failures.c.resolved_at.is_(None)
    if selection.error_class is not None:
        mine &= failures.c.error_class == selection.error_class
    if selection.cause is not None:
        mine &= CAUSE.in_([selection.cause])
    if not selection.items:
        return [mine]
    items = sorted(set(selection.items))
    return [mine & failures.c.item.in_(items[at : at + _IN_LIST]) for at in range(0, len(items), _IN_LIST)]
