"""What this server calls itself: which hosts it answers for, and whether a browser says that a page of its own asks.

Pure rules over what a request says of itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from retrograph.config.entry import is_loopback

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The server's own address."""

    on_loopback: bool
    """Whether it listens where nobody but this machine can connect."""
    public_url: str | None = None

    def answers_for(self, host: str) -> bool:
        """Whether a request that names this host was meant for this server.

        A name that somebody else's DNS points here (rebinding) is no name of ours, so that on loopback only loopback's
        own names count.
        """
        if self.public_url is not None and host.lower() == urlsplit(self.public_url).netloc.lower():
            return True
        if self.on_loopback:
            return is_loopback(name_of(host))
        return self.public_url is None

    def is_own_page(self, host: str, headers: Mapping[str, str]) -> bool:
        """Whether a page of this server made the browser send this. Without a word on that: no."""
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = _split(headers.get("origin", ""))
        if origin is None or origin.scheme not in ("http", "https") or origin.netloc.lower() != host.lower():
            return False
        public = urlsplit(self.public_url or "")
        return origin.netloc.lower() != public.netloc.lower() or origin.scheme == public.scheme

    def is_this_machine(self, host: str, peer: str, headers: Mapping[str, str]) -> bool:
        """Whether somebody at this very machine asks: by the socket, by the name, and through no proxy."""
        direct = not any(name in headers for name in _FORWARDED)
        return self.on_loopback and is_loopback(peer) and is_loopback(name_of(host)) and direct


def name_of(host: str) -> str:
    """The name in a Host header, without its port. What is no host at all is the empty name."""
    parts = _split(f"//{host}")
    if parts is None or parts.netloc != host or "@" in host:
        return ""
    return parts.hostname or ""


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this server; anything else is its first page.

    Browsers drop tabs and line ends from an address and take a backslash for a slash, so neither may be in it.
    """
    if text is None or len(text) > 2_000 or not text.startswith("/") or text.startswith("//"):
        return "/"
    if any(not "!" <= character <= "~" or character == "\\" for character in text):
        return "/"
    path = text.partition("?")[0]
    return "/" if path.startswith(("/sign-", "/api/", "/static/")) or ".." in path.split("/") else text
