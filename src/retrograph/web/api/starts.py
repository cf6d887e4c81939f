"""A wish to start a job, out of a body: which users, which parameters, under which key."""

from typing import Any

from retrograph.errors import UsageError
from retrograph.jobs import parameters
from retrograph.jobs.keys import checked_key
from retrograph.jobs.requests import StartRequest
from retrograph.web.context import WebContext
from retrograph.wiring.choosing import Chosen, source_of

SOURCES = ("user_ids", "s3_uri", "source", "upload_id")


async def start_request(context: WebContext, body: dict[str, Any], who: str) -> StartRequest:
    """Checks a body and reads the users that it names. Raises UsageError naming the field, NotFound, DependencyDown."""
    given = {name: value for name, value in body.items() if value is not None}
    kind, key = _text(given, "kind"), _text(given, "key")
    if kind is None:
        raise UsageError("kind is missing: say which kind of job to start", field="kind")
    if key is not None:
        checked_key(key)
    wanted = {name: value for name, value in given.items() if name not in ("kind", "key", *SOURCES)}
    asked = parameters.read(wanted)
    chosen = Chosen(
        user_ids=_texts(given, "user_ids"),
        s3_uri=_text(given, "s3_uri"),
        source=_text(given, "source"),
        upload_id=_text(given, "upload_id"),
    )
    source = await source_of(context.service, context.settings, kind, chosen, key, reset=asked.reset_cursor)
    return StartRequest(kind=kind, source=source, parameters=wanted, key=key, who=who)


def _text(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} must be text", field=name)
    return value


def _texts(given: dict[str, Any], name: str) -> list[str] | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise UsageError(f"{name} must be a list of text", field=name)
    wrong = next((place for place, item in enumerate(value, start=1) if not isinstance(item, str)), None)
    if wrong is not None:
        raise UsageError(f"{name} must be a list of text, which number {wrong} is not", field=name)
    return value
