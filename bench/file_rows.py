"""The rows about event files: what taking one apart costs beside the bare libraries, and how many small ones a second
go through the whole kind."""

import gzip
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from isal import igzip

from bench.measure import Goal, Lap, Options, Row, Sides, Stopwatch
from retrograph.blobs.blobs import BLOCK_BYTES
from retrograph.config import Settings, Url
from retrograph.events import receipts
from retrograph.events.files.reading import Reading
from retrograph.service import StartRequest
from retrograph.wiring.files_chosen import FilesChosen
from retrograph.wiring.service import open_service

_unpacked: Any = igzip.decompress  # it has no types
EVENTS: Final = 200_000
OBJECTS: Final = 3_000
RECORDED_AT: Final = 1_600_000_000_000
PUBLISHED: Final = 29
"""Objects a second that Filebeat's documentation gives for its S3 input."""


def _event(number: int) -> bytes:
    items = [
        {"product_id": f"p-{(number * 7 + place) % 5_000}", "quantity": 1, "amount": 2.5, "description": "A product"}
        for place in range(3)
    ]
    event = {
        "event_type": "receipt_processed",
        "event_id": f"e-{number}",
        "occurred_at": "2018-01-01T10:00:00Z",
        "user_id": f"user-{number % 2_000}",
        "receipt_id": f"r-{number}",
        "purchased_at": "2017-06-01T10:00:00Z",
        "retailer": {"name": f"shop-{number % 50}", "channel": "STORE"},
        "items": items,
    }
    return json.dumps(event).encode() + b"\n"


@asynccontextmanager
async def _decoding(options: Options) -> AsyncIterator[Sides]:
    count = EVENTS // 200 if options.tiny else EVENTS
    packed = gzip.compress(b"".join(map(_event, range(count))), 6)

    async def ours() -> Lap:
        watch, found = Stopwatch(), 0
        with watch.running():
            reading = Reading(name="part.json.gz")
            for at in range(0, len(packed), BLOCK_BYTES):
                for payloads in reading.feed(packed[at : at + BLOCK_BYTES]):
                    for payload in payloads:
                        found += bool(receipts.decode(payload.content, recorded_at=RECORDED_AT))
            found += len(reading.finish())
        assert found == count
        return watch.lap(found)

    async def reference() -> Lap:
        decoder = msgspec.json.Decoder(receipts.Receipt)
        watch, found = Stopwatch(), 0
        with watch.running():
            for line in _unpacked(packed).splitlines():
                found += bool(decoder.decode(line))
        assert found == count
        return watch.lap(found)

    yield Sides(ours=ours, reference=reference)


async def loaded(folder: Path, store: Path) -> Any:
    """The job that reads the receipts of a folder into a new file."""
    url = Url(f"sqlite:///{store}")
    async with open_service(Settings(graph=url, store=url), starts=True, graph=True) as service:
        chosen = FilesChosen(uri=f"file://{folder}", events="receipts")
        answer = await service.start(StartRequest(kind="events", source=chosen, who="bench"))
        return await service.run(answer)


@asynccontextmanager
async def _small_files(options: Options) -> AsyncIterator[Sides]:
    count = OBJECTS // 100 if options.tiny else OBJECTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.json.gz").write_bytes(gzip.compress(_event(number), 1))
        laps = iter(range(1_000))

        async def ours() -> Lap:
            store, watch = Path(name) / f"{next(laps)}.db", Stopwatch()
            with watch.running():
                job = await loaded(folder, store)
            assert job.counts.processed == count
            return watch.lap(count)

        async def reference() -> Lap:
            decoder = msgspec.json.Decoder(receipts.Receipt)
            watch, found = Stopwatch(), 0
            with watch.running():
                for file in folder.iterdir():
                    found += bool(decoder.decode(_unpacked(file.read_bytes())))
            return watch.lap(found)

        yield Sides(ours=ours, reference=reference)


def objects_a_second(ours: Lap, reference: Lap) -> float:
    """By the clock: it is held against what others publish."""
    del reference
    return ours.speed


ROWS: Final[tuple[Row, ...]] = (
    Row(
        name="event-files-decode",
        work="200,000 receipts out of a gzip file of JSON lines, streamed, taken apart and decoded; none is written",
        reference="the file unpacked whole by `isal`, split, and decoded by `msgspec` in a bare loop",
        goal=Goal(bound=0.7),
        unit="events/s",
        sides=_decoding,
    ),
    Row(
        name="event-files-small",
        work=f"3,000 files of one event each, listed, read and joined into SQLite by a job (Filebeat publishes "
        f"{PUBLISHED} objects/s)",
        reference="the same files read, unpacked and decoded in a bare loop, with nothing written",
        goal=Goal(bound=300, unit=" objects/s"),
        unit="objects/s",
        sides=_small_files,
        figure=objects_a_second,
    ),
)
