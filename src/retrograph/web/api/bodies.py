"""JSON bodies, whatever the content type says, read strictly: what is ambiguous or endless is refused by name."""

import asyncio
import json
from collections import Counter
from typing import Any, Final

from starlette.requests import Request

from retrograph.errors import UsageError

DEEPEST: Final = 32


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty object. Raises UsageError."""
    raw = await request.body()
    if not raw.strip():
        return {}
    found = await asyncio.to_thread(parse, raw)
    if not isinstance(found, dict):
        raise UsageError("the body must be a JSON object")
    return found


def parse(raw: bytes) -> Any:
    """JSON without duplicate names, without numbers that JSON does not know, of text that can be written again."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"the body is not UTF-8 text: byte {error.start} is wrong") from None
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise UsageError("the body is nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"the body is not JSON: {error}") from None
    if "\\u" in text:
        for name, value in found.items() if isinstance(found, dict) else ():
            _check_text(name, _shown(name))
            _check_text(value, _shown(name))
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise UsageError(f"the body names {_shown(twice)} twice", field=_shown(twice))
    return found


def _no_number(name: str) -> None:
    raise UsageError(f"the body holds {name}, which is no JSON number")


def _check_text(found: Any, field: str, depth: int = 0) -> None:
    """NUL and half of a surrogate pair can be escaped, but never be stored."""
    if isinstance(found, str):
        if "\0" in found:
            raise UsageError(f"{field} holds NUL, which no text here may", field=field)
        if not found.isascii() and any("\ud800" <= character <= "\udfff" for character in found):
            raise UsageError(f"{field} holds half of a surrogate pair, which is no text", field=field)
    elif isinstance(found, dict | list) and depth < DEEPEST:
        for part in (*found, *found.values()) if isinstance(found, dict) else found:
            _check_text(part, field, depth + 1)


def _shown(text: str) -> str:
    return text[:60].encode("utf-8", "replace").decode("utf-8")
