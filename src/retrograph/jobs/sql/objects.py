"""The ledger of objects, on SQL."""

import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, delete, func, insert, select, update

from retrograph.jobs.objects import Entry, Listed, ObjectQuery, ObjectState, Reached, Totals
from retrograph.jobs.sql import objects_found
from retrograph.jobs.sql.gathering import Gathering
from retrograph.jobs.sql.objects_saved import SUMMED, Save, save_all
from retrograph.store.engine import Database
from retrograph.store.tables import object_walks, objects

_PORTION: Final = 5_000
_AT_ONCE: Final = 500


class SqlObjectLedger:
    """`ObjectLedger` over the database of the jobs, which is opened and closed by others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._saves: Gathering[Save] = Gathering(self._save)

    async def begin(self, job_id: str, graph_id: str) -> None:
        while await self._database.write(partial(_forget, job_id=job_id)):
            pass
        await self._database.write(partial(_begin, self._database, job_id=job_id, graph_id=graph_id))

    async def add(self, job_id: str, first: int, found: Sequence[Listed]) -> None:
        await self._database.write(partial(_add, self._database, job_id=job_id, first=first, found=found))

    async def page(self, job_id: str, query: ObjectQuery) -> Sequence[Entry]:
        return await self._database.read(partial(_page, self._database, job_id=job_id, query=query))

    async def entry(self, job_id: str, key: str) -> Entry | None:
        return await self._database.read(partial(_entry, job_id=job_id, key=key))

    async def unchanged(self, job_id: str, graph_id: str) -> int:
        count = 0
        async for after, last in self._portions(job_id):
            found = partial(_unchanged, job_id=job_id, graph_id=graph_id, after=after, last=last)
            count += len(await self._database.read(found))
        return count

    async def pass_over(self, job_id: str, graph_id: str) -> int:
        count = 0
        async for after, last in self._portions(job_id):
            some = partial(_pass_over, job_id=job_id, graph_id=graph_id, after=after, last=last)
            count += await self._database.write(some)
        return count

    async def _portions(self, job_id: str) -> AsyncIterator[tuple[int, int]]:
        """The numbers of the objects, so many at a time that a renewal never waits long."""
        after = 0
        while (last := await self._database.read(partial(_last, job_id=job_id, after=after))) is not None:
            yield after, last
            after = last

    async def save(
        self, job_id: str, entry: Entry, state: ObjectState, reached: Reached, error: str | None = None
    ) -> None:
        await self._saves.add(Save(job_id, entry.number, state, reached, error))

    async def _save(self, saves: Sequence[Save]) -> None:
        await self._database.write(partial(save_all, self._database, saves=saves))

    async def totals(self, job_id: str) -> Totals | None:
        return await self._database.read(partial(_totals, job_id=job_id))


def _forget(connection: Connection, job_id: str) -> int:
    """In portions, so that a renewal never waits long."""
    some = select(objects.c.number).where(objects.c.job_id == job_id).limit(_PORTION)
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


def _page(database: Database, connection: Connection, job_id: str, query: ObjectQuery) -> Sequence[Entry]:
    return [_entry_of(row) for row in objects_found.page(database, connection, job_id, query)]


def _entry(connection: Connection, job_id: str, key: str) -> Entry | None:
    wanted = select(objects).where(objects.c.job_id == job_id, objects.c.key == key)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else _entry_of(row)


def _last(connection: Connection, job_id: str, after: int) -> int | None:
    """The last object of the next portion."""
    some = select(objects.c.number).where(objects.c.job_id == job_id, objects.c.number > after)
    portion = some.order_by(objects.c.number).limit(_PORTION).subquery()
    last: int | None = connection.scalar(select(func.max(portion.c.number)))
    return last


def _unchanged(connection: Connection, job_id: str, graph_id: str, after: int, last: int) -> Sequence[int]:
    other = objects.alias()
    same = (other.c.content == objects.c.content) & (other.c.graph_id == graph_id) & (other.c.job_id != job_id)
    known = select(other.c.number).where(same, *_whole(other)).exists()
    mine = (objects.c.job_id == job_id) & (objects.c.number > after) & (objects.c.number <= last)
    return list(connection.scalars(select(objects.c.number).where(mine, known)))


def _pass_over(connection: Connection, job_id: str, graph_id: str, after: int, last: int) -> int:
    found = _unchanged(connection, job_id, graph_id, after, last)
    for at in range(0, len(found), _AT_ONCE):
        some = (objects.c.job_id == job_id) & objects.c.number.in_(found[at : at + _AT_ONCE])
        connection.execute(update(objects).where(some).values(state=ObjectState.UNCHANGED.value))
    passed = object_walks.c.unchanged + len(found)
    connection.execute(update(object_walks).where(object_walks.c.job_id == job_id).values(unchanged=passed))
    return len(found)


def _whole(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Of what the gate kept out somebody may want the rest."""
    return table.c.state == ObjectState.INGESTED.value, table.c.gated == 0


def _totals(connection: Connection, job_id: str) -> Totals | None:
    wanted = select(object_walks).where(object_walks.c.job_id == job_id)
    row = connection.execute(wanted).mappings().first()
    if row is None:
        return None
    return Totals(**{name: row[name] for name in Totals.__dataclass_fields__})


def _entry_of(row: RowMapping) -> Entry:
    plain = ("number", "key", "size", "version", "modified_at", "content", "error", "attempts", "updated_at")
    reached = Reached(
        offset=row["offset"],
        line=row["line"],
        **{name: row[name] for name in SUMMED},
        refused=json.loads(row["refused"]),
        mistakes=tuple((line, why) for line, why in json.loads(row["mistakes"])),
    )
    return Entry(**{name: row[name] for name in plain}, state=ObjectState(row["state"]), reached=reached)
