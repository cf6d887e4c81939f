"""The store's tables: brought up to date once, by whoever comes first, and never by an older version."""

import asyncio
import os
import stat
import sys
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from retrograph.errors import ConfigurationError, DependencyDown, MissingExtra
from retrograph.store import schema
from retrograph.store.engine import connect
from retrograph.store.schema import HEAD, VERSION_TABLE, open_database
from retrograph.store.tables import metadata


def execute(statement: str, connection: Connection) -> None:
    connection.execute(text(statement))


def test_the_head_is_that_of_the_files() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert scripts.get_heads() == [HEAD]


def differences(connection: Connection) -> list[object]:
    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return kind != "table" or name != VERSION_TABLE

    options = {"include_object": ours, "compare_type": True, "version_table": VERSION_TABLE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def test_the_migrations_end_in_the_tables_that_the_code_uses(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}" if backend == "sqlite" else request.getfixturevalue("postgres_url")
    database = await open_database(url)
    assert await database.read(differences) == []
    await database.close()


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def test_many_may_open_a_new_store_at_once(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}" if backend == "sqlite" else request.getfixturevalue("postgres_url")
    opened = await asyncio.gather(*(open_database(url) for _ in range(6)))
    for database in opened:
        await database.close()


async def test_a_newer_schema_is_refused_in_one_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database = await open_database(url)
    await database.write(partial(execute, f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    await database.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        await open_database(url)


async def test_what_is_no_database_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"\x93junk" * 5_000)
    with pytest.raises(ConfigurationError, match="not a SQLite database"):
        await open_database(f"sqlite:///{junk}")
    with pytest.raises(ConfigurationError, match="no folder"):
        await open_database(f"sqlite:///{tmp_path}/missing/a.db")
    for url in ("mysql://x/y", "sqlite://", "nonsense"):
        with pytest.raises(ConfigurationError, match="job store"):
            await open_database(url)


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return tmp_path


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
async def test_a_folder_that_cannot_be_written_is_one_too(read_only: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be"):
        await open_database(f"sqlite:///{read_only}/a.db")


async def test_a_server_that_does_not_answer_is_down() -> None:
    with pytest.raises(DependencyDown, match="does not answer") as refused:
        await open_database("postgresql://user:secret@127.0.0.1:1/jobs")
    assert refused.value.dependency == "store"
    assert "secret" not in str(refused.value)


@pytest.mark.server
async def test_wrong_names_on_a_server_are_mistakes_of_the_settings(postgres_url: str) -> None:
    with pytest.raises(ConfigurationError, match="no such database"):
        await open_database(postgres_url.rsplit("/", 1)[0] + "/missing")


async def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match="postgres"):
        connect("postgresql://user@127.0.0.1/jobs")


async def test_a_file_that_another_process_holds_is_an_outage(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    first, second = await open_database(url), await open_database(url, busy_seconds=0.05)

    def meanwhile(connection: Connection) -> None:
        del connection
        with pytest.raises(DependencyDown, match="locked by another process"):
            asyncio.run(second.write(partial(execute, "SELECT 1")))

    await first.write(meanwhile)
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "url", ["postgresql://ann:hunter2@db/jobs", "postgresql://ann@db/jobs?password=hunter2&sslpassword=hunter2"]
)
async def test_where_a_store_is_never_tells_a_password(url: str) -> None:
    database = connect(url)
    assert "hunter2" not in database.where and "db/jobs" in database.where
    await database.close()
