"""The entry store on SQL: SQLite or PostgreSQL, one transaction for each verb, on the database's clock."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from retrograph.entry.store import NewSession, NewToken, Session, Token
from retrograph.errors import NotFound, UsageError
from retrograph.store.engine import Database
from retrograph.store.tables import entry_once, entry_sessions, entry_tokens

TOUCH_MS: Final = 60_000
"""What was used or seen within a minute is not written again: a page asks for many things at once."""

_TOKEN = tuple(column for column in entry_tokens.c if column.name != "hashed")
_SESSION = tuple(column for column in entry_sessions.c if column.name != "hashed")


class SqlEntryStore:
    """`EntryStore` over SQLite or PostgreSQL. The database is migrated before, and closed with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_token(self, token: NewToken) -> Token:
        return await self._database.write(partial(_add_token, self._database, new=token))

    async def tokens(self) -> Sequence[Token]:
        return await self._database.read(_tokens)

    async def valid_tokens(self) -> int:
        return await self._database.read(partial(_valid_tokens, self._database))

    async def revoke_token(self, named: str) -> Token:
        return await self._database.write(partial(_revoke, self._database, named=named))

    async def token(self, hashed: str) -> Token | None:
        found, now = await self._database.read(partial(_token, self._database, hashed=hashed))
        if found is not None and now - (found.used_at or 0) >= TOUCH_MS:
            await self._database.write(partial(_note_use, hashed=hashed, now=now))
        return found

    async def open_session(self, session: NewSession, *, instead_of: str | None = None) -> Session:
        return await self._database.write(partial(_open, self._database, new=session, instead_of=instead_of))

    async def session(self, hashed: str, idle_ms: int, *, touch: bool = True) -> Session | None:
        found, now = await self._database.read(partial(_session, self._database, hashed=hashed, idle_ms=idle_ms))
        if found is not None and touch and now - found.seen_at >= min(TOUCH_MS, idle_ms // 2):
            await self._database.write(partial(_note_seen, hashed=hashed, now=now))
        return found

    async def end_session(self, hashed: str) -> Session | None:
        return await self._database.write(partial(_end, hashed=hashed))

    async def keep_once(self, purpose: str, hashed: str, text: str, lifetime_ms: int) -> None:
        await self._database.write(
            partial(_keep_once, self._database, purpose=purpose, hashed=hashed, content=text, lifetime_ms=lifetime_ms)
        )

    async def take_once(self, purpose: str, hashed: str) -> str | None:
        return await self._database.write(partial(_take_once, self._database, purpose=purpose, hashed=hashed))

    async def ping(self) -> None:
        await self._database.read(_ping)

    async def close(self) -> None:
        await self._database.close()


def _valid(now: int) -> ColumnElement[bool]:
    lasting = or_(entry_tokens.c.expires_at.is_(None), entry_tokens.c.expires_at > now)
    return entry_tokens.c.revoked_at.is_(None) & lasting


def _add_token(database: Database, connection: Connection, new: NewToken) -> Token:
    now = database.now(connection)
    # What has run out gives its name up, so that a token can be renewed under it.
    ended = entry_tokens.c.revoked_at.is_(None) & (entry_tokens.c.expires_at <= now)
    connection.execute(update(entry_tokens).where(ended).values(revoked_at=entry_tokens.c.expires_at))
    values = {
        "token_id": new.token_id,
        "hashed": new.hashed,
        "email": new.email,
        "name": new.name,
        "created_by": new.created_by,
        "created_at": now,
        "expires_at": None if new.lifetime_ms is None else now + new.lifetime_ms,
    }
    adding = database.insert(entry_tokens).values(values).on_conflict_do_nothing()
    if connection.execute(adding.returning(entry_tokens.c.token_id)).first() is None:
        raise UsageError(f"there is a token {new.name} already: revoke it, or choose another name")
    return _token_of(_one_token(connection, entry_tokens.c.token_id == new.token_id))


def _one_token(connection: Connection, where: ColumnElement[bool]) -> RowMapping:
    return connection.execute(select(*_TOKEN).where(where)).mappings().one()


def _tokens(connection: Connection) -> Sequence[Token]:
    ordered = select(*_TOKEN).order_by(entry_tokens.c.created_at.desc(), entry_tokens.c.token_id)
    return [_token_of(row) for row in connection.execute(ordered).mappings()]


def _valid_tokens(database: Database, connection: Connection) -> int:
    counted = select(func.count()).select_from(entry_tokens).where(_valid(database.now(connection)))
    return int(connection.scalar(counted) or 0)


def _revoke(database: Database, connection: Connection, named: str) -> Token:
    now = database.now(connection)
    wanted = or_(entry_tokens.c.name == named, entry_tokens.c.token_id == named)
    revoked = connection.execute(
        update(entry_tokens).where(wanted, _valid(now)).values(revoked_at=now).returning(entry_tokens.c.token_id)
    ).first()
    if revoked is None:
        raise NotFound(f"there is no valid token {named}: see retrograph tokens list")
    return _token_of(_one_token(connection, entry_tokens.c.token_id == revoked.token_id))


def _token(database: Database, connection: Connection, hashed: str) -> tuple[Token | None, int]:
    now = database.now(connection)
    row = connection.execute(select(*_TOKEN).where(entry_tokens.c.hashed == hashed, _valid(now))).mappings().first()
    return (None if row is None else _token_of(row)), now


def _note_use(connection: Connection, hashed: str, now: int) -> None:
    connection.execute(update(entry_tokens).where(entry_tokens.c.hashed == hashed).values(used_at=now))


def _open(database: Database, connection: Connection, new: NewSession, instead_of: str | None) -> Session:
    now = database.now(connection)
    connection.execute(delete(entry_sessions).where(entry_sessions.c.expires_at <= now))
    if instead_of is not None:
        _end(connection, instead_of)
    values = {
        "email": new.email,
        "way": new.way,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + new.absolute_ms,
        "sealed": new.sealed,
    }
    connection.execute(insert(entry_sessions).values(hashed=new.hashed, **values))
    return Session(**values)  # type: ignore[arg-type]


def _session(database: Database, connection: Connection, hashed: str, idle_ms: int) -> tuple[Session | None, int]:
    now = database.now(connection)
    lasting = (entry_sessions.c.expires_at > now) & (entry_sessions.c.seen_at > now - idle_ms)
    row = connection.execute(select(*_SESSION).where(entry_sessions.c.hashed == hashed, lasting)).mappings().first()
    return (None if row is None else _session_of(row)), now


def _note_seen(connection: Connection, hashed: str, now: int) -> None:
    connection.execute(update(entry_sessions).where(entry_sessions.c.hashed == hashed).values(seen_at=now))


def _end(connection: Connection, hashed: str) -> Session | None:
    ended = delete(entry_sessions).where(entry_sessions.c.hashed == hashed).returning(*_SESSION)
    row = connection.execute(ended).mappings().first()
    return None if row is None else _session_of(row)


def _keep_once(
    database: Database, connection: Connection, purpose: str, hashed: str, content: str, lifetime_ms: int
) -> None:
    now = database.now(connection)
    connection.execute(delete(entry_once).where(entry_once.c.expires_at <= now))
    values = {"hashed": hashed, "purpose": purpose, "content": content, "expires_at": now + lifetime_ms}
    connection.execute(insert(entry_once).values(values))


def _take_once(database: Database, connection: Connection, purpose: str, hashed: str) -> str | None:
    # One statement deletes and answers: of two that come at the same time, one finds nothing.
    taken = (
        delete(entry_once)
        .where(entry_once.c.hashed == hashed, entry_once.c.purpose == purpose)
        .returning(entry_once.c.content, entry_once.c.expires_at)
    )
    row = connection.execute(taken).first()
    return str(row.content) if row is not None and row.expires_at > database.now(connection) else None


def _token_of(row: RowMapping) -> Token:
    return Token(**row)


def _session_of(row: RowMapping) -> Session:
    return Session(**row)


def _ping(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))
