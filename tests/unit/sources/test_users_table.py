"""A users table as other people made it: the mapping is checked by name, and the walk passes over nobody."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from retrograph.errors import ConfigurationError, DependencyDown, RetrographError
from retrograph.sandbox.users_database import write_users
from retrograph.sources.users_mapping import UsersMapping, read_places
from retrograph.sources.users_table import UsersTable
from retrograph.sources.users_walk import NO_VALUE, UserRow, UsersWalk, present_bound

BOUND = "2018-01-01T00:00:00.000+00:00"
NEXT_BOUND = "2018-02-01T00:00:00.000+00:00"


class Made:
    """A SQLite file that a test fills with statements."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sql(self, script: str) -> None:
        connection = sqlite3.connect(self.path)
        connection.executescript(script)
        connection.commit()
        connection.close()

    def table(self, *, by_time: bool = True, table: str = "users", **places: str) -> UsersTable:
        return self.mapped(places or {"email": "email"}, by_time=by_time, table=table)

    def mapped(self, places: Mapping[str, str], *, by_time: bool = True, table: str = "users") -> UsersTable:
        mapping = UsersMapping(table=table, user_id="user_id", created_at="created_at", places=read_places(places))
        return UsersTable(f"sqlite:///{self.path}", mapping, by_time=by_time)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "users.db")


@asynccontextmanager
async def walking(table: UsersTable, *, bound: str = BOUND, page: int = 2) -> AsyncIterator[UsersWalk]:
    try:
        yield UsersWalk(table, await table.shape(), bound, page)
    finally:
        await table.close()


async def walked(table: UsersTable, after: str | None = None, *, bound: str = BOUND, page: int = 2) -> list[UserRow]:
    async with walking(table, bound=bound, page=page) as walk:
        return [row async for rows in walk.pages(after) for row in rows]


def keys(rows: list[UserRow]) -> list[str]:
    return [row.key for row in rows]


SIMPLE = "CREATE TABLE users (user_id TEXT PRIMARY KEY, created_at TIMESTAMP NOT NULL, email TEXT);"


async def test_instants_of_any_precision_are_walked_in_order_and_nobody_is_passed_over(made: Made) -> None:
    made.sql(
        SIMPLE
        + """INSERT INTO users VALUES ('c', '2017-01-01 00:00:00', 'c'), ('a', '2017-01-01 00:00:00', 'a'),
        ('b', '2017-01-01 00:00:00', 'b'), ('d', '2017-01-01 00:00:00.5', 'd'), ('e', '2017-01-01 00:00', 'e'),
        ('f', '2017-03-01', 'f'), ('g', 'some day', 'g'), ('late', '2018-01-01 00:00:01', 'x');"""
    )

    for page in (1, 2, 3, 100):
        rows = await walked(made.table(), page=page)
        assert keys(rows) == ["e", "a", "b", "c", "d", "f", "g"]
    assert rows[1].created_at == 1_483_228_800_000
    assert rows[-1].created_at == -1
    assert [value.value for row in rows for value in row.identifiers] == ["e", "a", "b", "c", "d", "f", "g"]


async def test_a_walk_goes_on_behind_its_cursor(made: Made) -> None:
    made.sql(
        SIMPLE + "INSERT INTO users VALUES ('a', '2017-01-01', 'a'), ('b', '2017-01-02', 'b'), ('c', '2017-01-03', '');"
    )
    first = await walked(made.table())

    assert keys(await walked(made.table(), first[0].cursor)) == ["b", "c"]
    async with walking(made.table()) as walk:
        assert (await walk.count(None), await walk.count(first[1].cursor)) == (3, 1)


async def test_a_later_run_goes_on_with_an_overlap(made: Made) -> None:
    made.sql(SIMPLE + "INSERT INTO users VALUES ('old', '2017-01-01', 'a'), ('edge', '2017-12-31 23:58:00', 'b');")
    before = await walked(made.table())
    made.sql("INSERT INTO users VALUES ('slow', '2017-12-31 23:57:00', 'c'), ('new', '2018-01-09', 'd');")

    rows = await walked(made.table(), before[-1].cursor, bound=NEXT_BOUND)

    assert keys(rows) == ["slow", "edge", "new"]


async def test_the_overlap_never_begins_after_the_cursor(made: Made) -> None:
    made.sql(SIMPLE + "INSERT INTO users VALUES ('a', '2017-01-01', 'a'), ('b', '2017-01-02', 'b');")
    before = await walked(made.table())

    assert keys(await walked(made.table(), before[0].cursor, bound=NEXT_BOUND)) == ["b"]


