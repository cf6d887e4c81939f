"""Text from outside, made fit to be stored and shown: no NUL, no half characters, no megabytes."""

import re
from typing import Final

MESSAGE_LENGTH: Final = 1_000
WORD_LENGTH: Final = 256

_REQUEST: Final = re.compile(r"\s*\(X-Request-Id [^)]*\)")
_OF_ONE_ITEM: Final = re.compile(
    r"(?<!\w)/\S+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\b[0-9a-f]{12,}\b|\d{5,}|(?<=\[)\d+(?=\])"
)
_LEAST_ITEM: Final = 4
"""A shorter id may be part of any word."""


def stored(text: str, limit: int = MESSAGE_LENGTH) -> str:
    """Without NUL and lone surrogates, which databases refuse, and cut at `limit` characters."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def described(error: BaseException) -> tuple[str, str]:
    """An error's class and a short message, for a failure of an item."""
    message = stored(str(error).strip()) or "no message"
    return type(error).__name__, message


def cause(message: str, item: str) -> str:
    """What a failure's message has in common with those of the same cause: paths, ids and long numbers left out."""
    text = _REQUEST.sub("", message)
    if len(item) >= _LEAST_ITEM:
        text = text.replace(item, "…")
    return stored(" ".join(_OF_ONE_ITEM.sub("…", text).split()), WORD_LENGTH)
