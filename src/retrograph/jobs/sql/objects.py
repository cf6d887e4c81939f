"""The ledger of objects, on SQL."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Table, delete, func, insert, or_, select, update

from retrograph.jobs.objects import Entry, Listed, ObjectQuery, ObjectState, Reached, Totals
from retrograph.jobs.sql.rows import to_json
from retrograph.jobs.text import MESSAGE_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import object_walks, objects

_ENDED: Final = {
    ObjectState.INGESTED: "processed",
    ObjectState.FAILED: "failed",
    ObjectState.UNCHANGED: "unchanged",
}
"""The total that an object in that state counts in."""
_SUMMED: Final = ("events", "skipped", "gated", "undecodable", "read")
_GONE: Final = 5_000


class SqlObjectLedger:
    """`ObjectLedger` over the database of the jobs, which is opened and closed by others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, job_id: str, graph_id: str) -> None:
        while await self._database.write(partial(_forget, job_id=job_id)):
            pass
        await self._database.write(partial(_begin, self._database, job_id=job_id, graph_id=graph_id))

    async def add(self, job_id: str, first: int, found: Sequence[Listed]) -> None:
        await self._database.write(partial(_add, self._database, job_id=job_id, first=first, found=found))

    async def page(self, job_id: str, query: ObjectQuery) -> Sequence[Entry]:
        return await self._database.read(partial(_page, job_id=job_id, query=query))

    async def entry(self, job_id: str, key: str) -> Entry | None:
        return await self._database.read(partial(_entry, job_id=job_id, key=key))

    async def ingested_before(self, job_id: str, graph_id: str, content: str) -> bool:
        return await self._database.read(partial(_before, job_id=job_id, graph_id=graph_id, content=content))

    async def unchanged(self, job_id: str, graph_id: str) -> int:
        return await self._database.read(partial(_unchanged, job_id=job_id, graph_id=graph_id))

    async def save(
        self, job_id: str, entry: Entry, state: ObjectState, reached: Reached, error: str | None = None
    ) -> None:
        await self._database.write(
            partial(_save, self._database, job_id=job_id, entry=entry, state=state, reached=reached, error=error)
        )

    async def totals(self, job_id: str) -> Totals | None:
        return await self._database.read(partial(_totals, job_id=job_id))


def _forget(connection: Connection, job_id: str) -> int:
    """In portions, so that a renewal never waits long."""
    some = select(objects.c.number).where(objects.c.job_id == job_id).limit(_GONE)
    numbers = list(connection.scalars(some))
    if numbers:
        first, last = min(numbers), max(numbers)
        connection.execute(delete(objects).where(objects.c.job_id == job_id, objects.c.number.between(first, last)))
    return len(numbers)


def _begin(database: Database, connection: Connection, job_id: str, graph_id: str) -> None:
    connection.execute(delete(object_walks).where(object_walks.c.job_id == job_id))
    now = database.now(connection)
    connection.execute(insert(object_walks).values(job_id=job_id, graph_id=graph_id, created_at=now, discovered_at=now))


def _add(database: Database, connection: Connection, job_id: str, first: int, found: Sequence[Listed]) -> None:
    graph_id = connection.scalar(select(object_walks.c.graph_id).where(object_walks.c.job_id == job_id))
    rows = [
        {
            "job_id": job_id,
            "number": number,
            "graph_id": graph_id,
            "key": one.key,
            "size": one.size,
            "version": one.version,
            "modified_at": one.modified_at,
            "content": one.content,
            "state": ObjectState.PENDING.value,
            "updated_at": 0,
        }
        for number, one in enumerate(found, start=first)
    ]
    connection.execute(insert(objects), rows)
    connection.execute(
        update(object_walks)
        .where(object_walks.c.job_id == job_id)
        .values(
            objects=object_walks.c.objects + len(rows),
            size=object_walks.c.size + sum(one.size for one in found),
            discovered_at=database.now(connection),
        )
    )


