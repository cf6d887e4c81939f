"""What became of objects, written in one transaction: each one's row, and the totals by the difference.

Its statements are built once: a million objects pass here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from retrograph.jobs.objects import ObjectState, Reached
from retrograph.jobs.sql.rows import to_json
from retrograph.jobs.text import MESSAGE_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import object_walks, objects

SUMMED: Final = ("events", "skipped", "gated", "undecodable", "read")
_ENDED: Final = {
    ObjectState.INGESTED: "processed",
    ObjectState.FAILED: "failed",
    ObjectState.UNCHANGED: "unchanged",
}
"""The total that an object in that state counts in."""
_WRITTEN: Final = ("state", "offset", "line", *SUMMED, "refused", "mistakes", "error", "attempts", "updated_at")

_WALK: Final = select(object_walks).where(object_walks.c.job_id == bindparam("job"))
_BEFORE: Final = select(
    objects.c.number, objects.c.state, objects.c.attempts, *(objects.c[name] for name in SUMMED)
).where(objects.c.job_id == bindparam("job"), objects.c.number.in_(bindparam("numbers", expanding=True)))
_SAVED: Final = (
    update(objects)
    .where(objects.c.job_id == bindparam("job"), objects.c.number == bindparam("which"))
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
)


class Save(NamedTuple):
    """What became of one object, by its number."""

    job_id: str
    number: int
    state: ObjectState
    reached: Reached
    error: str | None


def save_all(database: Database, connection: Connection, saves: Sequence[Save]) -> None:
    """Of an object that is saved twice the last word counts."""
    by_job: dict[str, dict[int, Save]] = {}
    for save in saves:
        by_job.setdefault(save.job_id, {})[save.number] = save
    for job_id in sorted(by_job):
        _save_job(database, connection, job_id, by_job[job_id])


def _save_job(database: Database, connection: Connection, job_id: str, saves: Mapping[int, Save]) -> None:
    # The walk's row is locked first: what two processes add to the totals at one moment takes turns.
    wanted = _WALK if database.embedded else _WALK.with_for_update()
    walk = connection.execute(wanted, {"job": job_id}).mappings().first()
    found = connection.execute(_BEFORE, {"job": job_id, "numbers": list(saves)}).mappings().all()
    if walk is None or not found:
        return  # the job was started over
    now = database.now(connection)
    totals = {name: walk[name] for name in (*SUMMED, *_ENDED.values())}
    for before in found:
        _add(totals, before, saves[before["number"]])
    connection.execute(_SAVED, [_row(job_id, before, saves[before["number"]], now) for before in found])
    mine = object_walks.c.job_id == job_id
    started = walk["started_at"] or now
    connection.execute(update(object_walks).where(mine).values(**totals, started_at=started, updated_at=now))


def _add(totals: dict[str, int], before: RowMapping, save: Save) -> None:
    for name in SUMMED:
        totals[name] += getattr(save.reached, name) - before[name]
    for state, name in _ENDED.items():
        totals[name] += (save.state is state) - (before["state"] == state.value)


def _row(job_id: str, before: RowMapping, save: Save, now: int) -> dict[str, Any]:
    reached = save.reached
    ended = save.state is not ObjectState.PENDING
    row = {
        "state": save.state.value,
        "offset": reached.offset,
        "line": reached.line,
        **{name: getattr(reached, name) for name in SUMMED},
        "refused": to_json(dict(reached.refused)),
        "mistakes": to_json([list(mistake) for mistake in reached.mistakes]),
        "error": None if save.error is None else stored(save.error, MESSAGE_LENGTH),
        "attempts": before["attempts"] + 1 if ended else before["attempts"],
        "updated_at": now,
    }
    return {"job": job_id, "which": save.number, **{f"new_{name}": value for name, value in row.items()}}
