"""`retrograph demo`: the whole story on the packaged sample in one command, with every number measured."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.exit_codes import ExitCode
from retrograph.cli.output import print_line, say
from retrograph.cli.sandbox_process import SAMPLE_ENDS
from retrograph.cli.session import run

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.graph.digest import Digest
    from retrograph.graph.records import GraphStats
    from retrograph.jobs.job import Job

AS_OF = SAMPLE_ENDS
"""The sample's purchases end the day before."""
LOOKBACK_DAYS = 365
RATE_LIMIT = 1_000
"""Users a second: no limit in practice. The services are the sandbox's, so there is nobody to spare."""
CONCURRENCY = 16
USERS_AGAIN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one load came to."""

    job: "Job"
    code: ExitCode
    seconds: float

    @property
    def rate(self) -> float:
        """Users a second, from the start to the end of the job."""
        return self.job.counts.scanned / self.seconds if self.seconds else 0.0


def demo(
    directory: Annotated[
        Path, typer.Option(help="Where the graph goes; a demo that is there already starts fresh.", metavar="DIR")
    ] = Path("demo"),
) -> None:
    """Load the sample, a part of it twice, and show the result."""
    raise typer.Exit(run(_demo(directory)))


async def _demo(directory: Path) -> ExitCode:
    from retrograph.cli.demo_stage import prepared, settings_of
    from retrograph.cli.sandbox_process import sandbox_process
    from retrograph.telemetry.logging import configure_logging

    configure_logging(level="warning", format="text", environment="demo")
    with prepared(directory) as ids_file:
        say("starting a sandbox: the four services that history comes from, on the packaged sample")
        async with sandbox_process(ids_file) as upstream:
            return await _story(settings_of(directory, upstream), directory, ids_file.read_text("utf-8").split())


async def _story(settings: "Settings", directory: Path, ids: list[str]) -> ExitCode:
    say(f"loading what {len(ids):,} users bought in the {LOOKBACK_DAYS} days before {AS_OF}")
    first = await _load(settings, ids, key="demo")
    if first.code is not ExitCode.DONE:
        return first.code
    stats, before = await _measured(settings)
    _print_summary(first, stats, directory)
    again = ids[:USERS_AGAIN]
    print_line("")
    say(f"loading {len(again)} of them again, as another job: it must change nothing")
    second = await _load(settings, again, key="demo-again")
    if second.code is not ExitCode.DONE:
        return second.code
    _, after = await _measured(settings)
    _print_promise(second, before, after)
    _print_next(directory, again[0])
    return ExitCode.DONE if after == before else ExitCode.FAILED


async def _load(settings: "Settings", ids: list[str], *, key: str) -> Load:
    from retrograph.cli.display import Display
    from retrograph.cli.exit_codes import of_job
    from retrograph.cli.foreground import listening, who
    from retrograph.cli.job_rendering import ending
    from retrograph.service import StartRequest
    from retrograph.wiring.purchases import users_inline
    from retrograph.wiring.service import open_service

    parameters = {
        "as_of": AS_OF,
        "lookback_days": LOOKBACK_DAYS,
        "rate_limit": RATE_LIMIT,
        "concurrency": CONCURRENCY,
    }
    source = await users_inline(ids)
    display = Display()
    async with open_service(settings, starts=True, graph=True) as service:
        began = time.monotonic()
        request = StartRequest(kind="purchases", source=source, parameters=parameters, key=key, who=who())
        answer = await service.start(request, display)
        with listening(service) as signals, display:
            job = await service.run(answer, display)
        seconds = time.monotonic() - began
    code = of_job(job, interrupted=signals.interrupted)
    if code is not ExitCode.DONE:
        say(ending(job)[0])
    return Load(job=job, code=code, seconds=seconds)


async def _measured(settings: "Settings") -> "tuple[GraphStats, Digest]":
    from retrograph.graph.digest import digest
    from retrograph.wiring.graphs import open_graph

    async with open_graph(settings, create=False) as graph:
        return await graph.stats(), await digest(graph)


def _print_summary(load: Load, stats: "GraphStats", directory: Path) -> None:
    from retrograph.cli.demo_stage import GRAPH_FILE
    from retrograph.cli.output import print_pairs

    counts, totals = load.job.counts, stats.totals
    file = directory / GRAPH_FILE
    print_line("")
    print_pairs(
        {
            "users loaded": f"{counts.processed:,}",
            "failed": f"{counts.failed:,}",
            "purchases": f"{totals['times']:,} of {stats.nodes['Product']:,} products",
            "shops": f"{totals['frequency']:,} visits to {stats.nodes['Retailer']:,} retailers",
            "categories": f"{stats.nodes['Category']:,}, which {stats.products_with_category:,} products have",
            "rate": f"{load.rate:,.0f} users and {totals['times'] / load.seconds:,.0f} purchases a second",
            "took": f"{load.seconds:.1f} s",
            "graph": f"{file} ({file.stat().st_size / 1_000_000:.0f} MB)",
        }
    )


def _print_promise(load: Load, before: "Digest", after: "Digest") -> None:
    print_line("")
    print_line(f"digest before  {before.digest}")
    print_line(f"digest after   {after.digest}")
    if after == before:
        print_line(
            f"The digest is unchanged: {load.job.counts.processed:,} users were loaded twice, none counts double."
        )
    else:
        print_line("The digest has CHANGED. That must not happen: please report it.")


def _print_next(directory: Path, user: str) -> None:
    import shlex

    from retrograph.cli.demo_stage import program

    command = program()
    print_line("\nTry next:")
    print_line(f"  cd {shlex.quote(str(directory))}")
    print_line(f"  {command} graph show {shlex.quote(user)}")
    print_line(f"  {command} graph stats")
    print_line(f"  {command} jobs show demo")
