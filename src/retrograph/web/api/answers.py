"""What each route may answer, for the OpenAPI document: problems are described once."""

from typing import Any, Final

from retrograph.web.api.documents import Problem
from retrograph.web.api.problems import MEDIA_TYPE

_MEANINGS: Final = {
    400: "Something about the request is wrong; `field` names it.",
    401: "Nobody is signed in.",
    403: "Whoever asks may not enter, or another site asks.",
    404: "There is no such thing.",
    405: "That cannot be done here.",
    409: "The present state does not allow it.",
    413: "More than is taken at once.",
    415: "This form of body is not taken.",
    421: "This server does not answer for that host.",
    429: "Too many tries.",
    503: "Something that the answer needs is down, or this server is shutting down.",
}
ALWAYS: Final = (400, 401, 403, 413, 421, 429, 503)
"""What may be answered to anything: what stands in front of the routes refuses it."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer these besides what any route may."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*ALWAYS, *statuses})
    }


def document() -> dict[str, Any]:
    """The schema of a problem document."""
    return Problem.model_json_schema(ref_template="#/components/schemas/{model}")
