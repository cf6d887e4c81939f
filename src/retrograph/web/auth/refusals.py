"""How a refusal is answered: programs get a problem document, people a page, a page's scripts a word on where to go."""

from typing import Final
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from retrograph.errors import RetrographError
from retrograph.web.api.problems import problem
from retrograph.web.auth.refused import Refused
from retrograph.web.auth.site import local_path
from retrograph.web.console.errors import page as error_page
from retrograph.web.console.rendering import page

PROGRAMS: Final = ("/api/", "/admin/", "/consumer-graph-worker/", "/metrics")
_AWAY: Final = "what this server knows people by does not answer"
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="retrograph"'}


def response(request: Request, refused: Refused, environment: str, now: int) -> Response:
    """The answer; `now` in milliseconds."""
    headers = _CHALLENGE if refused.status == 401 else {}
    if _is_program(request):
        return problem(refused.status, refused.detail, code=refused.code, headers=headers)
    if refused.code == "UNAUTHENTICATED":
        return _to_sign_in(request, refused, headers)
    return page(
        request,
        "refused.html",
        environment=environment,
        now=now,
        status=refused.status,
        code=refused.code,
        detail=refused.detail,
    )


def unavailable(request: Request, error: RetrographError) -> Response:
    """The answer where what is needed to tell who asks is away. The error is for the log: it may name addresses."""
    structlog.get_logger().error("entry is not possible", why=str(error))
    if _is_program(request):
        return problem(503, f"{_AWAY}; try again in a moment", headers={"Retry-After": "5"})
    return error_page(request, 503, f"{_AWAY}.")


def _is_program(request: Request) -> bool:
    return request.scope["path"].startswith(PROGRAMS) or "authorization" in request.headers


def _to_sign_in(request: Request, refused: Refused, headers: dict[str, str]) -> Response:
    """A page goes there by itself. What a script fetched is part of a page, which has to go there as a whole."""
    if "hx-request" in request.headers or "x-fragment" in request.headers or not _is_navigation(request):
        shown = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer", ""))
        target = sign_in_address(f"{shown.path}?{shown.query}" if shown.query else shown.path)
        return problem(401, refused.detail, code=refused.code, headers={**headers, "HX-Redirect": target})
    wanted = str(request.url.replace(scheme="", netloc="")) if request.method in ("GET", "HEAD") else "/"
    return RedirectResponse(sign_in_address(wanted), 303, headers={"Cache-Control": "no-store"})


def _is_navigation(request: Request) -> bool:
    return request.headers.get("sec-fetch-dest", "document") in ("document", "iframe")


def sign_in_address(wanted: str) -> str:
    """The sign-in page, which leads on to what was wanted."""
    path = local_path(wanted)
    return "/sign-in" if path == "/" else f"/sign-in?next={quote(path, safe='/')}"
