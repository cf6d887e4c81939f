"""What every entry store keeps: tokens and sessions within their limits, and what may be taken once, once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

from retrograph.entry.sql_store import TOUCH_MS, SqlEntryStore
from retrograph.entry.store import NewSession, NewToken
from retrograph.entry.tokens import create_token
from retrograph.errors import NotFound, UsageError
from retrograph.store.engine import Database
from retrograph.store.schema import open_database
from tests.contracts.job_stores import DatabaseTime, store_url

__all__ = ["store_url"]

HOUR_MS = 3_600_000


@pytest.fixture
def time() -> DatabaseTime:
    return DatabaseTime()


@pytest.fixture
async def database(store_url: str, time: DatabaseTime) -> Database:
    return await open_database(store_url, now=time)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SqlEntryStore]:
    opened = SqlEntryStore(database)
    yield opened
    await opened.close()


def new_token(name: str = "deploy", lifetime_ms: int | None = HOUR_MS) -> NewToken:
    return NewToken(
        token_id=str(uuid4()),
        hashed=f"hash of {name}",
        email="ann@example.com",
        name=name,
        created_by="root@here",
        lifetime_ms=lifetime_ms,
    )


def new_session(hashed: str = "first", absolute_ms: int = 4 * HOUR_MS) -> NewSession:
    return NewSession(hashed=hashed, email="ann@example.com", way="oidc", absolute_ms=absolute_ms)


async def test_a_token_is_valid_until_it_expires(store: SqlEntryStore, time: DatabaseTime) -> None:
    made = await store.add_token(new_token())
    time.advance(HOUR_MS - 1)
    found = await store.token("hash of deploy")
    assert found is not None and (found.token_id, found.email) == (made.token_id, "ann@example.com")
    assert await store.valid_tokens() == 1
    time.advance(1)
    assert await store.token("hash of deploy") is None
    assert await store.valid_tokens() == 0
    assert [token.state(time.millis) for token in await store.tokens()] == ["expired"]


async def test_a_token_without_a_limit_lasts(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.add_token(new_token(lifetime_ms=None))
    time.advance(10_000 * HOUR_MS)
    assert await store.token("hash of deploy") is not None


async def test_an_unknown_token_is_none(store: SqlEntryStore) -> None:
    await store.add_token(new_token())
    assert await store.token("deploy") is None
    assert await store.token("") is None


async def test_a_revoked_token_ends_at_once_by_its_name_or_its_id(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.add_token(new_token("one"))
    two = await store.add_token(new_token("two"))
    assert (await store.revoke_token("one")).name == "one"
    assert (await store.revoke_token(two.token_id)).name == "two"
    assert [await store.token(f"hash of {name}") for name in ("one", "two")] == [None, None]
    assert {token.state(time.millis) for token in await store.tokens()} == {"revoked"}
    with pytest.raises(NotFound, match="no valid token one"):
        await store.revoke_token("one")


async def test_a_name_is_taken_while_its_token_is_valid(store: SqlEntryStore, time: DatabaseTime) -> None:
    first = await create_token(store, email="ann@example.com", name="deploy", expires="1h", created_by="root")
    with pytest.raises(UsageError, match="token deploy already"):
        await create_token(store, email="bob@example.com", name="deploy", expires="1h", created_by="root")
    time.advance(HOUR_MS)
    second = await create_token(store, email="ann@example.com", name="deploy", expires="never", created_by="root")
    assert second.secret != first.secret
    assert {token.state(time.millis) for token in await store.tokens()} == {"expired", "valid"}
    await store.revoke_token("deploy")
    await create_token(store, email="ann@example.com", name="deploy", expires="1h", created_by="root")
    assert await store.valid_tokens() == 1


async def test_the_use_of_a_token_is_noted_to_the_minute(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.add_token(new_token(lifetime_ms=None))
    first = time.millis
    for _ in range(3):
        await store.token("hash of deploy")
        time.advance(TOUCH_MS // 3)
    (noted,) = await store.tokens()
    assert noted.used_at == first
    await store.token("hash of deploy")
    (noted,) = await store.tokens()
    assert noted.used_at == time.millis


async def test_a_session_ends_when_nobody_was_seen_for_long(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.open_session(new_session())
    for _ in range(3):
        time.advance(HOUR_MS - 1)
        assert await store.session("first", HOUR_MS) is not None
    time.advance(HOUR_MS)
    assert await store.session("first", HOUR_MS) is None


async def test_a_look_that_does_not_touch_keeps_no_session_alive(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.open_session(new_session())
    time.advance(HOUR_MS - 1)
    assert await store.session("first", HOUR_MS, touch=False) is not None
    time.advance(1)
    assert await store.session("first", HOUR_MS, touch=False) is None


async def test_a_session_ends_at_its_absolute_limit_however_busy(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.open_session(new_session())
    for _ in range(8):
        assert await store.session("first", HOUR_MS) is not None
        time.advance(HOUR_MS // 2)
    assert await store.session("first", HOUR_MS) is None


async def test_signing_in_ends_the_session_that_the_browser_had(store: SqlEntryStore) -> None:
    await store.open_session(new_session("first"))
    await store.open_session(new_session("second"), instead_of="first")
    assert await store.session("first", HOUR_MS) is None
    assert await store.session("second", HOUR_MS) is not None


async def test_an_ended_session_is_answered_once(store: SqlEntryStore) -> None:
    await store.open_session(new_session())
    ended = await store.end_session("first")
    assert ended is not None and ended.email == "ann@example.com"
    assert await store.end_session("first") is None
    assert await store.session("first", HOUR_MS) is None


async def test_what_may_be_taken_once_is_taken_once(store: SqlEntryStore, store_url: str, time: DatabaseTime) -> None:
    await store.keep_once("link", "h", "content", HOUR_MS)
    other = SqlEntryStore(await open_database(store_url, now=time))
    taken = await asyncio.gather(*(each.take_once("link", "h") for each in (store, other) * 4))
    await other.close()
    assert taken.count("content") == 1
    assert taken.count(None) == 7


async def test_it_is_taken_for_its_purpose_and_in_time(store: SqlEntryStore, time: DatabaseTime) -> None:
    await store.keep_once("link", "h", "content", HOUR_MS)
    assert await store.take_once("oidc", "h") is None
    time.advance(HOUR_MS)
    assert await store.take_once("link", "h") is None


async def test_no_secret_is_in_the_store(store: SqlEntryStore, database: Database) -> None:
    minted = await create_token(store, email="ann@example.com", name="deploy", expires="1h", created_by="root")

    def everything(connection: Connection) -> str:
        return str(connection.execute(text("SELECT * FROM entry_tokens")).all())

    written = await database.read(everything)
    assert "deploy" in written
    assert minted.secret not in written and minted.secret.removeprefix("rtg_") not in written


async def test_what_has_ended_is_swept(store: SqlEntryStore, database: Database, time: DatabaseTime) -> None:
    def rows(connection: Connection) -> int:
        counts = [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("entry_sessions", "entry_once")]
        return sum(int(count or 0) for count in counts)

    for number in range(5):
        await store.open_session(new_session(f"session {number}"))
        await store.keep_once("link", f"link {number}", "", HOUR_MS)
    time.advance(4 * HOUR_MS)
    await store.open_session(new_session("last"))
    await store.keep_once("link", "last", "", HOUR_MS)
    assert await database.read(rows) == 2
