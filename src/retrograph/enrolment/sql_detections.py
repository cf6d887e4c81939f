"""What the detector remembers, on SQL: one transaction for each verb, on the database's clock."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final, Literal

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from retrograph.enrolment.detections import Detection, Looked
from retrograph.enrolment.window import Window
from retrograph.errors import NotFound
from retrograph.jobs.text import WORD_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import detections, enabled_users

_AT_ONCE: Final = 500
_NAMES: Final = tuple(Detection.__slots__)


class SqlDetectionStore:
    """`DetectionStore` over SQLite or PostgreSQL. The database is migrated before, and closed by its owner."""

    def __init__(self, database: Database, window: Window) -> None:
        self._database = database
        self._window = window

    async def begin(self, detection_id: str, flag: str, who: str, rest_ms: int) -> bool:
        return await self._database.write(
            partial(
                _begin,
                self._database,
                detection_id=detection_id,
                flag=flag,
                who=who,
                rest_ms=rest_ms,
                window=self._window,
            )
        )

    async def known(self, flag: str, after: str, limit: int) -> Sequence[str]:
        mine = (enabled_users.c.flag == flag) & (enabled_users.c.user_id > after)
        return await self._database.read(partial(_users, where=mine, limit=limit))

    async def add(self, detection_id: str, flag: str, user_ids: Collection[str]) -> bool:
        return await self._database.write(
            partial(_add, self._database, detection_id=detection_id, flag=flag, user_ids=user_ids)
        )

    async def add_spared(self, flag: str, user_ids: Collection[str]) -> None:
        await self._database.write(partial(_insert, self._database, detection_id=None, flag=flag, user_ids=user_ids))

    async def drop(self, flag: str, user_ids: Collection[str]) -> None:
        await self._database.write(partial(_drop, flag=flag, user_ids=user_ids))

    async def seal(self, detection_id: str, looked: Looked, window: Window) -> Detection:
        return await self._database.write(
            partial(_seal, self._database, detection_id=detection_id, looked=looked, window=window)
        )

    async def members(self, detection_id: str, after: str, limit: int) -> Sequence[str]:
        mine = (enabled_users.c.detection_id == detection_id) & (enabled_users.c.user_id > after)
        return await self._database.read(partial(_users, where=mine, limit=limit))

    async def due(self, load: Literal["first", "second"]) -> Sequence[Detection]:
        return await self._database.read(partial(_due, self._database, load=load))

    async def requested(self, detection_id: str, load: Literal["first", "second"]) -> None:
        await self._database.write(partial(_requested, self._database, detection_id=detection_id, load=load))

    async def latest(self, limit: int) -> Sequence[Detection]:
        return await self._database.read(partial(_latest, limit=limit))

    async def count_known(self, flag: str) -> int:
        return await self._database.read(partial(_count, where=enabled_users.c.flag == flag))


def _begin(
    database: Database, connection: Connection, detection_id: str, flag: str, who: str, rest_ms: int, window: Window
) -> bool:
    now = database.now(connection)
    mine = detections.c.flag == flag
    recent = select(1).where(mine, detections.c.began_at > now - rest_ms).limit(1)
    if rest_ms and connection.execute(recent).first() is not None:
        return False
    died = select(detections.c.detection_id).where(mine, detections.c.sealed_at.is_(None))
    for other in connection.scalars(died).all():
        _seal(database, connection, other, None, window)
    values = {
        "detection_id": detection_id,
        "flag": flag,
        "began_at": now,
        "who": stored(who, WORD_LENGTH),
        "looked": 0,
        "found": 0,
        "left": 0,
        "spared": 0,
    }
    connection.execute(database.insert(detections).values(values))
    return True


def _add(database: Database, connection: Connection, detection_id: str, flag: str, user_ids: Collection[str]) -> bool:
    # Under the row's lock: whoever seals the pass counts those that are in it, and later ones would be forgotten.
    mine = detections.c.detection_id == detection_id
    row = connection.execute(select(detections.c.sealed_at).where(mine).with_for_update()).first()
    if row is None or row.sealed_at is not None:
        return False
    _insert(database, connection, detection_id, flag, user_ids)
    return True


def _insert(
    database: Database, connection: Connection, detection_id: str | None, flag: str, user_ids: Collection[str]
) -> None:
    now = database.now(connection)
    for some in _slices(user_ids):
        rows = [{"flag": flag, "user_id": one, "found_at": now, "detection_id": detection_id} for one in some]
        connection.execute(database.insert(enabled_users).values(rows).on_conflict_do_nothing())


def _drop(connection: Connection, flag: str, user_ids: Collection[str]) -> None:
    for some in _slices(user_ids):
        gone = (enabled_users.c.flag == flag) & enabled_users.c.user_id.in_(some)
        connection.execute(delete(enabled_users).where(gone))


def _seal(
    database: Database, connection: Connection, detection_id: str, looked: Looked | None, window: Window
) -> Detection:
    now = database.now(connection)
    mine = detections.c.detection_id == detection_id
    connection.execute(select(detections.c.sealed_at).where(mine).with_for_update()).first()
    found = _count(connection, enabled_users.c.detection_id == detection_id)
    values: dict[str, int] = {"sealed_at": now, "found": found, "due_at": now + window.whole_ms}
    if looked is not None:
        values |= {"looked": looked.looked, "left": looked.left, "spared": looked.spared}
    if not found:
        values |= {"requested_at": now, "settled_at": now}
    connection.execute(update(detections).where(mine, detections.c.sealed_at.is_(None)).values(values))
    return _one(connection, detection_id)


def _one(connection: Connection, detection_id: str) -> Detection:
    row = connection.execute(select(detections).where(detections.c.detection_id == detection_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no detection {detection_id}")
    return Detection(**{name: row[name] for name in _NAMES})


def _due(database: Database, connection: Connection, load: Literal["first", "second"]) -> Sequence[Detection]:
    wanted = select(detections).where(detections.c.sealed_at.is_not(None)).order_by(detections.c.began_at)
    if load == "first":
        wanted = wanted.where(detections.c.requested_at.is_(None))
    else:
        due = detections.c.due_at <= database.now(connection)
        wanted = wanted.where(detections.c.requested_at.is_not(None), detections.c.settled_at.is_(None), due)
    return [Detection(**{name: row[name] for name in _NAMES}) for row in connection.execute(wanted).mappings()]


def _requested(database: Database, connection: Connection, detection_id: str, load: Literal["first", "second"]) -> None:
    column = detections.c.requested_at if load == "first" else detections.c.settled_at
    mine = (detections.c.detection_id == detection_id) & column.is_(None)
    connection.execute(update(detections).where(mine).values({column.name: database.now(connection)}))


def _latest(connection: Connection, limit: int) -> Sequence[Detection]:
    wanted = select(detections).order_by(detections.c.began_at.desc(), detections.c.detection_id).limit(limit)
    return [Detection(**{name: row[name] for name in _NAMES}) for row in connection.execute(wanted).mappings()]


def _users(connection: Connection, where: ColumnElement[bool], limit: int) -> Sequence[str]:
    wanted = select(enabled_users.c.user_id).where(where).order_by(enabled_users.c.user_id).limit(limit)
    return list(connection.scalars(wanted))


def _count(connection: Connection, where: ColumnElement[bool]) -> int:
    return int(connection.scalar(select(func.count()).select_from(enabled_users).where(where)) or 0)


def _slices(texts: Collection[str]) -> Iterator[list[str]]:
    left = iter(texts)
    while some := list(islice(left, _AT_ONCE)):
        yield some
