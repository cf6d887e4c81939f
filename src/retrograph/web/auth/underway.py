"""Sign-ins that are at the provider: kept in the store under their state, for the browser that began them."""

import base64
import json
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from retrograph.entry.secrets import hashed
from retrograph.entry.store import EntryStore
from retrograph.web.auth.oidc import Underway

PURPOSE: Final = "oidc"
MINUTES: Final = 10
"""How long somebody may take to sign in at the provider."""


async def keep(store: EntryStore, underway: Underway, browser: str, wanted: str) -> None:
    """Keeps a sign-in, for the browser whose cookie has this secret."""
    content = {"nonce": underway.nonce, "verifier": underway.verifier, "browser": hashed(browser), "wanted": wanted}
    await store.keep_once(PURPOSE, hashed(underway.state), json.dumps(content), MINUTES * 60_000)


async def take(store: EntryStore, state: str, browser: str | None) -> tuple[Underway, str] | None:
    """The sign-in of this state and where it leads, once; `None` where there is none for this browser."""
    text = await store.take_once(PURPOSE, hashed(state))
    if text is None or browser is None:
        return None
    content = json.loads(text)
    if content["browser"] != hashed(browser):
        return None
    return Underway(state=state, nonce=content["nonce"], verifier=content["verifier"]), content["wanted"]


def seal(text: str, secret: str) -> str:
    """Text that only the holder of a session's secret can open: the store, which knows its hash, cannot."""
    return _box(secret).encrypt(text.encode()).decode("ascii")


def unseal(sealed: str | None, secret: str) -> str | None:
    """The text again; `None` where there is none, or it was sealed with another secret."""
    try:
        return None if sealed is None else _box(secret).decrypt(sealed).decode()
    except InvalidToken:
        return None


def _box(secret: str) -> Fernet:

    # Another hash than the one that the store knows.
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(hashed("sealed by " + secret))))
