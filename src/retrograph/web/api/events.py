"""`/api/v1/events`: what happens to jobs, as it happens, over server-sent events."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent

from retrograph.errors import RetrographError, UsageError
from retrograph.jobs.queries import Mark
from retrograph.web.api.answers import problems
from retrograph.web.context import Context, WebContext

router = APIRouter(tags=["events"])

_MARK = re.compile(r"(\d{1,15})-(\d{1,18})")
_PING_SECONDS = 15


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


@router.get("/events", response_class=EventSourceResponse, responses={**_STREAM, **problems()})
async def events(context: Context, last_event_id: Annotated[str | None, Header()] = None) -> EventSourceResponse:
    """Streams `job` (the job, at most twice a second for each), `log` (a line of some job's log) and `cards` (counts).

    It begins with the jobs that run now, or, with `Last-Event-ID`, with what has happened since.
    """
    after = _mark(last_event_id)
    headers = {"X-Accel-Buffering": "no"}
    return EventSourceResponse(_stream(context, after), ping=_PING_SECONDS, headers=headers, sep="\n")


async def _stream(context: WebContext, after: Mark | None) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="welcome", retry=2_000)
    with suppress(RetrographError):  # the store is away: the stream ends, and whoever listens comes back
        async for item in context.news.listen(after):
            yield ServerSentEvent(event=item.name, data=item.data, id=f"{item.mark.at}-{item.mark.number}")


def _mark(text: str | None) -> Mark | None:
    if not text:
        return None
    found = _MARK.fullmatch(text)
    if found is None:
        raise UsageError("Last-Event-ID is not the id of an event of this stream", field="Last-Event-ID")
    return Mark(at=int(found[1]), number=int(found[2]))
