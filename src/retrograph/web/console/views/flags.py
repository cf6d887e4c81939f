"""The flags: whom they cover, one user checked, ids added, a list replaced; and what the detector has found."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from retrograph.errors import DependencyDown, NotFound, RetrographError, UsageError
from retrograph.facts import InvalidId, clean_id
from retrograph.flags.watched import WatchedFlags
from retrograph.web.console import flags_page
from retrograph.web.console.formatting import plural
from retrograph.web.console.rendering import page
from retrograph.web.console.start_form import pasted
from retrograph.web.context import Context, WebContext
from retrograph.web.viewing import who
from retrograph.wiring.flags import flag_changes

router = APIRouter(prefix="/flags")

_MOST_BYTES: Final = 50_000_000
_SHOWN_PASSES: Final = 100


@router.get("")
async def flags(
    context: Context, request: Request, user: str = "", flag: str = "", segment: str = "", added: int | None = None
) -> Response:
    """All flags; with `user`, also whether each covers that user."""
    said = "" if added is None else _said(added, segment)
    return await _shown(context, request, user=user, said=said)


@router.get("/detector")
async def detector(context: Context, request: Request) -> Response:
    """Whom the detector has found, pass by pass."""
    found = context.detector
    passes: Any = () if found is None else await found.latest(_SHOWN_PASSES)
    known = 0 if found is None else await found.count_known()
    return page(
        request,
        "detector.html",
        passes=passes,
        known=known,
        there=found is not None,
        every=context.settings.detector.every_seconds,
        candidates=context.settings.detector.candidates,
    )


@router.post("/detector")
async def detect(context: Context, request: Request) -> Response:
    """A pass now; it runs in the background."""
    if context.detector is None:
        raise NotFound("there are no flags whose users could be looked for")
    context.detector.soon(who(request))
    return RedirectResponse("/flags/detector", 303)


@router.post("/{flag}/ids")
async def add(context: Context, request: Request, flag: str) -> Response:
    """Adds ids to a segment."""
    async with request.form(max_files=0, max_fields=4, max_part_size=_MOST_BYTES) as form:
        typed, segment = str(form.get("ids", "")), str(form.get("segment", ""))
    try:
        changed = await flag_changes(context.settings, _watched(context).file).add(
            flag, segment, pasted(typed), who(request)
        )
    except RetrographError as error:
        return await _refused(context, request, error, flag=flag, segment=segment, typed=typed)
    return await _done(context, request, flag, segment, changed.added)


@router.post("/{flag}/list")
async def replace(context: Context, request: Request, flag: str) -> Response:
    """Replaces a segment's list by an uploaded one."""
    async with request.form(max_files=1, max_fields=4) as form:
        file, segment = form.get("file"), str(form.get("segment", ""))
        content = await file.read() if isinstance(file, UploadFile) else b""
    try:
        if not content:
            raise UsageError("choose a file with one id a line, or a CSV", field="file")
        changes = flag_changes(context.settings, _watched(context).file)
        changed = await changes.replace(flag, segment, content, who(request))
    except RetrographError as error:
        return await _refused(context, request, error, flag=flag, segment=segment)
    return await _done(context, request, flag, segment, changed.added)


async def _done(context: WebContext, request: Request, flag: str, segment: str, added: int) -> Response:
    """The change counts here at once, and whoever is new is looked for."""
    await _watched(context).look()
    if added and context.detector is not None:
        context.detector.soon(who(request))
    return RedirectResponse("/flags?" + urlencode({"flag": flag, "segment": segment, "added": added}), 303)


async def _refused(
    context: WebContext, request: Request, error: RetrographError, *, flag: str, segment: str, typed: str = ""
) -> Response:
    status = 503 if isinstance(error, DependencyDown) else 404 if isinstance(error, NotFound) else 422
    tried = {"flag": flag, "segment": segment, "ids": typed}
    return await _shown(context, request, status=status, problem=str(error), tried=tried)


async def _shown(
    context: WebContext,
    request: Request,
    *,
    status: int = 200,
    user: str = "",
    said: str = "",
    problem: str = "",
    tried: dict[str, str] | None = None,
) -> Response:
    watched = context.gate.flags
    try:
        coverage = None if watched is None else watched.coverage
    except DependencyDown as error:
        coverage, problem = None, problem or str(error)
    checked, wrong = await _checked(context, user)
    return page(
        request,
        "flags.html",
        status=400 if wrong else status,
        watched=watched,
        tables=() if coverage is None else flags_page.tables(coverage),
        enrolled=await context.enrolments.outstanding(),
        user=user,
        checked=checked,
        wrong=wrong,
        said=said,
        problem=problem,
        tried=tried or {},
    )


async def _checked(context: WebContext, user: str) -> tuple[list[tuple[str, bool, Sequence[str]]], str]:
    """What each flag, and the gate as a whole, says about a user; and by which segments a flag covers them."""
    if not user.strip():
        return [], ""
    try:
        user_id = clean_id(user)
        flags = context.gate.flags
        found = (
            []
            if flags is None
            else [(key, flags.file.flag(key).covering(user_id)) for key in sorted(flags.coverage.flags.flags)]
        )
        passes = bool(await context.gate.gate.admits([user_id]))
    except (InvalidId, RetrographError) as error:
        return [], str(error)
    return [*((key, bool(segments), segments) for key, segments in found), ("The gate", passes, ())], ""


def _said(added: int, segment: str) -> str:
    if not added:
        return f"Everybody was in {segment} already: nothing was written."
    written = f"{plural(added, 'id was', 'ids were')} written into {segment}"
    return f"{written}. Whoever is new is loaded, and once more in a while."


def _watched(context: WebContext) -> WatchedFlags:
    if context.gate.flags is None:
        raise NotFound("there is no file of flags: set RETROGRAPH_FLAGS_FILE")
    return context.gate.flags
