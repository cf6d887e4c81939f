"""Text from outside, made fit to be stored and shown: no NUL, no half characters, no megabytes."""

from typing import Final

MESSAGE_LENGTH: Final = 1_000
WORD_LENGTH: Final = 256


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
