"""The rows about the engine: what a job adds to an item, and what a million ids cost in memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.jobs.frozen import FrozenItems
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.work import PROCESSED, Load, Outcome, Permit, Source, unconditionally
from retrograph.service import Service, StartRequest
from retrograph.store.schema import open_database

ITEMS: Final = 100_000
FEW: Final = 10_000
MANY: Final = 1_000_000
MEGABYTE: Final = 1024
"""In kilobytes, which Linux counts peaks in."""


class _Nothing:
    """A load that does nothing."""

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        del key, permit
        return PROCESSED

    async def ping(self, dependency: str) -> bool:
        del dependency
        return True

    async def finish(self) -> None:
        return None

    async def close(self) -> None:
        return None


class NoKind:
    """So many ids, and nothing to do with them."""

    name = "nothing"
    calls_services = False
    fixed_key = None
    grows = False

    def __init__(self, items: int) -> None:
        self._items = items

    async def resolve(self, source: object) -> Resolved:
        return Resolved(source={}, digest="sha256:0", ids=self._ids())

    async def _ids(self) -> AsyncIterator[str]:
        for number in range(self._items):
            yield f"user-{number:09d}"

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del job
        return frozen

    async def open_load(self, job: Job) -> Load:
        del job
        return _Nothing()


async def _graph_id() -> str:
    return "bench"


@asynccontextmanager
async def _overhead(options: Options) -> AsyncIterator[Sides]:
    spare_the_interpreter()
    items = 1_000 if options.tiny else ITEMS
    with tempfile.TemporaryDirectory() as folder:
        store = SqlJobStore(await open_database(f"sqlite:///{folder}/jobs.db", synchronous="NORMAL"))
        service = Service(store, {"nothing": NoKind(items)}, _graph_id, SystemClock())
        last: list[Job] = []

        async def ours() -> Lap:
            watch = Stopwatch()
            answer = await service.start(StartRequest(kind="nothing", source=None, key=str(uuid4()), who="bench"))
            with watch.running():
                job = await service.run(answer)
            assert (job.state, job.counts.processed) == (JobState.SUCCEEDED, items)
            last[:] = [job]
            return watch.lap(items)

        async def reference() -> Lap:
            if not last:
                await ours()
            source = FrozenItems(store, last[0].list_id or "", items)
            watch, seen = Stopwatch(), 0
            with watch.running():
                async for _ in source.walk(None):
                    seen += 1
            assert seen == items
            return watch.lap(items)

        try:
            yield Sides(ours=ours, reference=reference)
        finally:
            await store.close()


def micros_over(ours: Lap, reference: Lap) -> float:
    """Microseconds more for each item."""
    return 1e6 * (ours.seconds / ours.amount - reference.seconds / reference.amount)


@asynccontextmanager
async def _memory(options: Options) -> AsyncIterator[Sides]:
    few, many = (100, 2_000) if options.tiny else (FEW, MANY)
    with tempfile.TemporaryDirectory() as folder:

        async def ours() -> Lap:
            return _walk(Path(folder), many)

        async def reference() -> Lap:
            return _walk(Path(folder), few)

        yield Sides(ours=ours, reference=reference)


# The system takes a process's peak to be at least that of the one which started it, so a small one starts it.
_WATCHED: Final = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(code)"""


def _walk(folder: Path, ids: int) -> Lap:
    """A dry run of a file of ids by the command itself; its peak is what the system says of the process."""
    file = folder / f"{ids}.txt"
    file.write_text("".join(f"user-{number:09d}\n" for number in range(ids)))
    key, upstream = str(uuid4()), "http://127.0.0.1:1"
    arguments = ["backfill", "purchases", "--user-file", str(file), "--dry-run", "--key", key]
    arguments += ["--as-of", "2018-01-02", "--rate-limit", "10000", "--batch-size", "5000"]
    environment = {**os.environ, "RETROGRAPH_UPSTREAM": upstream, "RETROGRAPH_STORE": f"sqlite:///{folder}/jobs.db"}
    began = time.perf_counter()
    command = [sys.executable, "-c", _WATCHED, sys.executable, "-m", "retrograph.cli.main", *arguments]
    told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout.split()
    peak, cpu = float(told[0]) / MEGABYTE, float(told[1])
    return Lap(seconds=time.perf_counter() - began, cpu=cpu, amount=ids, counts={"peak MB": peak})


def megabytes_more(ours: Lap, reference: Lap) -> float:
    """How much higher the peak is."""
    return ours.counts["peak MB"] - reference.counts["peak MB"]


ROWS: Final = (
    Row(
        name="job-overhead",
        work="a job of 100,000 items that do nothing, 8 at a time",
        reference="a bare loop over the same frozen ids",
        goal=Goal(bound=50, at_most=True, unit=" µs an item"),
        unit="items/s",
        sides=_overhead,
        figure=micros_over,
    ),
    Row(
        name="ids-memory",
        work="peak memory of a dry run of 1,000,000 ids in a file (paced at 10,000 a second)",
        reference="the same of 10,000 ids",
        goal=Goal(bound=100, at_most=True, unit=" MB more"),
        unit="ids/s",
        sides=_memory,
        figure=megabytes_more,
    ),
)
