"""`retrograph queue …`: makes the queues of SQS, looks at them, and deals with their dead letters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrograph.cli.output import print_json, print_line, print_table, say
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.queue.admin import DeadLetter
    from retrograph.queue.sqs import SqsQueue

app = typer.Typer(help="Make and look at the queues of SQS.", no_args_is_help=True, rich_markup_mode=None)
letters = typer.Typer(help="See and replay messages that were given up.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(letters, name="dead-letters")

Name = Annotated[str, typer.Option("--queue", help="`bulk` or `enrollment`.", metavar="NAME")]
Most = Annotated[int, typer.Option("--most", help="How many at most.", min=1, max=10_000)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
NAMES = {"bulk": "consumer-graph-queue", "enrollment": "consumer-graph-enrollment-queue"}


@app.command()
def create(
    queue: Annotated[str | None, typer.Option("--queue", help="Only `bulk` or `enrollment`.", metavar="NAME")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the queues with their dead-letter queues, or bring those that exist to the right attributes.

    Their names begin with the environment; each keeps messages for 4 days, its dead-letter queue for 14, and gives a
    message up that was received 5 times.
    """
    run(_create(configured(), [_checked(queue)] if queue else list(NAMES), as_json))


async def _create(settings: "Settings", names: list[str], as_json: bool) -> None:
    from retrograph.clock import SystemClock
    from retrograph.queue.admin import Wanted
    from retrograph.queue.admin import create as make
    from retrograph.wiring.queues import open_sqs

    sqs = await open_sqs(settings.queue.url, SystemClock())
    made = {}
    try:
        for name in names:
            wanted = Wanted(
                name=f"{settings.environment}-{NAMES[name]}",
                visibility_seconds=settings.queue.visibility_seconds,
                retention_seconds=settings.queue.retention_seconds,
                wait_seconds=settings.queue.wait_seconds,
            )
            made[name], _ = await make(sqs, wanted)
    finally:
        await sqs.close()
    variables = {"bulk": "SQS_QUEUE_URL", "enrollment": "ENROLLMENT_QUEUE_URL"}
    if as_json:
        print_json({name: queue.url for name, queue in made.items()})
        return
    for name, queue in made.items():
        print_line(f"{variables[name]}={queue.url}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say about how many messages are waiting, taken by workers, and given up."""
    run(_status(configured(), as_json))


async def _status(settings: "Settings", as_json: bool) -> None:
    rows = []
    for name in [name for name in NAMES if _url(settings, name)] or ["bulk"]:
        async with _opened(settings, name) as queue:
            depth = await queue.depth()
            rows.append((name, queue.url, depth.waiting, depth.in_flight, depth.dead))
    columns = ("queue", "url", "waiting", "in_flight", "dead")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows, right=("waiting", "in_flight", "dead"))


@app.command()
def redrive(queue: Name = "bulk", most: Most = 10_000) -> None:
    """Send everything that was given up to its queue again. Users of a job are better retried: `jobs retry`."""
    run(_replayed(configured(), queue, most, everything=True))


@letters.command("list")
def list_letters(queue: Name = "bulk", most: Most = 100, as_json: AsJson = False) -> None:
    """List messages that were given up and belong to no job."""
    run(_list(configured(), queue, most, as_json))


async def _list(settings: "Settings", name: str, most: int, as_json: bool) -> None:
    from retrograph.queue.admin import dead_letters

    async with _opened(settings, _checked(name)) as queue:
        found = [letter for letter in await dead_letters(queue, most) if _of_no_job(letter)]
    documents = [_document(letter) for letter in found]
    if as_json:
        print_json(documents)
    elif found:
        columns = ("user_id", "reason", "requested_at", "request_id", "receives", "problem")
        print_table(columns, ([document.get(name) or "" for name in columns] for document in documents))
    else:
        say("there are none")


@letters.command()
def replay(queue: Name = "bulk", most: Most = 10_000) -> None:
    """Send messages that were given up and belong to no job to their queue again."""
    run(_replayed(configured(), queue, most, everything=False))


async def _replayed(settings: "Settings", name: str, most: int, *, everything: bool) -> None:
    from retrograph.queue.admin import replay

    async with _opened(settings, _checked(name)) as queue:
        moved = await replay(queue, (lambda _: True) if everything else _of_no_job, most)
    say(f"{moved:,} messages were sent again")


def _of_no_job(letter: "DeadLetter") -> bool:
    return letter.request is None or letter.request.job_key is None


def _document(letter: "DeadLetter") -> dict[str, Any]:
    request = letter.request
    if request is None:
        return {"receives": letter.receives, "problem": letter.why}
    return {
        "user_id": request.user_id,
        "reason": request.reason,
        "requested_at": request.requested_at,
        "request_id": request.request_id,
        "receives": letter.receives,
    }


@asynccontextmanager
async def _opened(settings: "Settings", name: str) -> "AsyncIterator[SqsQueue]":
    from retrograph.clock import SystemClock
    from retrograph.wiring.queues import open_queue

    async with open_queue(_url(settings, name), SystemClock()) as queue:
        yield queue


def _url(settings: "Settings", name: str) -> str | None:
    return settings.queue.url if name == "bulk" else settings.queue.enrollment_url


def _checked(name: str) -> str:
    known = "enrollment" if name == "enrolment" else name
    if known not in NAMES:
        raise UsageError(f"--queue is {name!r}: it can be bulk or enrollment")
    return known
