"""The port to what is remembered of who may enter. It is never given a secret: only hashes.

Instants are milliseconds since the epoch on the store's clock, which all servers share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token, without its secret."""

    token_id: str
    email: str
    """Whose rights it has."""
    name: str
    created_by: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None = None
    used_at: int | None = None
    """When it was last used, to the minute."""

    def state(self, now: int) -> Literal["valid", "expired", "revoked"]:
        """What it is at an instant. One that had run out before its name was taken again counts as expired."""
        if self.expires_at is not None and self.expires_at <= min(now, self.revoked_at or now):
            return "expired"
        return "valid" if self.revoked_at is None else "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that is about to be."""

    token_id: str
    hashed: str
    email: str
    name: str
    created_by: str
    lifetime_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in with a browser."""

    email: str
    way: str
    created_at: int
    seen_at: int
    expires_at: int
    sealed: str | None = None
    """What only the holder of the session's secret can open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session that is about to be."""

    hashed: str
    email: str
    way: str
    absolute_ms: int
    sealed: str | None = None


class EntryStore(Protocol):
    """Tokens, sessions, and what may be used once. Every verb raises DependencyDown where the store does not answer."""

    async def add_token(self, token: NewToken) -> Token:
        """Keeps a token. Raises UsageError where one that is still valid has its name."""
        ...

    async def tokens(self) -> Sequence[Token]:
        """Every token, the latest first; also those that have ended."""
        ...

    async def valid_tokens(self) -> int:
        """How many tokens somebody could use now."""
        ...

    async def revoke_token(self, named: str) -> Token:
        """Ends the valid token of this name, or the one of this id. Raises NotFound."""
        ...

    async def token(self, hashed: str) -> Token | None:
        """The token, if it is valid now; notes that it was used."""
        ...

    async def open_session(self, session: NewSession, *, instead_of: str | None = None) -> Session:
        """Keeps a session, and ends the one that the same browser had."""
        ...

    async def session(self, hashed: str, idle_ms: int, *, touch: bool = True) -> Session | None:
        """The session, if it has not reached a limit; `touch` counts this as somebody's doing."""
        ...

    async def end_session(self, hashed: str) -> Session | None:
        """Ends a session; answers what it was."""
        ...

    async def keep_once(self, purpose: str, hashed: str, text: str, lifetime_ms: int) -> None:
        """Keeps something that may be taken once, within its lifetime."""
        ...

    async def take_once(self, purpose: str, hashed: str) -> str | None:
        """Takes it; `None` where it was taken before, has run out, or never was."""
        ...

    async def ping(self) -> None:
        """Asks whether the store answers."""
        ...

    async def close(self) -> None:
        """Gives back every connection."""
        ...
