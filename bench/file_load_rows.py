"""The rows about whole loads of event files: what reading and the ledger add to joining, how fast a bucket is listed,
and how much memory a large file takes."""

import asyncio
import gzip
import json
import os
import random
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.store import S3Store

from bench.file_rows import loaded
from bench.live_rows import receipts
from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from bench.sample import Sample
from retrograph.blobs.bucket import Access, Bucket
from retrograph.blobs.roles import fixed_keys
from retrograph.clock import SystemClock
from retrograph.flags.gate import OpenGate
from retrograph.graph.sqlite.store import SqliteGraph
from retrograph.graph.writer import GraphWriter
from retrograph.jobs.objects import Ahead
from retrograph.jobs.sql.objects import SqlObjectLedger
from retrograph.loading.event_file import BATCH_EVENTS
from retrograph.loading.events import EventLoad, Receipts, Received
from retrograph.sources.event_files import EventFiles, Wanted
from retrograph.store.schema import open_database
from tests.servers.versitygw import REGION, VersitygwServer

TINY_USERS: Final = 30
FILES: Final = 20
OBJECTS: Final = 100_000
LARGE_BYTES: Final = 2_000_000_000
_LINE_BYTES: Final = 65_536
_MEMBER_LINES: Final = 500


async def _up() -> None:
    """It is not asked."""


