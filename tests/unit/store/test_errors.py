"""What an error of a database means to the person who reads it, and whether waiting for it helps."""

import sqlite3

import psycopg
import pytest
from sqlalchemy import exc

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.store.errors import translate


def of_postgres(state: str) -> RetrographError:
    cause = psycopg.errors.lookup(state)("because")
    wrapped = exc.DBAPIError.instance("SELECT 1", None, cause, psycopg.Error)
    assert isinstance(wrapped, exc.DBAPIError)
    return translate(wrapped, "postgresql://db/retrograph")


@pytest.mark.parametrize(
    ("state", "ours", "words"),
    [
        ("53100", DependencyDown, "the disk of the job store at postgresql://db/retrograph is full: because"),
        ("53300", DependencyDown, "takes no further connection"),
        ("57P01", DependencyDown, "is being stopped or started"),
        ("57P02", DependencyDown, "is being stopped or started"),
        ("57P03", DependencyDown, "is being stopped or started"),
        ("58030", DependencyDown, "does not answer"),
        ("08006", DependencyDown, "does not answer"),
        ("40P01", DependencyDown, "does not answer"),
        ("25006", ConfigurationError, "read-only"),
        ("28P01", ConfigurationError, "refuses the user"),
        ("42P01", RetrographError, "failed"),
    ],
)
def test_what_an_error_of_postgresql_means(state: str, ours: type[Exception], words: str) -> None:
    translated = of_postgres(state)
    assert type(translated) is ours
    assert words in str(translated)


@pytest.mark.parametrize(
    ("name", "ours", "words"),
    [
        ("SQLITE_FULL", DependencyDown, "the disk that holds the job store jobs.db is full"),
        ("SQLITE_IOERR_SHMSIZE", DependencyDown, "fails"),
        ("SQLITE_BUSY_SNAPSHOT", DependencyDown, "locked by another process"),
        ("SQLITE_CORRUPT", ConfigurationError, "restore it from a copy"),
        ("SQLITE_CONSTRAINT", RetrographError, "failed"),
    ],
)
def test_what_an_error_of_sqlite_means(name: str, ours: type[Exception], words: str) -> None:
    cause = sqlite3.OperationalError("because")
    cause.sqlite_errorname = name
    translated = translate(exc.DBAPIError("SELECT 1", None, cause), "jobs.db")
    assert type(translated) is ours
    assert words in str(translated)
