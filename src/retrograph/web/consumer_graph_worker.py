"""`/consumer-graph-worker`: the endpoint by which other systems open the gate for a user."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from retrograph.errors import UsageError
from retrograph.web.api.answers import problems
from retrograph.web.api.bodies import read_object
from retrograph.web.context import Context
from retrograph.web.viewing import who

router = APIRouter(prefix="/consumer-graph-worker", tags=["enrolment"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"user_id": {"type": "string", "description": "The user."}},
                    "required": ["user_id"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


class EnrolmentDocument(BaseModel):
    """An enrolment that is in the store."""

    user_id: str = Field(description="The id as it is kept: without white space around it, normalised.")
    request_id: str = Field(description="What the log calls it; a repetition has that of the first time.")
    already_enrolled: bool


@router.post("/enroll", status_code=202, response_model=EnrolmentDocument, responses=problems(), openapi_extra=_BODY)
async def enroll(context: Context, request: Request) -> JSONResponse:
    """Opens the gate for a user, whose history is then loaded, twice. It may be repeated."""
    body = await read_object(request)
    for name in body:
        if name != "user_id":
            raise UsageError(f"{name[:50]} is not known here: only user_id is", field=name[:50])
    user_id = body.get("user_id")
    if not isinstance(user_id, str):
        raise UsageError(f"user_id {'must be text' if 'user_id' in body else 'is missing'}", field="user_id")
    answer = await context.enrolments.enrol(user_id, who(request))
    return JSONResponse(
        {
            "user_id": answer.user_id,
            "request_id": answer.request_id,
            "already_enrolled": answer.already_enrolled,
        },
        202,
    )
