"""Templates into pages: the one Jinja2 environment, and what every page needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from retrograph.clock import to_millis
from retrograph.web.console import formatting
from retrograph.web.console.assets import address
from retrograph.web.context import WebContext

HERE: Final = Path(__file__).parent
_SHARED: Final = ("tokens", "base", "layout", "controls", "marks", "panels", "floating", "tables")
STYLESHEETS: Final = (*_SHARED, "jobs", "job", "start", "graph")
NAVIGATION: Final = (
    ("Jobs", "", "/jobs"),
    ("Purchases", "", "/purchases"),
    ("Identity", " Graph Backfill", "/identity"),
    ("Event files", "", "/event-files"),
    ("Graph", "", "/graph"),
    ("Flags", "", "/flags"),
    ("Live", "", "/live"),
    ("Health", "", "/health"),
)
"""What an entry is called, what is added where there is room, and where it leads."""
PRODUCTION: Final = frozenset({"prod", "production"})
UNDER_JOBS: Final = ("/jobs", "/start", "/actions")
_NOT_KEPT: Final = {"Cache-Control": "no-store", "Vary": "X-Fragment, HX-Request"}


class Person(Protocol):
    """Who looks at the page: what the guard found."""

    @property
    def email(self) -> str: ...

    @property
    def admin(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around every page: where one is, who one is, and what one acts on."""

    environment: str
    path: str
    viewer: Person | None = None
    sign_out: str = "/sign-out"

    @property
    def production(self) -> bool:
        """Whether what is done here is done to production."""
        return self.environment in PRODUCTION

    @property
    def navigation(self) -> Sequence[tuple[str, str, str]]:
        return NAVIGATION

    def is_current(self, address: str) -> bool:
        """Whether this page belongs to that entry of the navigation."""
        roots = UNDER_JOBS if address == "/jobs" else (address,)
        return any(self.path == root or self.path.startswith(root + "/") for root in roots)


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates: whatever they are given is escaped, and what they were not given is an error."""
    made = Environment(
        loader=FileSystemLoader([HERE / "templates", HERE.parent / "auth" / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "duration", "rate", "utc", "machine", "shown", "plural", "ago"):
        made.filters[name] = getattr(formatting, name)
    made.globals["stylesheets"] = STYLESHEETS
    made.globals["static"] = address()
    return made


def rendered(template: str, frame: Frame, now: int, values: dict[str, Any]) -> str:
    """A template as text; `now` in milliseconds."""
    return templates().get_template(template).render(frame=frame, now=now, **values)


def page(
    request: Request,
    template: str,
    *,
    environment: str | None = None,
    now: int | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page, or a part of one, for whoever asks.

    The installation's name and the time (milliseconds) are the application's own where they are not given.
    """
    context: WebContext = request.app.state.context
    frame = Frame(
        environment=environment or context.settings.environment,
        path=request.url.path,
        viewer=getattr(request.state, "viewer", None),
    )
    text = rendered(template, frame, to_millis(context.clock.now()) if now is None else now, values)
    return HTMLResponse(text, status_code=status, headers={**_NOT_KEPT, **(headers or {})})


def fragment_wanted(request: Request) -> str | None:
    """`dialog` or `live` where a script asks for a part of a page only."""
    return request.headers.get("x-fragment")
