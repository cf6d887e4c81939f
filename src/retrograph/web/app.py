"""The application: its routes, and what every request passes on its way to them."""

from http import HTTPStatus
from typing import cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from retrograph import __version__
from retrograph.errors import RetrographError
from retrograph.web import admin, consumer_graph_worker, health, metrics
from retrograph.web.api import problems
from retrograph.web.api.openapi import describe
from retrograph.web.api.routes import router as api
from retrograph.web.auth import routes as auth
from retrograph.web.auth.guard import Guard
from retrograph.web.auth.headers import SecurityHeaders
from retrograph.web.body_limit import BodyLimit
from retrograph.web.console import assets
from retrograph.web.console.errors import page as error_page
from retrograph.web.console.routes import router as console
from retrograph.web.context import WebContext
from retrograph.web.requests_log import RequestLog
from retrograph.web.surprises import Surprises

API = "/api/v1"
_FOR_MACHINES = ("/api/", "/admin/", "/consumer-graph-worker/", "/health/", "/metrics", "/openapi.json", "/static/")


def create_app(context: WebContext) -> FastAPI:
    """The application over an opened context."""
    app = FastAPI(
        title="Retrograph", version=__version__, docs_url=None, redoc_url=None, openapi_url=f"{API}/openapi.json"
    )
    app.state.context = context
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(api, prefix=API)
    app.include_router(admin.router)
    app.include_router(consumer_graph_worker.router)
    app.include_router(auth.router)
    app.include_router(console)
    app.mount(assets.ROOT, assets.Assets(), name="static")
    app.add_exception_handler(RetrographError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_mistake)
    app.add_exception_handler(HTTPException, _on_refusal)
    describe(app)
    # What is added last is passed first: access log, security headers, surprises, body limit, guard.
    app.add_middleware(Guard, entry=context.entry)
    app.add_middleware(BodyLimit)
    app.add_middleware(Surprises, answer=_surprised)
    app.add_middleware(SecurityHeaders, settings=context.settings)
    app.add_middleware(RequestLog)
    return app


async def _on_error(request: Request, error: Exception) -> Response:
    document = problems.of_error(cast(RetrographError, error))
    return _for_people(request, document.status_code, str(error)) or document


async def _on_mistake(request: Request, error: Exception) -> Response:
    document = problems.of_validation(cast(RequestValidationError, error).errors())
    return _for_people(request, 400, "") or document


def _surprised(request: Request) -> Response:
    number = getattr(request.state, "request_id", None)
    document = problems.problem(500, f"this should not have happened; the log tells more under request {number}")
    return _for_people(request, 500, "") or document


async def _on_refusal(request: Request, error: Exception) -> Response:
    refusal = cast(HTTPException, error)
    status, detail = refusal.status_code, str(refusal.detail)
    said = "" if detail == HTTPStatus(status).phrase else detail
    document = problems.problem(status, detail, headers=dict(refusal.headers or {}))
    return _for_people(request, status, said) or document


def _for_people(request: Request, status: int, detail: str) -> Response | None:
    """The page of a refusal, where a browser asks for a page."""
    machine = request.url.path.startswith(_FOR_MACHINES)
    if machine or "text/html" not in request.headers.get("accept", ""):
        return None
    return error_page(request, status, detail)
