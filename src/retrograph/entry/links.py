"""One-time links: whoever opens one first is let in, on the server's own machine, soon after it was printed."""

from typing import Final

from retrograph.entry.secrets import hashed, new_secret
from retrograph.entry.store import EntryStore

LINK_MINUTES: Final = 15
"""Long enough to copy a line out of a terminal."""

_PURPOSE: Final = "link"


async def make_link(store: EntryStore, address: str, who: str) -> str:
    """A link to the server at `address` (its base URL), which signs `who` in."""
    secret = new_secret()
    await store.keep_once(_PURPOSE, hashed(secret), who, LINK_MINUTES * 60_000)
    return f"{address.rstrip('/')}/sign-in/link?key={secret}"


async def take_link(store: EntryStore, secret: str) -> str | None:
    """Who it signs in; `None` where it was used before, has run out, or never was."""
    return await store.take_once(_PURPOSE, hashed(secret))
