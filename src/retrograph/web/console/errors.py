"""What a person sees where a page cannot be shown: what happened, what it means, and where to go from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from retrograph.web.console.formatting import capitalised, shown
from retrograph.web.console.rendering import fragment_wanted
from retrograph.web.console.rendering import page as rendered_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One kind of refusal in plain words; `text` stands where there is no better sentence."""

    heading: str
    text: str
    symbol: str = "icon-broken"
    retry: bool = False


SAYINGS: Final[Mapping[int, Saying]] = {
    400: Saying(heading="This cannot be shown", text="Something in the address is not known here."),
    401: Saying(heading="You are not signed in", text="Sign in to see this page.", symbol="icon-lock"),
    403: Saying(
        heading="You may not enter",
        text="You are signed in, but your address is not on the list of those who may use this console.",
        symbol="icon-lock",
    ),
    404: Saying(
        heading="There is nothing at this address",
        text="The job may have been started under another key, or the address was cut off.",
        symbol="icon-search",
    ),
    409: Saying(heading="That is not possible now", text="Something has changed meanwhile. Look at the job again."),
    413: Saying(heading="That is too large", text="Send less at once."),
    429: Saying(heading="Too many tries", text="Wait a minute, then try again.", retry=True),
    500: Saying(
        heading="Something broke here",
        text="The server could not answer, and has written down why. Nothing that was saved is lost.",
        retry=True,
    ),
    503: Saying(
        heading="Something that this page needs is down",
        text="Jobs that run elsewhere go on. This page works again as soon as it answers.",
        retry=True,
    ),
}


def saying(status: int) -> Saying:
    """The words for a status; those of its class where it has none."""
    return SAYINGS.get(status) or SAYINGS[500 if status >= 500 else 400]


def page(request: Request, status: int, detail: str) -> Response:
    """The page for a refusal; `detail` is a sentence for people, and empty where there is none to tell."""
    said = saying(status)
    links = [("Back to Jobs", "/jobs"), *([("Health", "/health")] if status >= 500 else [])]
    if said.retry and request.method == "GET":
        links = [("Try again", str(request.url.path)), *links]
    if fragment_wanted(request):
        return rendered_page(
            request, "problem.html", status=status, heading=said.heading, text=shown(detail) or said.text
        )
    number = getattr(request.state, "request_id", None)
    told = bool(detail) and status < 500
    details = [("What it said", shown(detail))] if detail and not told else []
    details += [("Request", str(number))] if number else []
    return rendered_page(
        request,
        "state_page.html",
        status=status,
        symbol=said.symbol,
        heading=said.heading,
        text=f"{shown(capitalised(detail)).rstrip('.')}." if told else said.text,
        details=details,
        links=[] if status in (401, 403) else links,
    )
