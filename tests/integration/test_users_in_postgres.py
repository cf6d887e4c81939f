"""What only a PostgreSQL users table does: instants that no `datetime` holds, rights, a table that goes away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from retrograph.errors import ConfigurationError
from retrograph.sources.users_mapping import UsersMapping, read_places
from retrograph.sources.users_table import UsersTable
from retrograph.sources.users_walk import UserRow, UsersWalk, present_bound
from tests.integration.command_line import CommandLine

pytestmark = pytest.mark.server

UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
MAPPED = {"email": "email", "phone": "phones.number:at=seen"}


class Database:
    """A database that a test fills with statements."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def sql(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def reader(self) -> str:
        """The URL of a role that may do nothing yet, whose transactions are read only unless it asks otherwise."""
        name = f"reader_of_{self.url.rpartition('/')[2]}"
        self._connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        self._connection.execute(
            sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(name))
        )
        return self.url.replace("postgres@", f"{name}@")

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def made(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.sql(
        "CREATE TABLE users (user_id text PRIMARY KEY, created_at timestamptz NOT NULL, email text);"
        "CREATE TABLE phones (user_id text, number text, seen timestamp);"
    )
    yield database
    database.close()


def table(url: str, *, by_time: bool = True) -> UsersTable:
    mapping = UsersMapping(table="users", user_id="user_id", created_at="created_at", places=read_places(MAPPED))
    return UsersTable(url, mapping, by_time=by_time)


async def walked(url: str, *, page: int, by_time: bool = True, after: str | None = None) -> list[UserRow]:
    users = table(url, by_time=by_time)
    try:
        walk = UsersWalk(users, await users.shape(), await present_bound(users), page)
        return [row async for rows in walk.pages(after) for row in rows]
    finally:
        await users.close()


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_instants_that_python_cannot_hold_stop_nobody_and_are_no_facts(made: Database, page: int) -> None:
    made.sql(
        "INSERT INTO users VALUES ('b', '-infinity', 'b'), ('a', '-infinity', 'a'), ('c', '0044-03-15 BC', 'c'), "
        "('d', '0001-01-01 00:00:00+00', 'd'), ('e', '2017-01-01', 'e');"
        "INSERT INTO phones VALUES ('e', '1', '-infinity'), ('e', '2', 'infinity'), ('e', '3', NULL)"
    )

    rows = await walked(made.url, page=page)

    assert [row.key for row in rows] == ["a", "b", "c", "d", "e"]
    assert all(row.created_at is not None and row.created_at < 0 for row in rows[:4])
    assert [value.at for value in rows[-1].identifiers if value.value == "3"] == [None]
    assert [row.key for row in await walked(made.url, page=page, by_time=False)] == ["a", "b", "c", "d", "e"]
    for number, row in enumerate(rows):  # in the same walk, and in a later one with an overlap
        assert [left.key for left in await walked(made.url, page=page, after=row.cursor)] == [
            left.key for left in rows[number + 1 :]
        ]


async def test_a_role_that_may_only_read_is_enough_and_one_that_may_not_hears_of_it_first(made: Database) -> None:
    made.sql("INSERT INTO users VALUES ('a', '2017-01-01', 'a')")
    reader = made.reader()
    name = reader.split("//")[1].split("@")[0]
    made.sql(f"GRANT SELECT ON users TO {name}")

    users = table(reader)
    with pytest.raises(ConfigurationError, match="permission denied for table phones"):
        await users.shape()
    await users.close()

    made.sql(f"GRANT SELECT ON phones TO {name}")
    assert [row.key for row in await walked(reader, page=10)] == ["a"]


def test_a_table_that_goes_away_ends_the_run_and_its_cursor_is_kept(tmp_path: Path, made: Database) -> None:
    made.sql(
        "INSERT INTO users SELECT 'u' || n, timestamptz '2017-01-01' + n * interval '1 s', 'u' || n || '@example.com' "
        "FROM generate_series(10001, 19000) n"
    )
    settings = {f"users_{type_}": place for type_, place in MAPPED.items()}
    cli = CommandLine(tmp_path, users_url=made.url, **settings)
    stopped = cli.run("backfill", "identity", "--rate-limit", "2000", "--max-runtime-ms", "1000", "--once", "--json")
    assert (stopped.code, stopped.json["reason"]) == (6, "max-runtime")

    with cli.running("backfill", "identity", "--rate-limit", "500", "--json") as process:
        _reached(cli, stopped.json["processed"] + 1)
        made.sql("ALTER TABLE users RENAME TO moved")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert '"state": "failed"' in out
    assert "has no such table any more" in err
    made.sql("ALTER TABLE moved RENAME TO users")

    resumed = cli.run("backfill", "identity", "--rate-limit", "10000", "--json")

    assert (resumed.code, resumed.json["processed"], resumed.json["failed"]) == (0, 9_000, 0)


def _reached(cli: CommandLine, processed: int) -> Any:
    for _ in range(200):
        shown = cli.run("jobs", "show", "identity", "--json").json
        if shown["state"] == "running" and shown["processed"] >= processed:
            return shown
    raise AssertionError("the job did not come so far")


@pytest.mark.parametrize(
    ("id_type", "owner_type", "ids", "owners"),
    [
        pytest.param("text", "varchar(4)", ["abcd", "abcdef"], ["abcd"], id="shorter-text"),
        pytest.param("text", "char(6)", ["abcd", "abcdef"], ["abcdef"], id="padded-text"),
        pytest.param("bigint", "integer", ["7", "5000000000"], ["7"], id="smaller-number"),
        pytest.param("uuid", "uuid", [UUID], [UUID], id="uuid"),
        pytest.param("text", "side", ["left", "right"], ["left"], id="enumeration"),
    ],
)
async def test_a_child_belongs_to_the_user_of_exactly_its_id_whatever_the_columns_hold(
    made: Database, id_type: str, owner_type: str, ids: list[str], owners: list[str]
) -> None:
    made.sql(
        "CREATE TYPE side AS ENUM ('left', 'right');"
        f"ALTER TABLE users ALTER user_id TYPE {id_type} USING user_id::{id_type};"
        f"ALTER TABLE phones ALTER user_id TYPE {owner_type} USING user_id::{owner_type};"
    )
    for user_id in ids:
        made.sql(f"INSERT INTO users VALUES ('{user_id}', '2017-01-01', NULL)")
    for owner in owners:
        made.sql(f"INSERT INTO phones VALUES ('{owner}', 'of {owner}', NULL)")

    rows = await walked(made.url, page=100)

    found = {row.key: [each.value for each in row.identifiers] for row in rows}
    assert found == {user_id: [f"of {user_id}"] if user_id in owners else [] for user_id in ids}
