"""Whether everything that this installation stands on answers: the same findings as `retrograph doctor`."""

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from retrograph.web.console.formatting import plural
from retrograph.web.console.rendering import page
from retrograph.web.console.states import Badge
from retrograph.web.context import Context
from retrograph.wiring.diagnosis import Finding, State, diagnose

router = APIRouter()

BADGES: Final[Mapping[State, Badge]] = {
    "up": Badge(shape="check", word="Up", tone="done"),
    "down": Badge(shape="cross", word="Down", tone="failed"),
    "wrong": Badge(shape="alert", word="Wrong", tone="failed"),
    "not there yet": Badge(shape="ring", word="Not there yet", tone="still"),
    "not set": Badge(shape="ring", word="Not set", tone="still"),
}


@router.get("/health")
async def health(request: Request) -> Response:
    """The page; the dependencies are asked while it is looked at, since one that is down takes its time."""
    return page(request, "health.html", findings=None)


@router.get("/health/dependencies")
async def dependencies(request: Request, context: Context) -> Response:
    """Asks every dependency now; a part of the page, and a page of its own without JavaScript."""
    findings = await diagnose(context.settings)
    template = "health_findings.html" if "hx-request" in request.headers else "health.html"
    return page(request, template, findings=findings, badges=BADGES, summary=summary(findings))


def summary(findings: Sequence[Finding]) -> str:
    """One sentence about all of them."""
    troubled = [finding.name for finding in findings if finding.state in ("down", "wrong")]
    if not troubled:
        return "Everything that is configured answers."
    names = ", ".join(troubled)
    return f"{plural(len(troubled), 'dependency does', 'dependencies do')} not answer as they should: {names}."
