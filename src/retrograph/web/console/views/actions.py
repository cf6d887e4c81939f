"""What is done to jobs that exist, for one or for many: asked first, then done by the service's verbs, one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from retrograph.errors import RetrographError, UsageError
from retrograph.jobs.job import Job
from retrograph.jobs.queries import FailureSummary, Selection
from retrograph.jobs.text import stored
from retrograph.web.console.formatting import plural
from retrograph.web.console.list_query import cleaned
from retrograph.web.console.offers import Question, Verb, question, verb_of, why_not
from retrograph.web.console.rendering import fragment_wanted, page
from retrograph.web.context import Context, WebContext
from retrograph.web.viewing import who

router = APIRouter(prefix="/actions")

MOST_JOBS: Final = 200
MOST_ITEMS: Final = 1_000
_DONE: Final[Mapping[Verb, str]] = {
    "stop": "asked to stop",
    "cancel": "asked to end for good",
    "retry": "started again for its failures",
    "archive": "archived",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for: on which jobs, for a retry of which failures, why, and where to go afterwards."""

    verb: Verb
    jobs: Sequence[str]
    selection: Selection
    why: str
    back: str

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The fields that the question carries along."""
        chosen = [("item", item) for item in self.selection.items]
        if self.selection.error_class is not None:
            chosen.append(("error_class", self.selection.error_class))
        if self.selection.cause is not None:
            chosen.append(("cause", self.selection.cause))
        return [*(("job", job) for job in self.jobs), *chosen, ("back", self.back)]


@router.get("/{verb}")
async def ask(request: Request, context: Context, verb: str) -> Response:
    """What will happen, and what stays: in the dialog, or as a page of its own."""
    params = request.query_params
    wish = _wish(verb, cleaned({name: params.getlist(name) for name in params}))
    return await _asked(request, context, wish)


@router.post("/{verb}")
async def act(request: Request, context: Context, verb: str) -> Response:
    """Does it to each job that allows it. Where one was refused all the same, the question comes back and says so."""
    body = (await request.body()).decode("utf-8", "replace")
    wish = _wish(verb, _fields(body))
    done: list[Job] = []
    refused: list[str] = []
    possible = [job for job in await _jobs(context, wish) if not why_not(wish.verb, job)]
    if not possible:
        return await _asked(request, context, wish, status=409)
    for job in possible:
        try:
            done.append(await _do(context, wish, job, who(request)))
        except RetrographError as error:
            refused.append(str(error))
    if refused:
        said = f"{_sentence(wish, done)} " if done else ""
        return await _asked(request, context, wish, said + " ".join(refused), status=409)
    if fragment_wanted(request):
        return PlainTextResponse(_sentence(wish, done), headers={"X-Outcome": "done"})
    return RedirectResponse(wish.back, 303)


def _fields(body: str) -> Mapping[str, Sequence[str]]:
    try:
        return cleaned(parse_qs(body, max_num_fields=MOST_JOBS + MOST_ITEMS + 10))
    except ValueError:
        raise UsageError("the form has too many fields") from None


async def _do(context: WebContext, wish: Wish, job: Job, name: str) -> Job:
    match wish.verb:
        case "stop":
            return await context.service.stop(job.job_id, name, wish.why)
        case "cancel":
            return await context.service.cancel(job.job_id, name, wish.why)
        case "archive":
            return await context.service.archive(job.job_id, name)
        case "retry":
            answer = await context.fleet.retry(job.job_id, wish.selection, name)
            if not answer.started:
                raise UsageError(answer.message or f"job {job.key} was not started")
            return answer.job


def _sentence(wish: Wish, done: Sequence[Job]) -> str:
    which = done[0].key if len(done) == 1 else plural(len(done), "job")
    return f"{which}: {_DONE[wish.verb]}."


async def _asked(
    request: Request, context: WebContext, wish: Wish, problem: str = "", *, status: int = 200
) -> Response:
    asked = await _question(context, wish)
    template = "question.html" if fragment_wanted(request) else "question_page.html"
    return page(request, template, status=status, asked=asked, problem=problem, sent=wish.sent, back=wish.back)


async def _question(context: WebContext, wish: Wish) -> Question:
    jobs = await _jobs(context, wish)
    return question(wish.verb, jobs, failures=await _failures(context, wish, jobs))


async def _failures(context: WebContext, wish: Wish, jobs: Sequence[Job]) -> int | None:
    """How many failures a retry means; `None` where it means all."""
    if wish.verb != "retry" or wish.selection.everything:
        return None
    if wish.selection.items:
        return len(wish.selection.items)
    summaries = [await context.service.failure_summary(job.job_id) for job in jobs]
    return sum(wanted_of(summary, wish.selection) for summary in summaries)


def wanted_of(summary: FailureSummary, selection: Selection) -> int:
    """How many of these failures a class or a cause means."""
    if selection.cause is None:
        return summary.by_class.get(selection.error_class or "", 0)
    classes = (None, *summary.by_class) if selection.error_class is None else (selection.error_class,)
    return sum(
        group.count for group in summary.groups if group.cause == selection.cause and group.error_class in classes
    )


async def _jobs(context: WebContext, wish: Wish) -> Sequence[Job]:
    if len(wish.jobs) == 1:
        return [await context.service.show(wish.jobs[0])]
    return await context.service.several(wish.jobs)


def _wish(verb: str, given: Mapping[str, Sequence[str]]) -> Wish:
    known = verb_of(verb)
    jobs = list(dict.fromkeys(given.get("job", ())))
    if not jobs:
        raise UsageError("no job is selected", field="job")
    if len(jobs) > MOST_JOBS:
        raise UsageError(f"at most {MOST_JOBS} jobs at once", field="job")
    items = tuple(dict.fromkeys(given.get("item", ())))
    if len(items) > MOST_ITEMS:
        raise UsageError(f"at most {MOST_ITEMS:,} items at once: retry all, or those of one cause", field="item")
    error_class = next(iter(given.get("error_class", ())), None)
    return Wish(
        verb=known,
        jobs=jobs,
        selection=Selection(
            items=items, error_class=error_class, cause=_stored(next(iter(given.get("cause", ())), None))
        ),
        why=next(iter(given.get("why", ())), "")[:200],
        back=_back(next(iter(given.get("back", ())), "/jobs")),
    )


def _stored(cause: str | None) -> str | None:
    return stored(cause) if cause else None


def _back(address: str) -> str:
    """An address of this console: nobody is sent elsewhere by a link that somebody else made."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe else "/jobs"
