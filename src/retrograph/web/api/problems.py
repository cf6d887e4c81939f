"""What could not be done, as problem documents (RFC 9457): the one place where errors become HTTP statuses."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from retrograph import errors
from retrograph.jobs.state import NotPossible
from retrograph.jobs.text import stored

MEDIA_TYPE: Final = "application/problem+json"

_LONGEST: Final = 4_000
"""Characters of a sentence: room for a list of mistakes, none for a megabyte that was sent and is quoted."""

STATUSES: Final[tuple[tuple[type[errors.RetrographError], int, str], ...]] = (
    (errors.NotFound, 404, "NOT_FOUND"),
    (errors.TooLarge, 413, "TOO_LARGE"),
    (errors.OtherWork, 409, "OTHER_WORK"),
    (NotPossible, 409, "NOT_POSSIBLE"),
    (errors.IncompatibleGraph, 409, "OTHER_GRAPH"),
    (errors.NotPermitted, 403, "NOT_PERMITTED"),
    (errors.ConfigurationError, 409, "NOT_CONFIGURED"),
    (errors.MissingExtra, 409, "NOT_INSTALLED"),
    (errors.UsageError, 400, "INVALID"),
    (errors.JobRefused, 409, "REFUSED"),
    (errors.LeaseLost, 409, "REFUSED"),
    (errors.DependencyDown, 503, "DEPENDENCY_DOWN"),
    (errors.RetrographError, 500, "FAILED"),
)
"""The first that fits counts."""

_CODES: Final = {
    400: "INVALID",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "NOT_POSSIBLE",
    413: "TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    500: "FAILED",
    503: "DEPENDENCY_DOWN",
}


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    field: str | None = None,
    problems: Sequence[dict[str, Any]] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """A problem document. `field` names the parameter that is wrong; `problems` are several at once."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code or _CODES.get(status, "FAILED"),
        "detail": stored(detail, _LONGEST),
    }
    if field is not None:
        document["field"] = field
    if problems:
        document["errors"] = list(problems)
    return JSONResponse(document, status, headers=headers, media_type=MEDIA_TYPE)


def of_error(error: errors.RetrographError) -> JSONResponse:
    """The problem document of an error of ours."""
    status, code = next((status, code) for kind, status, code in STATUSES if isinstance(error, kind))
    headers = {"Retry-After": "5"} if status == 503 else None
    return problem(status, str(error), code=code, field=getattr(error, "field", None), headers=headers)


def of_validation(found: Sequence[Any]) -> JSONResponse:
    """The problem document of what FastAPI found wrong with a query or a header."""
    parts = [{"field": str(part["loc"][-1]), "message": str(part["msg"])} for part in found]
    first = parts[0]
    return problem(400, f"{first['field']}: {first['message']}", field=first["field"], problems=parts)
