"""One object of event files into the graph: read as a stream, decoded and joined as live events are, batch by batch.

Every few seconds, and at its end, the ledger hears how far it is, after what was read is committed. Its counts are
absolute: an object that is read twice counts once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from retrograph.blobs.place import Found, ObjectChanged, ObjectGone, Place
from retrograph.clock import Clock
from retrograph.errors import DependencyDown, ObjectFailed
from retrograph.events.files.parquet import rows_of
from retrograph.events.files.payload import BrokenFile, Payload
from retrograph.events.files.reading import Reading, is_parquet
from retrograph.jobs.objects import Entry, ObjectLedger, ObjectState, Reached
from retrograph.jobs.pacing import Pacer
from retrograph.jobs.work import Outcome, Permit, unconditionally
from retrograph.loading.events import NOT_ADMITTED, WRITTEN, Received, Written

SAVE_SECONDS: Final = 3.0
BATCH_EVENTS: Final = 500
"""Decoded in one go, in which nobody else is served, and written in one transaction or a few."""
KEPT_MISTAKES: Final = 100
UNCHANGED: Final = Outcome(status="skipped", reason="unchanged")
TRIES: Final = 5


class WritesEvents(Protocol):
    """Whoever decodes events and joins them: see `loading.events.EventLoad`."""

    async def write(self, events: Sequence[Received]) -> Written: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSpec:
    """What one job reads. `mapping`: what tables call our columns; `again`: also what was ingested before;
    `undecodable_share`: above it an object fails."""

    job_id: str
    graph_id: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    undecodable_share: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesHooks:
    """What the load needs of others: whether the graph answers (raises DependencyDown), what comes after the last
    object."""

    ping_graph: Callable[[], Awaitable[None]]
    finish: Callable[[], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Progress:
    """An object while it is read: what the ledger will hear."""

    reached: Reached
    refused: Counter[str]
    mistakes: list[tuple[int, str]]
    saved_at: float

    def now(self) -> Reached:
        return replace(self.reached, refused=dict(self.refused), mistakes=tuple(self.mistakes))


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
        self._pacer: Pacer | None = None

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        """Reads one object to its end. Raises ObjectFailed with the reason, DependencyDown."""
        entry = await self._ledger.entry(self._spec.job_id, key)
        if entry is None:
            raise ObjectFailed("the job's ledger does not know this object: start over with reset_cursor")
        if entry.state is ObjectState.INGESTED:  # and the count of it was lost: it is counted now
            return _outcome(entry.reached)
        if entry.state is ObjectState.UNCHANGED:
            return UNCHANGED
        begun = entry.state is ObjectState.PENDING and entry.reached != Reached()
        if not (self._spec.again or begun) and await self._before(entry):
            await self._ledger.save(self._spec.job_id, entry, ObjectState.UNCHANGED, Reached())
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
        """Nothing of it outlives a run but what others opened."""

    async def _before(self, entry: Entry) -> bool:
        return await self._ledger.ingested_before(self._spec.job_id, self._spec.graph_id, entry.content)

    async def _ingest(self, entry: Entry, permit: Permit) -> Outcome:
        start = entry.reached if entry.state is ObjectState.PENDING else Reached()
        progress = _Progress(start, Counter(start.refused), list(start.mistakes), self._clock.monotonic())
        try:
            await self._read(entry, progress, permit)
            self._judge(progress)
        except (BrokenFile, ObjectGone, ObjectChanged, ObjectFailed) as error:
            permit()
            await self._save(entry, ObjectState.FAILED, progress, str(error))
            raise ObjectFailed(str(error)) from error
        permit()
        await self._save(entry, ObjectState.INGESTED, progress)
        return _outcome(progress.now())

    async def _read(self, entry: Entry, progress: _Progress, permit: Permit) -> None:
        reached = progress.reached
        reading = Reading(name=entry.key, line=reached.line, offset=reached.offset, mapping=self._spec.mapping)
        found = _found(entry)
        begun = reached.offset > 0
        progress.reached = replace(reached, read=reached.offset)
        async for block in self._blocks(found, reached.offset):
            if not begun and is_parquet(entry.key, block):
                await self._read_table(entry, progress, permit)
                return
            begun = True
            progress.reached = replace(progress.reached, read=progress.reached.read + len(block))
            pieces = reading.feed(block)
            while (payloads := await asyncio.to_thread(next, pieces, None)) is not None:
                await self._take(entry, payloads, progress, permit, at_byte=reading.resumes_at_byte)
        await self._take(entry, reading.finish(), progress, permit, at_byte=reading.resumes_at_byte)
        progress.reached = replace(progress.reached, read=entry.size)

    async def _read_table(self, entry: Entry, progress: _Progress, permit: Permit) -> None:
        file = await self._place.opened(_found(entry))
        try:
            batches = rows_of(file, self._spec.mapping, after=progress.reached.line)
            while (payloads := await asyncio.to_thread(next, batches, None)) is not None:
                await self._take(entry, payloads, progress, permit, at_byte=False)
        finally:
            file.close()
        progress.reached = replace(progress.reached, read=entry.size)

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
            except DependencyDown:
                tries += 1
                if tries >= TRIES:
                    raise
                self._slow()
                await self._clock.sleep(min(30.0, 0.5 * 2**tries))

    async def _turn(self) -> None:
        if self._pacer is not None:
            await self._pacer.turn()

    def _slow(self) -> None:
        """From the first push-back on, objects begin at a pace that halves with each, and recovers."""
        if self._pacer is None:
            self._pacer = Pacer(self._clock, 64.0)
        self._pacer.push_back()

    async def _take(
        self, entry: Entry, payloads: Sequence[Payload], progress: _Progress, permit: Permit, *, at_byte: bool
    ) -> None:
        for some in _portions(payloads):
            permit()
            written = await self._writer.write([Received(one.content, entry.modified_at) for one in some])
            _count(progress, some, written, at_byte=at_byte)
            if self._clock.monotonic() - progress.saved_at >= SAVE_SECONDS:
                permit()
                await self._save(entry, ObjectState.PENDING, progress)

    async def _save(self, entry: Entry, state: ObjectState, progress: _Progress, error: str | None = None) -> None:
        await self._ledger.save(self._spec.job_id, entry, state, progress.now(), error)
        progress.saved_at = self._clock.monotonic()

    def _judge(self, progress: _Progress) -> None:
        """Raises ObjectFailed where too much of the object could not be decoded."""
        reached = progress.reached
        wrong, all_of_them = reached.undecodable, _events_in(reached)
        if wrong > self._spec.undecodable_share * all_of_them:
            line, why = progress.mistakes[0]
            raise ObjectFailed(
                f"{wrong:,} of {all_of_them:,} events cannot be decoded, more than {self._spec.undecodable_share:.0%}; "
                f"the first in line {line}: {why}"
            )


def _portions(payloads: Sequence[Payload]) -> Iterator[Sequence[Payload]]:
    return (payloads[at : at + BATCH_EVENTS] for at in range(0, len(payloads), BATCH_EVENTS))


def _count(progress: _Progress, some: Sequence[Payload], written: Written, *, at_byte: bool) -> None:
    reached, counts = progress.reached, written.counts
    gated, ingested = counts[NOT_ADMITTED], counts[WRITTEN]
    progress.refused.update(written.left_out)
    for refused in written.refused[: KEPT_MISTAKES - len(progress.mistakes)]:
        progress.mistakes.append((some[refused.place].line, str(refused.error)[:300]))
    progress.reached = replace(
        reached,
        offset=some[-1].end if at_byte else 0,
        line=some[-1].line,
        events=reached.events + ingested,
        gated=reached.gated + gated,
        skipped=reached.skipped + counts.total() - ingested - gated,
        undecodable=reached.undecodable + len(written.refused),
    )


def _events_in(reached: Reached) -> int:
    return reached.events + reached.skipped + reached.gated + reached.undecodable


def _outcome(reached: Reached) -> Outcome:
    refused = dict(reached.refused)
    if reached.undecodable:
        refused["undecodable"] = reached.undecodable
    return Outcome(status="processed", refused=refused, found={"events": reached.events})


def _found(entry: Entry) -> Found:
    return Found(key=entry.key, size=entry.size, version=entry.version, modified_at=entry.modified_at)
