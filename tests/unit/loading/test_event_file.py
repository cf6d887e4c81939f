"""An object whose place pushes back or breaks off: it is asked again from where it was, more slowly, not for ever."""

import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from retrograph.blobs.folder import Folder
from retrograph.blobs.place import Found, ObjectForbidden, SlowDown
from retrograph.errors import DependencyDown, ObjectFailed
from retrograph.events.files.tables import REQUIRED
from retrograph.jobs.objects import Entry, Listed, ObjectQuery, ObjectState
from retrograph.jobs.sql.objects import SqlObjectLedger
from retrograph.loading.event_file import TRIES, EventFileLoad, FilesHooks, FilesSpec
from retrograph.loading.events import WRITTEN, Received, Written
from retrograph.store.schema import open_database
from tests.unit.jobs.clocks import JumpingClock

JOB = "job-1"
CONTENT = b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'
BROKEN = DependencyDown("s3", "the connection broke")
BUSY = SlowDown("s3", "fewer requests, please")


class Troubled:
    """A place of one object: each request for it ends with the next trouble, after so many bytes."""

    uri = "s3://bucket"

    def __init__(self, *troubles: tuple[int, DependencyDown]) -> None:
        self.troubles = list(troubles)
        self.starts: list[int] = []

    async def read(self, found: Found, start: int = 0) -> AsyncIterator[bytes]:
        self.starts.append(start)
        after, trouble = self.troubles.pop(0) if self.troubles else (len(CONTENT), None)
        if after:
            yield CONTENT[start : start + after]
        if trouble is not None:
            raise trouble


class Counting:
    """Writes nothing, and remembers what it was to write."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def write(self, events: Sequence[Received]) -> Written:
        self.seen += [event.payload for event in events]
        written = Written()
        written.counts[WRITTEN] += len(events)
        return written


async def nothing() -> None:
    """What nobody asks for here."""


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlObjectLedger]:
    database = await open_database(f"sqlite:///{tmp_path}/store.db")
    ledger = SqlObjectLedger(database)
    await ledger.begin(JOB, "graph")
    listed = Listed(key="a.json", size=len(CONTENT), version="v1", modified_at=1, content="a")
    await ledger.add(JOB, 1, [listed])
    yield ledger
    await database.close()


def load_of(place: Any, ledger: SqlObjectLedger) -> tuple[EventFileLoad, Counting, JumpingClock]:
    clock, counting = JumpingClock(), Counting()
    hooks = FilesHooks(ping_graph=nothing, finish=nothing, close=nothing)
    return EventFileLoad(place, ledger, counting, FilesSpec(job_id=JOB), hooks, clock), counting, clock


async def only_entry(ledger: SqlObjectLedger) -> Entry:
    (entry,) = await ledger.page(JOB, ObjectQuery())
    return entry


async def test_it_goes_on_from_the_byte_it_was_at(ledger: SqlObjectLedger) -> None:
    place = Troubled((10, BROKEN), (0, BUSY), (10, BROKEN))
    load, counting, clock = load_of(place, ledger)
    assert (await load.load("a.json")).found == {"events": 3}
    assert place.starts == [0, 10, 10, 20]
    assert counting.seen == CONTENT.splitlines()
    assert 4 <= clock.monotonic() < 5  # after 1, 2 and 1 s: what was read between is a new beginning
    entry = await only_entry(ledger)
    assert (entry.state, entry.reached.events, entry.reached.read) == (ObjectState.INGESTED, 3, len(CONTENT))


async def test_a_place_that_stays_away_is_down_and_charges_nothing(ledger: SqlObjectLedger) -> None:
    place = Troubled(*[(0, BUSY)] * TRIES)
    load, _, clock = load_of(place, ledger)
    with pytest.raises(DependencyDown):
        await load.load("a.json")
    assert len(place.starts) == TRIES
    assert 30 <= clock.monotonic() < 40
    entry = await only_entry(ledger)
    assert (entry.state, entry.attempts) == (ObjectState.PENDING, 0)
    assert (await load.load("a.json")).status == "processed"


async def test_what_slows_it_down_is_told(ledger: SqlObjectLedger) -> None:
    load, _, _ = load_of(Troubled(), ledger)
    await load.load("a.json")
    assert load.pressure() is None
    await ledger.save(JOB, await only_entry(ledger), ObjectState.FAILED, (await only_entry(ledger)).reached, "again")
    load, _, _ = load_of(Troubled((0, BUSY), (0, BROKEN)), ledger)
    await load.load("a.json")
    pressure = load.pressure()
    assert pressure is not None and pressure.retried == {"s3": {"503": 1, "connection": 1}}
    assert pressure.service == "s3" and (pressure.pace, pressure.full) == (32.0, 64.0)


class Forbidden(Troubled):
    """A place that lists an object and does not hand it out."""

    async def read(self, found: Found, start: int = 0) -> AsyncIterator[bytes]:
        raise ObjectForbidden("s3://bucket/a.json may not be read with these AWS credentials")
        yield b""


async def test_an_object_that_may_not_be_read_fails_alone(ledger: SqlObjectLedger) -> None:
    load, _, _ = load_of(Forbidden(), ledger)
    with pytest.raises(ObjectFailed, match="may not be read"):
        await load.load("a.json")
    assert (await only_entry(ledger)).state is ObjectState.FAILED


def parquet_rows(count: int) -> bytes:
    columns = {name: [f"{name}-{number}" for number in range(count)] for name in REQUIRED}
    packed = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), packed, compression="snappy")
    return packed.getvalue()


class ReplacedMeanwhile(Counting):
    """Another process replaces the file as soon as its first events are written."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    async def write(self, events: Sequence[Received]) -> Written:
        other = self.file.with_suffix(".new")
        other.write_bytes(parquet_rows(3))
        other.replace(self.file)
        return await super().write(events)


async def listed(folder: Path, ledger: SqlObjectLedger) -> Folder:
    place = Folder(f"file://{folder}")
    async for (found,) in place.listed():
        one = Listed(key=found.key, size=found.size, version=found.version, modified_at=found.modified_at, content="b")
        await ledger.add(JOB, 2, [one])
    return place


async def test_a_table_that_is_replaced_while_it_is_read_fails(ledger: SqlObjectLedger, tmp_path: Path) -> None:
    file = tmp_path / "files" / "b.parquet"
    file.parent.mkdir()
    file.write_bytes(parquet_rows(2_000))
    place = await listed(file.parent, ledger)
    hooks = FilesHooks(ping_graph=nothing, finish=nothing, close=nothing)
    load = EventFileLoad(place, ledger, ReplacedMeanwhile(file), FilesSpec(job_id=JOB), hooks, JumpingClock())
    with pytest.raises(ObjectFailed, match="it has changed"):
        await load.load("b.parquet")


async def test_a_table_with_a_damaged_page_fails_with_its_reason(ledger: SqlObjectLedger, tmp_path: Path) -> None:
    content = bytearray(parquet_rows(2_000))
    content[200:2_000] = b"\xff" * 1_800
    file = tmp_path / "files" / "b.parquet"
    file.parent.mkdir()
    file.write_bytes(content)
    load, _, _ = load_of(await listed(file.parent, ledger), ledger)
    with pytest.raises(ObjectFailed, match="the Parquet file is damaged"):
        await load.load("b.parquet")
    entry = await ledger.entry(JOB, "b.parquet")
    assert entry is not None
    assert entry.state is ObjectState.FAILED