async def test_ids_that_do_not_grow_are_walked_anew(made: Made) -> None:
    made.sql(SIMPLE + "INSERT INTO users VALUES ('m', '2017-01-01', 'a'), ('z', '2017-01-02', 'b');")
    before = await walked(made.table(by_time=False))
    made.sql("INSERT INTO users VALUES ('b', '2018-01-09', 'c');")

    assert keys(await walked(made.table(by_time=False), before[0].cursor)) == ["z"]
    assert keys(await walked(made.table(by_time=False), before[-1].cursor, bound=NEXT_BOUND)) == ["b", "m", "z"]


async def test_users_without_an_instant_are_refused_in_order_of_time_and_walked_in_order_of_id(made: Made) -> None:
    made.sql(
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, created_at TIMESTAMP, email TEXT);"
        "INSERT INTO users VALUES (7, NULL, 'a'), (8, '2017-01-01', 'b');"
    )
    with pytest.raises(ConfigurationError, match=r"users.created_at, which is NULL for user 7: .*WALK_BY=user_id"):
        await walked(made.table())

    rows = await walked(made.table(by_time=False), page=1)

    assert [(row.key, row.created_at) for row in rows] == [("7", None), ("8", 1_483_228_800_000)]


async def test_places_of_every_sort_are_read(made: Made) -> None:
    made.sql(
        """CREATE TABLE users (user_id TEXT PRIMARY KEY, created_at TIMESTAMP, mail TEXT, other_mail TEXT, profile JSON,
            words TEXT, last_ip TEXT, last_login TIMESTAMP);
        CREATE TABLE phones (owner TEXT, number TEXT, seen TIMESTAMP);
        INSERT INTO users VALUES
            ('ann', '2017-01-01', 'a@x', 'b@x', '{"contact": {"ids": ["d1", 2, null, ["d3"]]}}', '{"card": "c1"}',
             '81.0.0.1', '2017-05-01'),
            ('ben', '2017-01-02', NULL, ' ', '{', 'no json', NULL, NULL),
            ('cleo', '2017-01-03', NULL, NULL, 'null', '{}', NULL, NULL);
        INSERT INTO phones VALUES
            ('ann', '+1', '2017-02-01'), ('ann', '+2', NULL), ('zoe', '+3', NULL), ('ben', NULL, NULL);"""
    )
    table = made.table(
        email="mail other_mail",
        device="profile/contact/ids",
        payment="words/card",
        phone="phones.number:by=owner:at=seen",
        ip="last_ip:at=last_login",
    )

    ann, ben, cleo = await walked(table)
    assert cleo.identifiers == []

    assert {(value.type, value.value, value.source) for value in ann.identifiers} == {
        ("email", "a@x", "users.mail"),
        ("email", "b@x", "users.other_mail"),
        ("device", "d1", "users.profile/contact/ids"),
        ("device", "2", "users.profile/contact/ids"),
        ("device", "d3", "users.profile/contact/ids"),
        ("payment", "c1", "users.words/card"),
        ("phone", "+1", "phones.number"),
        ("phone", "+2", "phones.number"),
        ("ip", "81.0.0.1", "users.last_ip"),
    }
    assert {value.value: value.at for value in ann.identifiers if value.type in ("phone", "ip")} == {
        "+1": 1_485_907_200_000,
        "+2": None,
        "81.0.0.1": 1_493_596_800_000,
    }
    assert [(value.type, value.value) for value in ben.identifiers] == [("device", NO_VALUE), ("payment", NO_VALUE)]


async def test_users_are_looked_up_by_their_keys(made: Made) -> None:
    made.sql(
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, created_at TIMESTAMP, email TEXT);"
        "INSERT INTO users VALUES (7, '2017-01-01', 'a'), (8, '2017-01-01', 'b');"
    )
    async with walking(made.table()) as walk:
        assert keys(await walk.rows(["8", "9", "no number"])) == ["8"]


