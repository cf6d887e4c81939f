"""API tokens: made, listed and revoked by an operator at the command line. The store learns a hash of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from retrograph.clock import MILLIS_PER_DAY
from retrograph.config.entry import wrong_address
from retrograph.entry.secrets import TOKEN_PREFIX, hashed, new_secret
from retrograph.entry.store import EntryStore, NewToken, Token
from retrograph.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIFETIME = re.compile(r"(\d{1,5})([mhd])")
_UNITS: Final = {"m": 60_000, "h": 3_600_000, "d": MILLIS_PER_DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class MintedToken:
    """A token at the only moment at which its secret is known."""

    token: Token
    secret: str


async def create_token(store: EntryStore, *, email: str, name: str, expires: str, created_by: str) -> MintedToken:
    """Makes a token with the rights that `email` has whenever it is used. Raises UsageError."""
    if wrong := wrong_address(email):
        raise UsageError(f"--email is {email!r}: {wrong}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name is {name!r}: use 1 to 64 letters, digits, dots, dashes and underscores")
    lifetime, secret = lifetime_ms(expires), TOKEN_PREFIX + new_secret()
    new = NewToken(
        token_id=str(uuid4()),
        hashed=hashed(secret),
        email=email,
        name=name,
        created_by=created_by,
        lifetime_ms=lifetime,
    )
    return MintedToken(token=await store.add_token(new), secret=secret)


def lifetime_ms(text: str) -> int | None:
    """Milliseconds of `30m`, `12h`, `90d`; `None` for `never`. Raises UsageError."""
    if text == "never":
        return None
    found = _LIFETIME.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--expires is {text!r}: write 30m, 12h, 90d or never")
    return int(found[1]) * _UNITS[found[2]]


async def list_tokens(store: EntryStore) -> Sequence[Token]:
    """Every token, the latest first; also those that have ended."""
    return await store.tokens()


async def revoke_token(store: EntryStore, named: str) -> Token:
    """Ends a token at once. Raises NotFound where no valid one has this name or id."""
    return await store.revoke_token(named)
