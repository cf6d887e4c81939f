"""The request and the answer as the services see them, free of the web server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from retrograph.sandbox.histories import encode


class Answer(NamedTuple):
    """A status and a body of JSON."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a service is asked: the id in the path, the query, the body."""

    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class BadRequest(Exception):
    """The question breaks the contract; the message names what is wrong."""


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error with its reason, in the one shape all routes share."""
    return Answer(status, encode({"error": message}), headers=headers or {})


def ok(document: object) -> Answer:
    """A document as JSON."""
    return Answer(200, encode(document))


def whole_number(question: Question, name: str, default: int) -> int:
    """Reads a whole number out of the query. Raises `BadRequest` for anything else."""
    text = question.query.get(name)
    if text is None:
        return default
    if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 18:
        raise BadRequest(f"{name} must be a whole number, not {text[:40]!r}")
    return int(text)
