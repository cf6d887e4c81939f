"""`/api/v1/uploads`: a file of ids, read as it arrives and kept in the store, so that any server can start from it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from retrograph.errors import UsageError
from retrograph.jobs.uploads import Upload
from retrograph.web.api import documents as shapes
from retrograph.web.api.answers import problems
from retrograph.web.context import Context
from retrograph.web.viewing import who
from retrograph.wiring.uploading import take_upload

router = APIRouter(prefix="/uploads", tags=["uploads"])

_BLOCK: Final = 1 << 18
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final = {"type": "object", "properties": {"file": _BINARY["schema"]}, "required": ["file"]}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"text/plain": _BINARY, "text/csv": _BINARY, "multipart/form-data": {"schema": _FORM}},
    }
}


@router.post("", status_code=201, response_model=shapes.UploadDocument, responses=problems(), openapi_extra=_BODY)
async def upload(
    context: Context,
    request: Request,
    name: Annotated[str, Query(description="Its name; one that ends in `.csv` makes it a CSV.")] = "",
) -> JSONResponse:
    """Takes a list of ids, one a line or the first column of a CSV: as the body, or as the field `file` of a form.

    It is kept for a day. A line that cannot be an id refuses the list, with its number.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise UsageError("the form has no file: send it as the field file", field="file")
            taken = await _taken(context, request, _blocks(file), name or file.filename or "")
    else:
        taken = await _taken(context, request, request.stream(), name)
    return JSONResponse(upload_as_json(taken), 201)


async def _taken(context: Context, request: Request, blocks: AsyncIterator[bytes], name: str) -> Upload:
    return await take_upload(context.service, blocks, name or "the upload", who(request))


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block


def upload_as_json(upload: Upload) -> dict[str, Any]:
    """A list that was taken in."""
    return {
        "upload_id": upload.upload_id,
        "name": upload.name,
        "ids": upload.ids,
        "repeated": upload.repeated,
        "blank": upload.blank,
    }
