"""`retrograph worker`: takes users from the queues and loads them, until Ctrl-C or SIGTERM."""

from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.output import say
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.wiring.worker import LaneName


def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option(help="`bulk` or `enrollment`; repeat it for both. Default: all that are configured."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            help="Users at the same time, of each queue. Default: 5 of bulk, 2 of enrollment.", min=1, max=200
        ),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older graph up to date first.")] = False,
) -> None:
    """Load users that jobs and enrolments have sent through SQS.

    Any number of workers may run, on any number of machines, over the same graph and store. At SIGTERM or Ctrl-C it
    receives nothing further, ends what is under way, and gives back what takes too long.
    """
    names = _named(queue or [])
    run(_worker(_with_concurrency(configured(serves=True), concurrency), names, migrate))


def _named(queues: "list[str]") -> "list[LaneName]":
    names: list[LaneName] = []
    for name in queues:
        if name == "bulk":
            names.append("bulk")
        elif name in ("enrollment", "enrolment"):
            names.append("enrollment")
        else:
            raise UsageError(f"--queue is {name!r}: it can be bulk or enrollment")
    return names


def _with_concurrency(settings: "Settings", concurrency: int | None) -> "Settings":
    if concurrency is None:
        return settings
    changes = {"concurrency": concurrency, "enrollment_concurrency": concurrency}
    return settings.model_copy(update={"worker": settings.worker.model_copy(update=changes)})


async def _worker(settings: "Settings", names: "list[LaneName]", migrate: bool) -> None:
    import asyncio

    from retrograph.cli.signals import Signals
    from retrograph.wiring.recounting import recounted
    from retrograph.wiring.service import open_parts
    from retrograph.wiring.upstream import check_upstream
    from retrograph.wiring.worker import open_workforce

    await check_upstream(settings)
    async with open_parts(settings, starts=True, graph=True, migrate=migrate) as parts:
        assert parts.target is not None
        async with open_workforce(settings, parts, parts.target, names) as workforce:

            async def end() -> None:
                workforce.stop()

            with Signals(stop=end, pause=end).listening():
                for one in workforce.workers:
                    say(f"taking users from {one.lane.queue.url}, {one.lane.concurrency} at a time")
                recounting = asyncio.create_task(recounted(parts.target.graph, parts.clock))
                try:
                    await workforce.run()
                finally:
                    recounting.cancel()
                    await asyncio.gather(recounting, return_exceptions=True)
