"""Brings a database to the tables of this version, once, however many processes open it at the same time.

The usual case, a database that is up to date, costs one query and does not load Alembic.
"""

from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from retrograph.errors import ConfigurationError
from retrograph.store.engine import BUSY_SECONDS, Database, DatabaseClock, Synchronous, connect

HEAD: Final = "0012"
"""The latest migration; a test holds it against the files."""

VERSION_TABLE: Final = "store_version"
_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_265_747_267
"""An arbitrary number that names our lock in PostgreSQL."""


async def open_database(
    url: str,
    *,
    synchronous: Synchronous = "FULL",
    busy_seconds: float = BUSY_SECONDS,
    now: DatabaseClock | None = None,
) -> Database:
    """Connects and migrates. `synchronous` is SQLite's: NORMAL only where the graph is the same file.

    `busy_seconds` bounds the wait for another one's lock, and on PostgreSQL how long a transaction may lie idle; it
    must be well under a lease. Raises ConfigurationError (wrong URL, credentials, not writable, or a newer
    version's), DependencyDown, MissingExtra.
    """
    database = connect(url, synchronous=synchronous, busy_seconds=busy_seconds, now=now)
    try:
        await migrate(database)
    except BaseException:
        await database.close()
        raise
    return database


async def migrate(database: Database) -> None:
    """Upgrades where needed. A version that this one does not know is refused."""
    if await database.read(_version) != HEAD:
        await database.write(partial(_migrate, database))


def _migrate(database: Database, connection: Connection) -> None:
    # Under the lock, a second process finds the work done. SQLite's transaction holds its write lock already.
    if not database.embedded:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = _version(connection)
    _refuse_newer(version, database)
    if version != HEAD:
        _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def _refuse_newer(version: str | None, database: Database) -> None:
    if version is not None and version > HEAD:
        raise ConfigurationError(
            f"the job store at {database.where} is of a newer version ({version}) than this Retrograph knows ({HEAD}): "
            "upgrade Retrograph, or name another store"
        )


def _upgrade(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_FOLDER))

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()
