"""What a database's errors mean to a person: the only place that knows SQLAlchemy's, SQLite's and PostgreSQL's."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError

DEPENDENCY = "store"

_SQLITE_SETTINGS = {
    "SQLITE_READONLY": "{where} cannot be written: check the file's and its folder's permissions, and the disk",
    "SQLITE_CANTOPEN": "{where} cannot be opened: check that its folder exists and can be written",
    "SQLITE_PERM": "{where} cannot be opened: permission denied",
    "SQLITE_AUTH": "{where} cannot be opened: permission denied",
    "SQLITE_NOTADB": "{where} is not a SQLite database",
    "SQLITE_CORRUPT": "{where} is damaged: restore it from a copy",
}
_SQLITE_OUTAGES = {
    "SQLITE_BUSY": "{where} is locked by another process that does not let go",
    "SQLITE_LOCKED": "{where} is locked by another process that does not let go",
    "SQLITE_FULL": "the disk that holds {where} is full",
    "SQLITE_IOERR": "the disk that holds {where} fails",
}
_POSTGRES_SETTINGS = {
    "28": "{where} refuses the user or the password",
    "3D": "{where} has no such database",
    "42501": "{where} does not let this user do that: it needs to create and write tables",
    "25006": "{where} is read-only: it may be a standby",
}
_POSTGRES_OUTAGES = {
    "53100": "the disk of {where} is full",
    "53300": "{where} takes no further connection",
    "57P": "{where} is being stopped or started",
}
_POSTGRES_WORDS = {
    "password authentication failed": "28",
    "no password supplied": "28",
    "role": "28",
    "pg_hba.conf": "28",
    "database": "3D",
}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns every error of the database into one of ours; `where` is its address without secrets."""
    try:
        yield
    except exc.DBAPIError as error:
        raise translate(error, where) from error
    except exc.TimeoutError as error:
        raise DependencyDown(DEPENDENCY, f"the job store at {where} is too busy: no connection became free") from error
    except exc.SQLAlchemyError as error:
        raise RetrographError(f"the job store at {where} failed: {_first_line(error)}") from error
    except OSError as error:
        raise DependencyDown(DEPENDENCY, f"the job store at {where} cannot be reached: {_first_line(error)}") from error


def translate(error: exc.DBAPIError, where: str) -> RetrographError:
    """The sentence for an error of the driver."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, where)
    return _of_postgres(error, where)


def _of_sqlite(cause: sqlite3.Error, where: str) -> RetrographError:
    name = getattr(cause, "sqlite_errorname", None) or ""
    described = f"the job store {where}"
    for prefix, sentence in _SQLITE_SETTINGS.items():
        if name.startswith(prefix):
            return ConfigurationError(sentence.format(where=described))
    for prefix, sentence in _SQLITE_OUTAGES.items():
        if name.startswith(prefix):
            return DependencyDown(DEPENDENCY, sentence.format(where=described))
    return RetrographError(f"{described} failed: {_first_line(cause)}")


def _of_postgres(error: exc.DBAPIError, where: str) -> RetrographError:
    cause = error.orig
    state = getattr(cause, "sqlstate", None) or _state_from_words(str(cause))
    described = f"the job store at {where}"
    for prefix, sentence in _POSTGRES_SETTINGS.items():
        if state.startswith(prefix):
            return ConfigurationError(sentence.format(where=described))
    for prefix, sentence in _POSTGRES_OUTAGES.items():
        if state.startswith(prefix):
            return DependencyDown(DEPENDENCY, f"{sentence.format(where=described)}: {_first_line(cause)}")
    if error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError):
        return DependencyDown(DEPENDENCY, f"{described} does not answer: {_first_line(cause)}")
    return RetrographError(f"{described} failed: {_first_line(cause)}")


def _state_from_words(text: str) -> str:
    # A connection that was refused carries no SQLSTATE, only the server's words.
    if "FATAL" not in text:
        return ""
    lowered = text.lower()
    for words, state in _POSTGRES_WORDS.items():
        missing = words in ("role", "database")
        if words in lowered and (not missing or "does not exist" in lowered):
            return state
    return ""


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