def _page(connection: Connection, job_id: str, query: ObjectQuery) -> Sequence[Entry]:
    wanted = select(objects).where(objects.c.job_id == job_id, objects.c.number > query.after)
    if query.state is not None:
        wanted = wanted.where(objects.c.state == query.state.value)
    if query.search:
        places = (objects.c.key, objects.c.error)
        wanted = wanted.where(or_(*(place.contains(query.search, autoescape=True) for place in places)))
    found = connection.execute(wanted.order_by(objects.c.number).limit(query.limit)).mappings()
    return [_entry_of(row) for row in found]


def _entry(connection: Connection, job_id: str, key: str) -> Entry | None:
    wanted = select(objects).where(objects.c.job_id == job_id, objects.c.key == key)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else _entry_of(row)


def _before(connection: Connection, job_id: str, graph_id: str, content: str) -> bool:
    same = (objects.c.content == content) & (objects.c.graph_id == graph_id) & (objects.c.job_id != job_id)
    wanted = select(objects.c.number).where(same, objects.c.state == ObjectState.INGESTED.value).limit(1)
    return connection.scalar(wanted) is not None


def _unchanged(connection: Connection, job_id: str, graph_id: str) -> int:
    other = objects.alias()
    same = (other.c.content == objects.c.content) & (other.c.graph_id == graph_id) & (other.c.job_id != job_id)
    known = select(other.c.number).where(same, other.c.state == ObjectState.INGESTED.value).exists()
    return connection.scalar(select(func.count()).select_from(objects).where(objects.c.job_id == job_id, known)) or 0


def _save(
    database: Database,
    connection: Connection,
    job_id: str,
    entry: Entry,
    state: ObjectState,
    reached: Reached,
    error: str | None,
) -> None:
    # The walk's row is locked first: what two processes add to the totals at one moment takes turns.
    walk = _row(connection, object_walks, object_walks.c.job_id == job_id, lock=not database.embedded)
    mine = (objects.c.job_id == job_id) & (objects.c.number == entry.number)
    before = _row(connection, objects, mine)
    if walk is None or before is None:
        return  # the job was started over
    now = database.now(connection)
    ended = state is not ObjectState.PENDING
    connection.execute(
        update(objects)
        .where(mine)
        .values(
            state=state.value,
            offset=reached.offset,
            line=reached.line,
            **{name: getattr(reached, name) for name in _SUMMED},
            refused=to_json(dict(reached.refused)),
            mistakes=to_json([list(mistake) for mistake in reached.mistakes]),
            error=None if error is None else stored(error, MESSAGE_LENGTH),
            attempts=before["attempts"] + 1 if ended else before["attempts"],
            updated_at=now,
        )
    )
    changes: dict[str, Any] = {name: walk[name] + getattr(reached, name) - before[name] for name in _SUMMED}
    for one in ObjectState:
        if one in _ENDED:
            name = _ENDED[one]
            changes[name] = walk[name] + (state is one) - (before["state"] == one.value)
    started = walk["started_at"] or now
    connection.execute(
        update(object_walks)
        .where(object_walks.c.job_id == job_id)
        .values(**changes, started_at=started, updated_at=now)
    )


def _row(connection: Connection, table: Table, where: Any, *, lock: bool = False) -> RowMapping | None:
    wanted = select(table).where(where)
    return connection.execute(wanted.with_for_update() if lock else wanted).mappings().first()


def _totals(connection: Connection, job_id: str) -> Totals | None:
    row = _row(connection, object_walks, object_walks.c.job_id == job_id)
    if row is None:
        return None
    return Totals(**{name: row[name] for name in Totals.__dataclass_fields__})


def _entry_of(row: RowMapping) -> Entry:
    plain = ("number", "key", "size", "version", "modified_at", "content", "error", "attempts", "updated_at")
    reached = Reached(
        offset=row["offset"],
        line=row["line"],
        **{name: row[name] for name in _SUMMED},
        refused=json.loads(row["refused"]),
        mistakes=tuple((line, why) for line, why in json.loads(row["mistakes"])),
    )
    return Entry(**{name: row[name] for name in plain}, state=ObjectState(row["state"]), reached=reached)
