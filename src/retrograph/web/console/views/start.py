"""Starting a job from a form: what is typed is checked field by field, and kept until it is right."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from retrograph.errors import DependencyDown, NotFound, RetrographError, UsageError
from retrograph.jobs.job import Job
from retrograph.jobs.keys import checked_key
from retrograph.jobs.outlook import Outlook
from retrograph.jobs.requests import StartAnswer, StartRequest
from retrograph.jobs.uploads import Upload
from retrograph.web.console import file_form, start_form
from retrograph.web.console.rendering import page
from retrograph.web.console.start_form import Form, Typed
from retrograph.web.console.start_kinds import KINDS, StartKind, kind_of
from retrograph.web.context import Context, WebContext
from retrograph.web.viewing import who
from retrograph.wiring.choosing import Chosen, source_of
from retrograph.wiring.event_files import begun_of
from retrograph.wiring.uploading import take_upload

router = APIRouter(prefix="/start")

DRY_RUN: Final = "dry-run"
_BLOCK: Final = 1 << 18
_MOST_FIELDS: Final = 40
_MOST_BYTES: Final = 50_000_000
"""Pasted ids may be as long as an uploaded file; the body's own limit comes first."""


@router.get("")
async def begin(request: Request) -> Response:
    """The most frequent kind's form."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/start/purchases{query}", 303)


@router.get("/{kind}/outlook")
async def outlook(context: Context, request: Request, kind: str, key: str = "") -> Response:
    """What a start of that key would do now."""
    wanted = kind_of(kind)
    values = await _looked_at(context, wanted, key)
    return page(request, "start_outlook.html", form=_filled(context, wanted, {}), **values)


@router.get("/{kind}")
async def form(
    context: Context, request: Request, kind: str, like: str = "", key: str = "", dry_run: str = ""
) -> Response:
    """The form, empty or filled in like a job that exists; `dry_run=1` proposes a dry run."""
    wanted = kind_of(kind)
    job = await context.service.show(like) if like else None
    if job is not None and job.kind != kind:
        raise NotFound(f"job {job.key} is of kind {job.kind}")
    values = start_form.values_like(job) if job is not None else {"key": key, "dry_run": dry_run}
    values = {**_proposed(context, wanted), **values}
    return await _shown(context, request, _filled(context, wanted, values, like=_with_users(job)))


@router.post("/{kind}")
async def start(context: Context, request: Request, kind: str) -> Response:
    """Starts or resumes a job, and goes to its page; or says what is wrong, beside each field."""
    wanted = kind_of(kind)
    async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_BYTES) as sent:
        return await _Submission(context, request, wanted).answered(sent)


async def model(context: WebContext, kind: str) -> dict[str, Any]:
    """What `start_form.html` needs, for a page that holds the form among other things."""
    wanted = kind_of(kind)
    form = _filled(context, wanted, _proposed(context, wanted))
    return {"form": form, "not_set": _not_set(context, wanted), **await _looked_at(context, wanted, "")}


def _not_set(context: WebContext, kind: StartKind) -> str:
    """What has to be configured before such a job can start at all; empty where nothing is missing."""
    if not kind.walks_table or context.settings.users.url is not None:
        return ""
    return (
        "No users table is configured, so there is nothing to walk. Set RETROGRAPH_USERS_URL to its database, and the "
        "columns that hold what users are known by, then start this server again."
    )


def _sends(context: WebContext) -> bool:
    """Whether jobs can be sent through a queue from here."""
    return context.settings.queue.url is not None


def _proposed(context: WebContext, kind: StartKind) -> dict[str, str]:
    """What a new form is filled in with."""
    windowed = kind.takes_users and context.window_ends is not None
    return {"as_of": context.window_ends or ""} if windowed else {}


class _Submission:
    """One form that was sent."""

    def __init__(self, context: WebContext, request: Request, kind: StartKind) -> None:
        self._context = context
        self._request = request
        self._kind = kind
        self._values: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self._upload: Upload | None = None
        self._like: Job | None = None

    async def answered(self, sent: FormData) -> Response:
        """Every mistake is told at once; what was typed and uploaded stays."""
        self._values = {name: value for name, value in sent.items() if isinstance(value, str)} | {"sent": "1"}
        typed = start_form.typed(self._kind, self._values)
        self._problems.update(typed.problems)
        key = self._key()
        chosen = await self._chosen(sent.get("file"))
        if self._problems:
            return await self._again(422)
        try:
            answer = await self._started(key, typed, chosen)
        except UsageError as error:
            name, words = start_form.problem_of(error)
            self._problems[name] = words
            return await self._again(422)
        except DependencyDown as error:
            self._problems[""] = start_form.sentence(str(error))
            return await self._again(503)
        except RetrographError as error:
            self._problems[""] = start_form.sentence(str(error))
            return await self._again(409)
        if answer.started:
            return RedirectResponse(f"/jobs/{answer.job.job_id}", 303)
        return await self._again(409, answer)

    async def _started(self, key: str | None, typed: Typed, chosen: Chosen) -> StartAnswer:
        dry = self._values.get("action") == DRY_RUN
        reset = bool(typed.parameters.get("reset_cursor"))
        service, settings = self._context.service, self._context.settings
        source: object
        if self._kind.own:
            begun = await begun_of(service, settings, typed.own, key, dry_run=dry)
            source, key = begun.chosen, begun.key
        else:
            source = await source_of(service, settings, self._kind.name, chosen, key, reset=reset)
        wish = StartRequest(
            kind=self._kind.name,
            source=source,
            parameters={**typed.parameters, "dry_run": dry},
            key=key,
            who=who(self._request),
            from_text=True,
        )
        return await self._context.fleet.start(wish)

    def _key(self) -> str | None:
        key = self._values.get("key", "").strip() or None
        if key is not None:
            try:
                checked_key(key)
            except UsageError as error:
                self._problems["key"] = start_form.sentence(str(error))
        return key

    async def _chosen(self, file: object) -> Chosen:
        """Which users, by the choice that is made; a file is taken in first, so that it need not be sent again."""
        if not self._kind.takes_users:
            return Chosen()
        try:
            return await self._users(file)
        except UsageError as error:
            name, words = start_form.problem_of(error)
            self._problems[name or "users"] = words
        except DependencyDown as error:
            self._problems[""] = start_form.sentence(str(error))
        return Chosen()

    async def _users(self, file: object) -> Chosen:
        like, upload_id = self._values.get("like", ""), self._values.get("upload_id", "").replace("\0", "")
        if like:
            self._like = _with_users(await self._context.service.show(like))
        if isinstance(file, UploadFile) and file.filename and self._values.get("users") == "upload":
            self._upload = await take_upload(self._context.service, _blocks(file), file.filename, who(self._request))
        elif upload_id:
            self._upload, _ = await self._context.service.upload(upload_id)
        if self._upload is not None:
            self._values["upload_id"] = self._upload.upload_id
        return await self._named()

    async def _named(self) -> Chosen:
        match self._values.get("users"):
            case "same" if self._like is not None:
                return Chosen(job=self._like.job_id)
            case "upload":
                if self._upload is None:
                    raise UsageError("choose a file with one id a line, or a CSV", field="file")
                return Chosen(upload_id=self._upload.upload_id)
            case "s3":
                if not (uri := self._values.get("s3_uri", "").strip()):
                    raise UsageError("say where the list is: s3://bucket/key", field="s3_uri")
                return Chosen(s3_uri=uri)
            case "graph":
                return Chosen(source="neo4j")
        ids = await asyncio.to_thread(start_form.pasted, self._values.get("ids", ""))  # as much as a file may hold
        if ids:
            return Chosen(user_ids=ids)
        key = self._values.get("key", "").strip() or None
        looked_up = key is not None and "key" not in self._problems
        known = None if not looked_up else await self._context.service.known(self._kind.name, key)
        if known is not None and known.list_id is not None:
            return Chosen(job=known.job_id)  # also to begin anew: its users are kept, whatever became of their list
        raise UsageError("paste at least one id, or choose where they come from", field="ids")

    async def _again(self, status: int, answer: StartAnswer | None = None) -> Response:
        form = _filled(self._context, self._kind, self._values, self._problems, upload=self._upload, like=self._like)
        return await _shown(self._context, self._request, form, status=status, answer=answer)


def _filled(
    context: WebContext,
    kind: StartKind,
    values: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    *,
    upload: Upload | None = None,
    like: Job | None = None,
) -> Form:
    """The form, with what can be chosen on this server."""
    choices = {"credentials": file_form.credentials(context.settings.credentials)}
    return start_form.form_of(kind, values, problems, upload=upload, like=like, choices=choices, sends=_sends(context))


async def _shown(
    context: WebContext, request: Request, form: Form, *, status: int = 200, answer: StartAnswer | None = None
) -> Response:
    message = "" if answer is None else start_form.problem_of(UsageError(answer.message or "It was not started"))[1]
    return page(
        request,
        "start.html",
        status=status,
        form=form,
        message=message,
        in_the_way=() if answer is None else (answer.job,),
        kinds=KINDS.values(),
        not_set=_not_set(context, form.kind),
        **await _looked_at(context, form.kind, form.values.get("key", "")),
    )


async def _looked_at(context: WebContext, kind: StartKind, key: str) -> dict[str, Any]:
    """What a start of that key would do; nothing while there is no key to look at, or none that could be one."""
    named = key.strip() or None
    found: Outlook | None = None
    job: Job | None = None
    problem = ""
    try:
        if named is not None or kind.walks_table:
            found = await context.service.outlook(kind.name, named)
            job = await context.service.known(kind.name, named)
    except UsageError as error:
        problem = start_form.sentence(str(error))
    except DependencyDown as error:
        problem = start_form.sentence(str(error))
    return {"outlook": found, "known": job, "outlook_problem": problem}


def _with_users(job: Job | None) -> Job | None:
    """A job whose users another one can take over."""
    return job if job is not None and job.list_id is not None else None


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block
