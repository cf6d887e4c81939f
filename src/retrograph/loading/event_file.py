"""One object of event files into the graph: read as a stream, decoded and joined as live events are, batch by batch.

Every few seconds, and at its end, the ledger hears how far it is, after what was read is committed. Its counts are
absolute: an object that is read twice counts once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from retrograph.blobs.place import Found, ObjectChanged, ObjectForbidden, ObjectGone, Place, SlowDown
from retrograph.clock import Clock
from retrograph.errors import DependencyDown, ObjectFailed
from retrograph.events.files.parquet import rows_of
from retrograph.events.files.payload import BrokenFile, Payload
from retrograph.events.files.reading import Reading, is_parquet
from retrograph.jobs.objects import Ahead, Entry, ObjectLedger, ObjectState, Reached
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.work import Outcome, Permit, unconditionally
from retrograph.loading.events import Received, Written
from retrograph.loading.file_progress import FileProgress
from retrograph.upstream.http import RetryCounts
from retrograph.upstream.pressures import Pressures

SAVE_SECONDS: Final = 3.0
BATCH_EVENTS: Final = 500
"""Decoded in one go, in which nobody else is served, and written in one transaction or a few."""
SMALL_BYTES: Final = 64 * 1024
"""A block is unpacked and taken apart by a thread unless it is smaller: the way there would take longer."""
UNCHANGED: Final = Outcome(status="skipped", reason="unchanged")
TRIES: Final = 6
"""Of one request, half a minute in all, before the place counts as down."""
SERVICE: Final = "s3"
"""Whose pace it is; a folder never pushes back."""
FULL_PACE: Final = 64.0
"""Objects that begin in a second, as soon as the place pushes back: then it halves, and recovers."""


class WritesEvents(Protocol):
    """Whoever decodes events and joins them: see `loading.events.EventLoad`."""

    async def write(self, events: Sequence[Received]) -> Written: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSpec:
    """What one job reads. `mapping`: what tables call our columns; `undecodable_share`: above it an object fails;
    `ahead`: what the walk has read of the ledger."""

    job_id: str
    ahead: Ahead = field(default_factory=Ahead)
    mapping: Mapping[str, str] = field(default_factory=dict)
    undecodable_share: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesHooks:
    """What the load needs of others: whether the graph answers (raises DependencyDown), what comes after the last
    object, and the end of what was opened for it."""

    ping_graph: Callable[[], Awaitable[None]]
    finish: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


class EventFileLoad:
    """Loads objects one by one; any number may be under way."""

    def __init__(
        self, place: Place, ledger: ObjectLedger, writer: WritesEvents, spec: FilesSpec, hooks: FilesHooks, clock: Clock
    ) -> None:
        self._place = place
        self._ledger = ledger
        self._writer = writer
        self._spec = spec
        self._hooks = hooks
        self._clock = clock
        self._pressures = Pressures(FULL_PACE, clock, RetryCounts())
        self._slowed = False

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        """Reads one object to its end. Raises ObjectFailed with the reason, DependencyDown."""
        entry = self._spec.ahead.take(key) or await self._ledger.entry(self._spec.job_id, key)
        if entry is None:
            raise ObjectFailed("the job's ledger does not know this object: start over with reset_cursor")
        if entry.state is ObjectState.INGESTED:  # and the count of it was lost: it is counted now
            return _outcome(entry.reached)
        if entry.state is ObjectState.UNCHANGED:
            return UNCHANGED
        return await self._ingest(entry, permit)

    async def ping(self, dependency: str) -> bool:
        try:
            await (self._hooks.ping_graph() if dependency == "graph" else self._place.ping())
        except DependencyDown:
            return False
        return True

    async def finish(self) -> None:
        """After the last object: the graph settles what depends on shared nodes."""
        await self._hooks.finish()

    async def close(self) -> None:
        """Ends what was opened for this run."""
        await self._hooks.close()

    async def _ingest(self, entry: Entry, permit: Permit) -> Outcome:
        start = entry.reached if entry.state is ObjectState.PENDING else Reached()
        progress = FileProgress.of(start, self._clock.monotonic())
        try:
            await self._read(entry, progress, permit)
            self._judge(progress)
        except (BrokenFile, ObjectGone, ObjectChanged, ObjectForbidden, ObjectFailed) as error:
            permit()
            await self._save(entry, ObjectState.FAILED, progress, str(error))
            raise ObjectFailed(str(error)) from error
        permit()
        await self._save(entry, ObjectState.INGESTED, progress)
        return _outcome(progress.reached())

    async def _read(self, entry: Entry, progress: FileProgress, permit: Permit) -> None:
        reading = Reading(name=entry.key, line=progress.line, offset=progress.offset, mapping=self._spec.mapping)
        begun = progress.offset > 0
        async for block in self._blocks(_found(entry), progress.offset):
            if not begun and is_parquet(entry.key, block):
                await self._read_table(entry, progress, permit)
                return
            begun = True
            progress.read += len(block)
            pieces = reading.feed(block)
            while (payloads := await _next(pieces, small=len(block) <= SMALL_BYTES)) is not None:
                await self._take(entry, payloads, progress, permit, at_byte=reading.resumes_at_byte)
        await self._take(entry, reading.finish(), progress, permit, at_byte=reading.resumes_at_byte)
        progress.read = entry.size

    async def _read_table(self, entry: Entry, progress: FileProgress, permit: Permit) -> None:
        file = await self._place.opened(_found(entry))
        try:
            batches = rows_of(file, self._spec.mapping, after=progress.line)
            while (payloads := await asyncio.to_thread(next, batches, None)) is not None:
                await self._take(entry, payloads, progress, permit, at_byte=False)
        finally:
            file.close()
        # It was read in many requests, which are not bound to its version. What has gone since was read whole.
        with suppress(ObjectGone):
            (await self._place.opened(_found(entry))).close()
        progress.read = entry.size

    async def _blocks(self, found: Found, start: int) -> AsyncIterator[bytes]:
        """The content; where the place pushes back or a connection breaks, it goes on from the byte it was at, more
        slowly."""
        tries = 0
        while True:
            await self._turn()
            try:
                async for block in self._place.read(found, start):
                    start += len(block)
                    tries = 0
                    yield block
                return
            except DependencyDown as error:
                tries += 1
                if tries >= TRIES:
                    raise
                seconds = 0.5 * 2**tries
                self._slow("503" if isinstance(error, SlowDown) else "connection", seconds)
                await self._clock.sleep(seconds)

    async def _turn(self) -> None:
        if self._slowed:
            await self._pressures.pacer(SERVICE).turn()

    def _slow(self, kind: str, seconds: float) -> None:
        """From the first push-back on, objects begin at a pace that halves with each, and recovers."""
        self._slowed = True
        self._pressures.retried(SERVICE, kind, seconds)
        self._pressures.pacer(SERVICE).push_back()

    def pressure(self) -> Pressure | None:
        """How the place slows the run down, if it does."""
        return self._pressures.pressure()

    async def _take(
        self, entry: Entry, payloads: Sequence[Payload], progress: FileProgress, permit: Permit, *, at_byte: bool
    ) -> None:
        for some in _portions(payloads):
            permit()
            written = await self._writer.write([Received(one.content, entry.modified_at) for one in some])
            progress.add(some, written, at_byte=at_byte)
            if self._clock.monotonic() - progress.saved_at >= SAVE_SECONDS:
                permit()
                await self._save(entry, ObjectState.PENDING, progress)

    async def _save(self, entry: Entry, state: ObjectState, progress: FileProgress, error: str | None = None) -> None:
        await self._ledger.save(self._spec.job_id, entry, state, progress.reached(), error)
        progress.saved_at = self._clock.monotonic()

    def _judge(self, progress: FileProgress) -> None:
        """Raises ObjectFailed where too much of the object could not be decoded."""
        wrong, all_of_them = progress.undecodable, progress.all_events
        if wrong > self._spec.undecodable_share * all_of_them:
            line, why = progress.mistakes[0]
            raise ObjectFailed(
                f"{wrong:,} of {all_of_them:,} events cannot be decoded, more than {self._spec.undecodable_share:.0%}; "
                f"the first in line {line}: {why}"
            )


async def _next(pieces: Iterator[list[Payload]], *, small: bool) -> list[Payload] | None:
    return next(pieces, None) if small else await asyncio.to_thread(next, pieces, None)


def _portions(payloads: Sequence[Payload]) -> Iterator[Sequence[Payload]]:
    return (payloads[at : at + BATCH_EVENTS] for at in range(0, len(payloads), BATCH_EVENTS))


def _outcome(reached: Reached) -> Outcome:
    refused = dict(reached.refused)
    if reached.undecodable:
        refused["undecodable"] = reached.undecodable
    return Outcome(status="processed", refused=refused, found={"events": reached.events})


def _found(entry: Entry) -> Found:
    return Found(key=entry.key, size=entry.size, version=entry.version, modified_at=entry.modified_at)
