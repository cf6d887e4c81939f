"""An object whose place pushes back or breaks off: it is asked again from where it was, more slowly, not for ever."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retrograph.blobs.place import Found, SlowDown
from retrograph.errors import DependencyDown
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
