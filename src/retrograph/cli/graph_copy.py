"""`retrograph graph copy`: moves a graph into another through the same join, and shows that both hold the same."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from retrograph.cli.exit_codes import ExitCode
from retrograph.cli.output import print_json, print_pairs, say, warn
from retrograph.cli.session import configured, run
from retrograph.errors import UsageError

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.graph.copy import CopyReport

LINE_SECONDS = 10.0


def copy(
    source: Annotated[str, typer.Option("--from", help="The graph to read.", metavar="URL")],
    target: Annotated[str, typer.Option("--to", help="The graph to write; it may hold facts already.", metavar="URL")],
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring an older target up to date first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Copy a graph into another, and compare them.

    The copy goes through the same join as loads. One that was interrupted goes on where it was: give the same command.
    Exit code 1 where the digests differ, as they do where the target held other facts before.
    """
    raise typer.Exit(run(_copy(configured(), source, target, migrate, as_json)))


async def _copy(settings: "Settings", source: str, target: str, migrate: bool, as_json: bool) -> ExitCode:
    from retrograph.clock import SystemClock
    from retrograph.graph.copy import copy as copied
    from retrograph.wiring.graphs import graph_url, open_graph

    origin, goal = graph_url(source, "--from"), graph_url(target, "--to")
    async with (
        open_graph(settings, origin, create=False) as reading,
        open_graph(settings, goal, migrate=migrate) as writing,
    ):
        if reading.identity.graph_id == writing.identity.graph_id:
            raise UsageError("--from and --to are the same graph")
        report = await copied(reading, writing, SystemClock(), _Counted())
    _print(report, as_json)
    return ExitCode.DONE if report.equal else ExitCode.FAILED


class _Counted:
    """Tells how far the copy is, now and then."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._told_at = time.monotonic()

    def __call__(self, label: str, count: int) -> None:
        self._counts[label] = self._counts.get(label, 0) + count
        if time.monotonic() - self._told_at >= LINE_SECONDS:
            self._told_at = time.monotonic()
            say("copied " + ", ".join(f"{done:,} {name}" for name, done in self._counts.items()))


def _print(report: "CopyReport", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "nodes": report.nodes,
                "resumed": report.resumed,
                "equal": report.equal,
                "from": {"digest": report.source.digest, "facts": report.source.facts},
                "to": {"digest": report.target.digest, "facts": report.target.facts},
            }
        )
    else:
        nodes = f"{report.nodes:,}{', going on where an earlier copy had stopped' if report.resumed else ''}"
        print_pairs({"nodes copied": nodes, "digest from": report.source.digest, "digest to": report.target.digest})
    if not report.equal:
        warn("the digests differ: the target held other facts before, or one of the graphs is being written")
