"""The rows about flags: what a million ids behind a flag cost, in time for each check and in memory."""

import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from retrograph.blobs.local import LocalFiles
from retrograph.flags.flag_file import FlagFile
from retrograph.flags.gate import INGESTION, FlagGate
from retrograph.flags.locations import Locations
from retrograph.flags.provider import FileProvider, OpenFeatureFlags

IDS: Final = 1_000_000
BATCH: Final = 500
"""Users of one batch of events."""
_MEGABYTE: Final = 1_000_000


def _named(number: int) -> str:
    return f"user-{number:012d}"


async def _flags(folder: Path, ids: int) -> FlagFile:
    with (folder / "users.txt").open("w") as file:
        file.writelines(_named(number) + "\n" for number in range(ids))
    (folder / "flags.yaml").write_text(
        f"flags: {{{INGESTION}: {{segments: [{{name: listed, allowedS3IDs: users.txt}}]}}}}"
    )
    flags = FlagFile(str(folder / "flags.yaml"), Locations(bucket=str(folder)), lambda _: LocalFiles())
    await flags.open()
    return flags


def _asked(ids: int) -> list[list[str]]:
    """Half of them are covered. Each is a text of its own, as out of an event."""
    users = [_named(number * 7 % (2 * ids)) for number in range(ids // 2)]
    return [users[start : start + BATCH] for start in range(0, len(users), BATCH)]


@asynccontextmanager
async def _checks(options: Options) -> AsyncIterator[Sides]:
    ids = IDS // 100 if options.tiny else IDS
    with tempfile.TemporaryDirectory() as folder:
        flags = await _flags(Path(folder), ids)
        gate = FlagGate(OpenFeatureFlags(FileProvider(lambda: flags.coverage)))
        known = {_named(number) for number in range(ids)}
        batches = _asked(ids)

        async def ours() -> Lap:
            watch, admitted = Stopwatch(), 0
            with watch.running():
                for batch in batches:
                    admitted += len(await gate.admits(batch))
            return watch.lap(sum(map(len, batches)), admitted=admitted)

        async def reference() -> Lap:
            watch, admitted = Stopwatch(), 0
            with watch.running():
                for batch in batches:
                    admitted += len(frozenset(filter(known.__contains__, batch)))
            return watch.lap(sum(map(len, batches)), admitted=admitted)

        yield Sides(ours=ours, reference=reference)


@asynccontextmanager
async def _memory(options: Options) -> AsyncIterator[Sides]:
    ids = IDS // 100 if options.tiny else IDS
    with tempfile.TemporaryDirectory() as folder:
        await _flags(Path(folder), ids)

        async def ours() -> Lap:
            watch = Stopwatch()
            tracemalloc.start()
            with watch.running():
                flags = FlagFile(str(Path(folder) / "flags.yaml"), Locations(bucket=folder), lambda _: LocalFiles())
                await flags.open()
            assert flags.flag(INGESTION).covers(_named(ids - 1))
            return watch.lap(ids, MB=_traced())

        async def reference() -> Lap:
            watch = Stopwatch()
            tracemalloc.start()
            with watch.running(), (Path(folder) / "users.txt").open() as file:
                known = {line.rstrip("\n") for line in file}
            assert _named(ids - 1) in known
            return watch.lap(ids, MB=_traced())

        yield Sides(ours=ours, reference=reference)


def _traced() -> float:
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / _MEGABYTE


def micros(ours: Lap, reference: Lap) -> float:
    """Microseconds of CPU of each of our checks."""
    del reference
    return ours.cpu / ours.amount * 1_000_000


def megabytes(ours: Lap, reference: Lap) -> float:
    """What is kept in memory by our side."""
    del reference
    return ours.counts["MB"]


ROWS: Final = (
    Row(
        name="flag-check",
        work="the gate over a flag with 1,000,000 listed ids, asked about 500,000 users by 500, half covered",
        reference="a Python set of the same ids",
        goal=Goal(bound=2, at_most=True, unit=" µs of CPU a check"),
        unit="checks/s",
        sides=_checks,
        figure=micros,
    ),
    Row(
        name="flag-memory",
        work="memory that a flag with a list of 1,000,000 ids keeps (traced, which slows the reading down)",
        reference="a Python set of the same ids",
        goal=Goal(bound=100, at_most=True, unit=" MB"),
        unit="ids/s",
        sides=_memory,
        figure=megabytes,
    ),
)