@pytest.mark.parametrize(
    ("places", "sentences"),
    [
        (
            {"email": "mail"},
            ["RETROGRAPH_USERS_EMAIL names users.mail, which does not exist; there are age, created_at"],
        ),
        (
            {"phone": "phones.number"},
            ["RETROGRAPH_USERS_PHONE names the table phones, which does not exist; there are"],
        ),
        ({"device": "devices.id"}, ["RETROGRAPH_USERS_DEVICE names devices.user_id, which does not exist"]),
        ({"device": "devices.id:by=owner:at=owner"}, ["devices.owner, which is of type TEXT: it must be a timestamp"]),
        ({"ip": "age/ips"}, ["RETROGRAPH_USERS_IP names a member of users.age, which is of type INTEGER"]),
        ({"email": "created_at"}, ["RETROGRAPH_USERS_EMAIL names users.created_at, which is of type TIMESTAMP"]),
        ({"payment": "photo"}, ["RETROGRAPH_USERS_PAYMENT names users.photo, which is of type BLOB"]),
        (
            {"device": "devices.id:by=number"},
            ["devices.number, which is of type INTEGER: it must be of type TEXT, as users.user_id is"],
        ),
        ({"ip": "ip", "email": "mail"}, ["2 parts of the users table's mapping are wrong", "users.ip", "users.mail"]),
        ({"email": ""}, ["no identifier is mapped: set RETROGRAPH_USERS_EMAIL"]),
    ],
)
async def test_a_wrong_mapping_is_named(made: Made, places: dict[str, str], sentences: list[str]) -> None:
    made.sql(
        "CREATE TABLE users (user_id TEXT PRIMARY KEY, created_at TIMESTAMP, email TEXT, age INTEGER, photo BLOB);"
        "CREATE TABLE devices (owner TEXT, id TEXT, number INTEGER);"
    )
    with pytest.raises(ConfigurationError) as error:
        await walked(made.mapped(places))

    for sentence in sentences:
        assert sentence in str(error.value)


@pytest.mark.parametrize("word", ["email:by=x", "a.b:at=", "a.b:on=x", "/x", "a//b", "table."])
def test_a_place_that_cannot_be_read_is_named(word: str) -> None:
    with pytest.raises(ConfigurationError, match="RETROGRAPH_USERS_PHONE says"):
        read_places({"phone": f"phone {word}"})


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("user_id TEXT, created_at INTEGER", "users.created_at, which is of type INTEGER: it must be a timestamp"),
        ("user_id BLOB, created_at TIMESTAMP", "users.user_id, which is of type BLOB: it must be an id"),
        ("id TEXT, created_at TIMESTAMP", "RETROGRAPH_USERS_USER_ID names users.user_id, which does not exist"),
    ],
)
async def test_columns_that_cannot_be_walked_are_named(made: Made, columns: str, sentence: str) -> None:
    made.sql(f"CREATE TABLE users ({columns}, email TEXT);")

    with pytest.raises(ConfigurationError, match=sentence):
        await walked(made.table())


async def test_a_timestamp_column_that_holds_numbers_is_refused(made: Made) -> None:
    made.sql(SIMPLE + "INSERT INTO users VALUES ('a', 1483228800, 'a');")

    with pytest.raises(ConfigurationError, match="which holds integer values"):
        await walked(made.table())


async def test_a_view_can_be_walked(made: Made) -> None:
    made.sql(SIMPLE + "INSERT INTO users VALUES ('a', '2017-01-01', 'a'); CREATE VIEW people AS SELECT * FROM users;")

    assert keys(await walked(made.table(table="people"))) == ["a"]


async def test_the_bound_is_the_sources_clock_less_the_lag(made: Made) -> None:
    made.sql(
        SIMPLE
        + "INSERT INTO users VALUES ('a', datetime('now', '-4 minutes'), ''), ('b', datetime('now', '-6 minutes'), '');"
    )
    table = made.table()

    bound = await present_bound(table)

    assert keys(await walked(table, bound=bound)) == ["b"]


async def test_the_table_cannot_be_written(made: Made) -> None:
    made.sql(SIMPLE)
    await refused(made.table())


@pytest.mark.server
async def test_a_table_of_postgres_cannot_be_written(postgres_url: str) -> None:
    write_users(postgres_url, 3, 1)
    mapping = UsersMapping(table="users", user_id="user_id", created_at="created_at", places=())
    await refused(UsersTable(postgres_url, mapping))


async def refused(table: UsersTable) -> None:
    with pytest.raises(RetrographError, match=r"readonly|read-only"):
        await table.run(lambda connection: connection.exec_driver_sql("DELETE FROM users"))
    await table.close()


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("sqlite:////nowhere/users.db", ConfigurationError, "names the file /nowhere/users.db, which does not exist"),
        ("nothing", ConfigurationError, "is not a URL"),
        ("oddity://host/db", ConfigurationError, "has the scheme oddity://, which is not known"),
        ("postgresql://postgres:secret@127.0.0.1:1/x", DependencyDown, "does not answer"),
        ("postgresql://127.0.0.1:1/x?user=me&password=secret", DependencyDown, "does not answer"),
    ],
)
async def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    url: str, error: type[Exception], sentence: str
) -> None:
    mapping = UsersMapping(table="users", user_id="user_id", created_at="created_at", places=())
    with pytest.raises(error, match=sentence) as raised:
        table = UsersTable(url, mapping)
        await table.shape()
    assert "secret" not in str(raised.value)
