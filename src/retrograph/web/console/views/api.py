"""The reference of the API as a page of the console: no other site, no script."""

from fastapi import APIRouter, Request, Response

from retrograph.web.console.api_reference import groups, parts
from retrograph.web.console.rendering import page

router = APIRouter()


@router.get("/docs")
async def reference(request: Request) -> Response:
    """Every verb, out of the same document that programs read."""
    document = request.app.openapi()
    return page(request, "api.html", groups=groups(document), about=parts(document["info"]["description"]))
