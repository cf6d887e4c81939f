"""A wish to start a job or to retry failures, out of a body; and how such bodies look, for the OpenAPI document."""

from typing import Any, Final

from starlette.requests import Request

from retrograph.errors import UsageError
from retrograph.jobs import parameters
from retrograph.jobs.definitions import DEFINITIONS, Definition
from retrograph.jobs.keys import checked_key
from retrograph.jobs.queries import Selection
from retrograph.jobs.requests import StartRequest
from retrograph.jobs.text import stored
from retrograph.web.api.bodies import read_object
from retrograph.web.context import WebContext
from retrograph.wiring.choosing import Chosen, continued, source_of
from retrograph.wiring.event_files import KIND, begun_of
from retrograph.wiring.file_fields import FILE_FIELDS
from retrograph.wiring.files_chosen import FIELDS

SOURCES: Final = ("user_ids", "s3_uri", "source", "upload_id")


async def start_request(context: WebContext, body: dict[str, Any], who: str) -> tuple[StartRequest, str | None]:
    """Checks a body and reads the users that it names; answers the wish, and what there is to say about it.

    Raises UsageError naming the field, NotFound, DependencyDown.
    """
    given = {name: value for name, value in body.items() if value is not None}
    kind, key = text_of(given, "kind"), text_of(given, "key")
    if kind is None:
        raise UsageError("kind is missing: say which kind of job to start", field="kind")
    if key is not None:
        checked_key(key)
    if kind == KIND:
        return await _files(context, given, key, who)
    wanted = {name: value for name, value in given.items() if name not in ("kind", "key", *SOURCES)}
    asked = parameters.read(wanted)
    chosen = Chosen(
        user_ids=texts_of(given, "user_ids"),
        s3_uri=text_of(given, "s3_uri"),
        source=text_of(given, "source"),
        upload_id=text_of(given, "upload_id"),
    )
    if key is not None and kind == "purchases" and not chosen.names() and not asked.reset_cursor:
        known = await continued(context.service, key, dry_run=asked.dry_run)
        window = {**known.window, **wanted}
        return StartRequest(kind=kind, source=known.source, parameters=window, key=known.key, who=who), None
    source = await source_of(context.service, context.settings, kind, chosen, key, reset=asked.reset_cursor)
    return StartRequest(kind=kind, source=source, parameters=wanted, key=key, who=who), None


async def _files(
    context: WebContext, given: dict[str, Any], key: str | None, who: str
) -> tuple[StartRequest, str | None]:
    chosen = {name: value for name, value in given.items() if name in FIELDS}
    wanted = {name: value for name, value in given.items() if name not in ("kind", "key", *FIELDS)}
    asked = parameters.read(wanted)
    begun = await begun_of(context.service, context.settings, chosen, key, dry_run=asked.dry_run)
    request = StartRequest(kind=KIND, source=begun.chosen, parameters=wanted, key=begun.key, who=who)
    return request, begun.remark


def retry_of(body: dict[str, Any]) -> tuple[Selection, dict[str, Any]]:
    """Which failures a body names, and with which parameters. Raises UsageError naming the field."""
    given = {name: value for name, value in body.items() if value is not None}
    said = text_of(given, "cause")
    selection = Selection(
        items=texts_of(given, "items") or (),
        error_class=text_of(given, "error_class"),
        cause=None if said is None else stored(said),
    )
    wanted = {name: value for name, value in given.items() if name not in ("items", "error_class", "cause")}
    parameters.read(wanted)
    return selection, wanted


async def why_of(request: Request) -> str:
    """The reason that a body gives, for the job's log. Raises UsageError."""
    body = await read_object(request)
    for name in body:
        if name != "why":
            raise UsageError(f"{name[:50]} is not known here: only why is", field=name[:50])
    return text_of(body, "why") or ""


def text_of(given: dict[str, Any], name: str) -> str | None:
    """Text out of a body. Raises UsageError naming the field."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} must be text", field=name)
    return value


def texts_of(given: dict[str, Any], name: str) -> list[str] | None:
    """A list of text out of a body. Raises UsageError naming the field."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise UsageError(f"{name} must be a list of text", field=name)
    wrong = next((place for place, item in enumerate(value, start=1) if not isinstance(item, str)), None)
    if wrong is not None:
        raise UsageError(f"{name} must be a list of text, which number {wrong} is not", field=name)
    return value


def _schema(known: Definition) -> dict[str, Any]:
    about = known.help if known.range is None else f"{known.help} {known.range.text()}; what lies outside is clamped."
    types = {"number": "integer" if known.range and known.range.whole else "number", "flag": "boolean"}
    schema: dict[str, Any] = {"type": [types.get(known.type, "string"), "null"], "description": about}
    if known.choices:
        schema["enum"] = [*known.choices, None]
    return schema


def _of_files(known: Definition) -> dict[str, Any]:
    schema = _schema(known)
    if known.name == "mapping":
        schema = {"type": ["object", "null"], "description": "What tables call our columns."}
    return {**schema, "description": f"`events`: {schema['description']}"}


def _body(properties: dict[str, Any], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"required": bool(required), "content": {"application/json": {"schema": schema}}}}


_PARAMETERS: Final = {name: _schema(known) for name, known in DEFINITIONS.items()}
_FILES: Final = {name: _of_files(known) for name, known in FILE_FIELDS.items()}
_LIST: Final = {"type": ["array", "null"], "items": {"type": "string"}}
_TEXT: Final = {"type": ["string", "null"]}

START: Final = _body(
    {
        "kind": {"type": "string", "description": "`purchases`, `identity` or `events`."},
        "key": {
            **_TEXT,
            "description": "The job's name; without one it is derived from the source and the window. Alone it goes "
            "on with the users of that job; after a dry run it begins the real job with the users that were tried.",
        },
        "user_ids": {**_LIST, "description": "The users; at most one way to name them may be given."},
        "s3_uri": {**_TEXT, "description": "An object that lists them: `s3://bucket/key`."},
        "source": {**_TEXT, "description": "`neo4j`: every user that the graph holds."},
        "upload_id": {**_TEXT, "description": "A list that `POST /uploads` has taken."},
        **_FILES,
        **_PARAMETERS,
    },
    required=("kind",),
)
BACKFILL: Final = _body(
    {
        "user_ids": {**_LIST, "description": "The users; exactly one way to name them is given."},
        "s3_uri": {**_TEXT, "description": "An object that lists them: `s3://bucket/key`."},
        "source": {**_TEXT, "description": "`neo4j`: every user that the graph holds."},
        "job_key": {**_TEXT, "description": "The job's name; without one it is `backfill-` and something unique."},
        **_PARAMETERS,
    }
)
RETRY: Final = _body(
    {
        "items": {**_LIST, "description": "Only these items."},
        "error_class": {**_TEXT, "description": "Only failures of this class."},
        "cause": {**_TEXT, "description": "Only failures of this cause, as the groups name it."},
        **_PARAMETERS,
    }
)
WHY: Final = _body({"why": {**_TEXT, "description": "The reason, for the job's log."}})