@asynccontextmanager
async def _joined(options: Options) -> AsyncIterator[Sides]:
    events = receipts(Sample(TINY_USERS if options.tiny else None).lines)
    with tempfile.TemporaryDirectory() as name:
        folder, laps = Path(name) / "files", iter(range(1_000))
        folder.mkdir()
        for number in range(FILES):
            mine = events[number * len(events) // FILES : (number + 1) * len(events) // FILES]
            content = b"\n".join(event.payload for event in mine)
            (folder / f"{number:02d}.json.gz").write_bytes(gzip.compress(content, 6))

        async def ours() -> Lap:
            store, watch = Path(name) / f"{next(laps)}.db", Stopwatch()
            with watch.running():
                job = await loaded(folder, store)
            assert job.counts.processed == FILES
            return watch.lap(len(events))

        async def reference() -> Lap:
            return await _from_memory(events, Path(name) / f"{next(laps)}.db")

        yield Sides(ours=ours, reference=reference)


async def _from_memory(events: Sequence[Received], file: Path) -> Lap:
    """As many batches at a time as a job reads files at a time."""
    watch, clock = Stopwatch(), SystemClock()
    graph = SqliteGraph(file, durable=False, clock=clock)
    await graph.open()
    batches = iter([events[at : at + BATCH_EVENTS] for at in range(0, len(events), BATCH_EVENTS)])

    async def worker(load: Any) -> None:
        for batch in batches:
            await load.write(batch)

    try:
        async with GraphWriter(graph, clock) as writer:
            load = EventLoad(Receipts(writer), OpenGate(), _up)
            with watch.running():
                await asyncio.gather(*(worker(load) for _ in range(8)))
    finally:
        await graph.close()
    return watch.lap(len(events))


@contextmanager
def _filled(objects: int) -> Any:
    """A gateway over a bucket with so many objects, laid into its folder."""
    with VersitygwServer() as server:
        bucket = server.new_bucket()
        for part in range(max(1, objects // 1_000)):
            folder = server.folder / "data" / bucket / f"{part:03d}"
            folder.mkdir()
            for number in range(min(1_000, objects)):
                (folder / f"{number:03d}.json").write_bytes(b"{}\n")
        yield server, bucket


@asynccontextmanager
async def _listed(options: Options) -> AsyncIterator[Sides]:
    count = 2_000 if options.tiny else OBJECTS
    with _filled(count) as (server, bucket), tempfile.TemporaryDirectory() as name:
        keys = fixed_keys(server.access_key, server.secret_key)
        access, laps = Access(provider=keys, region=REGION, endpoint=server.endpoint), iter(range(1_000))

        async def ours() -> Lap:
            database = await open_database(f"sqlite:///{name}/{next(laps)}.db", synchronous="NORMAL")
            place, watch = Bucket(f"s3://{bucket}", access), Stopwatch()
            found = _source(place, SqlObjectLedger(database))
            with watch.running():
                assert await found.discover() == count
            await database.close()
            return watch.lap(count)

        async def reference() -> Lap:
            options: Any = {"credential_provider": keys, "region": REGION, "endpoint": server.endpoint}
            store, watch, seen = S3Store(bucket, client_options={"allow_http": True}, **options), Stopwatch(), 0
            with watch.running():
                async for page in obstore.list(store, chunk_size=1_000):
                    seen += len(page)
            assert seen == count
            return watch.lap(count)

        yield Sides(ours=ours, reference=reference)


def _source(place: Bucket, ledger: SqlObjectLedger) -> EventFiles:
    async def told(sentence: str) -> None:
        del sentence

    return EventFiles(
        place,
        ledger,
        Wanted(),
        job_id="job",
        graph_id="graph",
        most=10 * OBJECTS,
        again=False,
        ahead=Ahead(),
        told=told,
    )


def _large_file(file: Path, size: int) -> int:
    """Members of the same lines, one after the other; answers how many events that is."""
    chance = random.Random(5)
    lines = []
    for number in range(_MEMBER_LINES):
        event = {
            "event_type": "receipt_processed",
            "event_id": f"e-{number}",
            "occurred_at": "2018-01-01T10:00:00Z",
            "user_id": f"user-{number % 50}",
            "receipt_id": f"r-{number}",
            "purchased_at": "2017-06-01T10:00:00Z",
            "retailer": {"name": "shop"},
            "items": [{"product_id": f"p-{number % 100}"}],
            "note": chance.randbytes(2_000).hex() + "x" * (_LINE_BYTES - 4_400),
        }
        lines.append(json.dumps(event).encode() + b"\n")
    content = b"".join(lines)
    packed, members = gzip.compress(content, 1), max(1, size // len(content))
    with file.open("wb") as opened:
        for _ in range(members):
            opened.write(packed)
    return members * len(lines)


async def _peak(folder: Path, store: Path) -> Lap:
    """In a process of its own, so that what it takes is nobody else's."""
    command = [sys.executable, "-m", "retrograph.cli.main", "backfill", "events", "--uri", f"file://{folder}"]
    url = f"sqlite:///{store}"
    environment = {**os.environ, "RETROGRAPH_GRAPH": url, "RETROGRAPH_STORE": url}
    watch, most = Stopwatch(), 0
    with watch.running():
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=DEVNULL, stderr=DEVNULL)
        ending = asyncio.ensure_future(process.wait())
        while not ending.done():
            most = max(most, _high_water(process.pid))
            await asyncio.wait([ending], timeout=0.02)
    assert ending.result() == 0
    return watch.lap(_size(folder), MB=most / 1_000)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _high_water(pid: int) -> int:
    """The most memory that a process has had so far, in kilobytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


@asynccontextmanager
async def _memory(options: Options) -> AsyncIterator[Sides]:
    with tempfile.TemporaryDirectory() as name:
        laps = iter(range(1_000))
        for folder, size in (("large", 100_000_000 if options.tiny else LARGE_BYTES), ("small", 1)):
            (Path(name) / folder).mkdir()
            _large_file(Path(name) / folder / "events.json.gz", size)

        async def side(folder: str) -> Lap:
            return await _peak(Path(name) / folder, Path(name) / f"{next(laps)}.db")

        yield Sides(ours=lambda: side("large"), reference=lambda: side("small"))


def peak(ours: Lap, reference: Lap) -> float:
    """What the process of the large file took at most."""
    del reference
    return ours.counts["MB"]


ROWS: Final[tuple[Row, ...]] = (
    Row(
        name="event-files-sqlite",
        work="the sample's receipts out of 20 gzip files of JSON lines, by a job into SQLite",
        reference="the same events out of memory, joined in the same batches, without a job",
        goal=Goal(bound=0.9),
        unit="events/s",
        sides=_joined,
    ),
    Row(
        name="event-files-list",
        work="100,000 objects of a bucket (versitygw over a folder) listed into the ledger of a job in SQLite",
        reference="the same bucket listed by `obstore` in a bare loop, and forgotten",
        goal=None,
        unit="objects/s",
        sides=_listed,
    ),
    Row(
        name="event-files-memory",
        work="a process loads one gzip file that unpacks to 2 GB into SQLite",
        reference="it loads one that unpacks to 33 MB",
        goal=Goal(bound=200, at_most=True, unit=" MB"),
        unit="bytes/s",
        sides=_memory,
        figure=peak,
    ),
)
