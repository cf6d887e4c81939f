"""Enrolments on SQL: SQLite or PostgreSQL, one transaction for each verb, on the database's clock."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column, Connection, and_, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from retrograph.enrolment.store import Enrolment, Load, NewEnrolment, Outstanding, Place
from retrograph.enrolment.window import Window
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import enrolments

_AT_ONCE: Final = 500
"""SQLite takes no more than some thousand parameters."""
_NAMES: Final = tuple(column.name for column in enrolments.c)


class SqlEnrolmentStore:
    """`EnrolmentStore` over SQLite or PostgreSQL. The database is migrated before, and closed by its owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, new: Sequence[NewEnrolment], window: Window) -> Mapping[str, Enrolment]:
        return await self._database.write(partial(_record, self._database, new=new, window=window))

    async def walk(self, after: Place | None, limit: int) -> Sequence[Place]:
        return await self._database.read(partial(_walk, after=after, limit=limit))

    async def uncopied(self, limit: int) -> Sequence[str]:
        return await self._database.read(partial(_uncopied, limit=limit))

    async def copied(self, user_ids: Collection[str], window: Window) -> None:
        await self._database.write(partial(_copied, self._database, user_ids=user_ids, window=window))

    async def batches(self, load: Load, key: str, limit: int) -> Mapping[str, Sequence[str]]:
        if not await self._database.read(partial(_any_due, self._database, load=load)):
            return {}
        return await self._database.write(partial(_batches, self._database, load=load, key=key, limit=limit))

    async def requested(self, load: Load, key: str) -> None:
        await self._database.write(partial(_requested, self._database, load=load, key=key))

    async def outstanding(self) -> Outstanding:
        return await self._database.read(_outstanding)


def _record(
    database: Database, connection: Connection, new: Sequence[NewEnrolment], window: Window
) -> Mapping[str, Enrolment]:
    now = database.now(connection)
    kept: dict[str, Enrolment] = {}
    for some in _slices(new):
        rows = [
            {
                "user_id": one.user_id,
                "request_id": one.request_id,
                "origin": one.origin,
                "enrolled_by": stored(one.who, WORD_LENGTH),
                "enrolled_at": now,
                # Whoever set the key in the cache has copied it.
                "copied_at": now if one.origin == "cache" else None,
                "due_at": now + window.whole_ms,
            }
            for one in some
        ]
        connection.execute(database.insert(enrolments).values(rows).on_conflict_do_nothing())
        users = [one.user_id for one in some]
        found = connection.execute(select(enrolments).where(enrolments.c.user_id.in_(users))).mappings()
        kept.update((row["user_id"], Enrolment(**{name: row[name] for name in _NAMES})) for row in found)
    return kept


def _walk(connection: Connection, after: Place | None, limit: int) -> Sequence[Place]:
    at, user_id = enrolments.c.enrolled_at, enrolments.c.user_id
    wanted = select(at, user_id).order_by(at, user_id).limit(limit)
    if after is not None:
        wanted = wanted.where(
            or_(at > after.enrolled_at, and_(at == after.enrolled_at, user_id > after.user_id)), at >= after.enrolled_at
        )
    return [Place(*row) for row in connection.execute(wanted)]


def _uncopied(connection: Connection, limit: int) -> Sequence[str]:
    waiting = select(enrolments.c.user_id).where(enrolments.c.copied_at.is_(None)).limit(limit)
    return list(connection.scalars(waiting))


def _copied(database: Database, connection: Connection, user_ids: Collection[str], window: Window) -> None:
    now = database.now(connection)
    for some in _slices(user_ids):
        mine = enrolments.c.user_id.in_(some) & enrolments.c.copied_at.is_(None)
        late = enrolments.c.enrolled_at < now - window.refresh_ms
        again = {"due_at": now + window.whole_ms, "second_job": None, "settled_at": None}
        connection.execute(update(enrolments).where(mine, late).values(again))
        connection.execute(update(enrolments).where(mine).values(copied_at=now))


def _columns(load: Load) -> tuple[Column[Any], Column[Any]]:
    """Which column holds a batch's key, and which that it was requested."""
    if load == "first":
        return enrolments.c.first_job, enrolments.c.requested_at
    return enrolments.c.second_job, enrolments.c.settled_at


def _due(database: Database, connection: Connection, load: Load) -> ColumnElement[bool]:
    _, done = _columns(load)
    open_ = done.is_(None)
    return open_ if load == "first" else open_ & (enrolments.c.due_at <= database.now(connection))


def _any_due(database: Database, connection: Connection, load: Load) -> bool:
    return connection.execute(select(1).where(_due(database, connection, load)).limit(1)).first() is not None


def _batches(
    database: Database, connection: Connection, load: Load, key: str, limit: int
) -> Mapping[str, Sequence[str]]:
    job, done = _columns(load)
    fresh = select(enrolments.c.user_id).where(_due(database, connection, load), job.is_(None)).limit(limit)
    # On PostgreSQL two servers may come at once: whoever has locked a row has it in its batch.
    users = list(connection.scalars(fresh if database.embedded else fresh.with_for_update(skip_locked=True)))
    for some in _slices(users):
        connection.execute(update(enrolments).where(enrolments.c.user_id.in_(some)).values({job.name: key}))
    waiting = select(job, enrolments.c.user_id).where(job.is_not(None), done.is_(None)).order_by(job, "user_id")
    found: dict[str, list[str]] = {}
    for its, user_id in connection.execute(waiting):
        found.setdefault(str(its), []).append(user_id)
    return found


def _requested(database: Database, connection: Connection, load: Load, key: str) -> None:
    job, done = _columns(load)
    now = database.now(connection)
    connection.execute(update(enrolments).where(job == key, done.is_(None)).values({done.name: now}))


def _outstanding(connection: Connection) -> Outstanding:
    def waiting(column: Column[Any]) -> int:
        return int(connection.scalar(select(func.count()).select_from(enrolments).where(column.is_(None))) or 0)

    return Outstanding(
        enrolled=int(connection.scalar(select(func.count()).select_from(enrolments)) or 0),
        uncopied=waiting(enrolments.c.copied_at),
        unrequested=waiting(enrolments.c.requested_at),
        unsettled=waiting(enrolments.c.settled_at),
    )


def _slices(texts: Any) -> Iterator[list[Any]]:
    left = iter(texts)
    while some := list(islice(left, _AT_ONCE)):
        yield some
