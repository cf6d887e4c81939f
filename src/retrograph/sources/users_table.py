"""A table of users in any SQL database: looked at before a job starts, read in pages, never written.

How it is walked is `users_walk`; what its columns mean is `users_mapping`.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    false,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError
from sqlalchemy.types import JSON, DateTime, Integer, String, Uuid

from retrograph.config import redacted
from retrograph.errors import ConfigurationError, MissingExtra
from retrograph.sources.users_errors import DEPENDENCY, translated
from retrograph.sources.users_mapping import Place, UsersMapping, setting_of
from retrograph.sources.users_shape import Found, TableShape, can_identify, can_join, columns_read, shape_of

__all__ = ["DEPENDENCY", "UsersTable"]

T = TypeVar("T")
_log = structlog.get_logger()
_KEY_TYPES: Final = (String, Integer, Uuid)


class UsersTable:
    """The database, connected when it is first asked. Queries run in a thread; each is a short transaction."""

    def __init__(self, url: str, mapping: UsersMapping, *, by_time: bool = True) -> None:
        self._url = _parsed(url)
        self._engine: Engine | None = None
        self._shape: TableShape | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="users-table")
        self.mapping = mapping
        self.by_time = by_time
        """Walked in order of (created_at, user_id), which grows; else of user_id alone."""
        self.where = redacted(self._url.render_as_string(hide_password=False))
        """Its address without secrets."""

    @property
    def dialect(self) -> str:
        """`postgresql`, `sqlite`, …"""
        return self._url.get_backend_name()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Runs a query in the thread. Raises DependencyDown, ConfigurationError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._call, work)

    def _call(self, work: Callable[[Connection], T]) -> T:
        with translated(self.where):
            if self._engine is None:
                self._engine = _engine(self._url)
            with self._engine.connect() as connection:
                return work(connection)

    async def shape(self) -> TableShape:
        """The tables and columns that the mapping names. Raises ConfigurationError naming every one that is not so."""
        if self._shape is None:
            self._shape = await self.run(self._inspected)
        return self._shape

    async def ping(self) -> None:
        """Raises DependencyDown unless the database answers."""
        await self.run(lambda connection: connection.execute(select(1)).all())

    async def close(self) -> None:
        """Gives back the connections."""
        if self._engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _inspected(self, connection: Connection) -> TableShape:
        mistakes: list[str] = []
        finder = _Finder(connection, mistakes)
        mapping = self.mapping
        users = finder.table(mapping.table, "RETROGRAPH_USERS_TABLE")
        if users is None:
            raise ConfigurationError("; ".join(mistakes))
        user_id = finder.column(users, mapping.user_id, "RETROGRAPH_USERS_USER_ID")
        created_at = finder.instant(users, mapping.created_at, "RETROGRAPH_USERS_CREATED_AT")
        if user_id is not None and not isinstance(user_id.type, _KEY_TYPES):
            mistakes.append(f"RETROGRAPH_USERS_USER_ID names {user_id}, which is {_type(user_id)}: it must be an id")
        if not mapping.places:
            mistakes.append("no identifier is mapped: set RETROGRAPH_USERS_EMAIL, _PHONE, _DEVICE, _IP or _PAYMENT")
        found = [finder.place(users, place, mapping.user_id) for place in mapping.places]
        if user_id is not None and created_at is not None and not mistakes:
            finder.check_walk(user_id, created_at, self.by_time)
        if mistakes or user_id is None or created_at is None:
            raise ConfigurationError(_listed(mistakes))
        shape = shape_of(users, user_id, created_at, [place for place in found if place is not None])
        for statement in columns_read(shape):
            connection.execute(statement.where(false()))  # whoever may not read them hears of it now
        return shape


class _Finder:
    """Looks names up in the database and notes those that are not there."""

    def __init__(self, connection: Connection, mistakes: list[str]) -> None:
        self._connection = connection
        self._mistakes = mistakes
        self._metadata = MetaData()

    def table(self, name: str, setting: str) -> Table | None:
        schema, _, bare = name.rpartition(".")
        try:
            return Table(bare, self._metadata, schema=schema or None, autoload_with=self._connection, resolve_fks=False)
        except NoSuchTableError:
            known = inspect(self._connection).get_table_names(schema=schema or None)
            self._mistakes.append(f"{setting} names the table {name}, which does not exist{_instead(known)}")
            return None

    def column(self, table: Table, name: str, setting: str) -> Column[Any] | None:
        if name in table.c:
            return table.c[name]
        known = [column.name for column in table.c]
        self._mistakes.append(f"{setting} names {table.fullname}.{name}, which does not exist{_instead(known)}")
        return None

    def instant(self, table: Table, name: str, setting: str) -> Column[Any] | None:
        column = self.column(table, name, setting)
        if column is not None and not isinstance(column.type, DateTime):
            self._mistakes.append(f"{setting} names {column}, which is {_type(column)}: it must be a timestamp")
        return column

    def place(self, users: Table, place: Place, user_id: str) -> Found | None:
        setting = setting_of(place.type)
        table = users if place.table is None else self.table(place.table, setting)
        if table is None:
            return None
        column = self.column(table, place.column, setting)
        by = self.column(table, place.by or user_id, setting) if place.table is not None else None
        at = self.instant(table, place.at, setting) if place.at is not None else None
        if column is None or (place.table is not None and by is None):
            return None
        self._check_types(setting, place, column, by, users.c.get(user_id))
        return Found(place, column, by, at, f"{table.name}.{place.column}" + "".join(f"/{key}" for key in place.path))

    def _check_types(
        self, setting: str, place: Place, column: Column[Any], by: Column[Any] | None, user_id: Column[Any] | None
    ) -> None:
        if place.path and not isinstance(column.type, JSON | String):
            self._mistakes.append(f"{setting} names a member of {column}, which is {_type(column)}: it must be JSON")
        elif not can_identify(column):
            self._mistakes.append(f"{setting} names {column}, which is {_type(column)}: it cannot name anybody")
        if by is not None and user_id is not None and not can_join(by, user_id):
            self._mistakes.append(
                f"{setting} is joined by {by}, which is {_type(by)}: it must be {_type(user_id)}, as {user_id} is"
            )

    def check_walk(self, user_id: Column[Any], created_at: Column[Any], by_time: bool) -> None:
        """What a keyset would pass over in silence is refused; what would make it slow is told."""
        keys = [("RETROGRAPH_USERS_USER_ID", user_id)]
        if by_time:
            keys.append(("RETROGRAPH_USERS_CREATED_AT", created_at))
        for setting, column in keys:
            missing = select(user_id).where(column.is_(None)).limit(1)
            if column.nullable and (row := self._connection.execute(missing).first()) is not None:
                advice = ": set RETROGRAPH_USERS_WALK_BY=user_id" if column is created_at else ""
                self._mistakes.append(f"{setting} names {column}, which is NULL for user {row[0]}{advice}")
        if self._connection.dialect.name == "sqlite":
            self._check_text(created_at)
        leading = created_at if by_time else user_id
        if not self._indexed(leading):
            _log.warning("users-table-without-index", column=str(leading), advice="each page sorts the whole table")

    def _check_text(self, created_at: Column[Any]) -> None:
        """SQLite keeps whatever it is given: a number would be compared as something else."""
        kind = self._connection.execute(
            select(func.typeof(created_at)).where(created_at.is_not(None)).limit(1)
        ).scalar()
        if kind not in (None, "text"):
            self._mistakes.append(
                f"RETROGRAPH_USERS_CREATED_AT names {created_at}, which holds {kind} values: it must hold timestamps"
            )

    def _indexed(self, column: Column[Any]) -> bool:
        table = column.table
        if not isinstance(table, Table) or not inspect(self._connection).get_table_names(schema=table.schema):
            return True
        indexes = inspect(self._connection).get_indexes(table.name, schema=table.schema)
        leading = [index["column_names"][0] for index in indexes if index["column_names"]]
        primary = list(table.primary_key.columns)
        return column.name in leading or bool(primary and primary[0].name == column.name)


def _instead(known: Sequence[str]) -> str:
    return f"; there are {', '.join(sorted(known)[:20])}" if known else ""


def _type(column: Column[Any]) -> str:
    return f"of type {column.type}"


def _listed(mistakes: Sequence[str]) -> str:
    if len(mistakes) == 1:
        return mistakes[0]
    return f"{len(mistakes)} parts of the users table's mapping are wrong:\n" + "\n".join(
        f"  {mistake}" for mistake in mistakes
    )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("RETROGRAPH_USERS_URL is not a URL: write DIALECT://USER@HOST/DATABASE") from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _decoded(text: str | bytes) -> Any:
    """What a JSON column holds; text that is no JSON stays text, to be judged as such."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


def _engine(url: URL) -> Engine:
    """An engine whose connections cannot write where the database offers that."""
    backend = url.get_backend_name()
    if backend == "sqlite" and not (url.database and Path(url.database).is_file()):
        raise ConfigurationError(f"RETROGRAPH_USERS_URL names the file {url.database}, which does not exist")
    arguments: dict[str, Any] = {}
    if backend == "postgresql" and url.get_driver_name() == "psycopg":
        arguments = {"connect_timeout": 5, "application_name": "retrograph"}
    try:
        engine = create_engine(
            url,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=arguments,
            json_deserializer=_decoded,
        )
    except NoSuchModuleError:
        raise ConfigurationError(
            f"RETROGRAPH_USERS_URL has the scheme {url.drivername}://, which is not known"
        ) from None
    except ModuleNotFoundError as error:
        if backend == "postgresql":
            raise MissingExtra("postgresql", "postgres") from error
        raise ConfigurationError(
            f"RETROGRAPH_USERS_URL needs the database's driver: pip install {error.name}"
        ) from error
    if backend == "postgresql":
        return engine.execution_options(postgresql_readonly=True)
    if backend == "sqlite":

        @event.listens_for(engine, "connect")
        def _read_only(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA query_only = ON")

    return engine
