"""What a run has done and what of it is saved: one checkpoint after the other, each written once even if sent twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from retrograph.clock import Clock, to_millis
from retrograph.errors import DependencyDown, LeaseLost
from retrograph.jobs.halt import Halt
from retrograph.jobs.job import Job, Phase, Retry, Sample
from retrograph.jobs.keeper import LeaseKeeper
from retrograph.jobs.pressure import Pressure
from retrograph.jobs.progress import Progress, Rates
from retrograph.jobs.store import Checkpoint, Claimed, Ending, JobStore
from retrograph.jobs.tally import Tally
from retrograph.jobs.window import Window

T = TypeVar("T")

CHECKPOINT_SECONDS = 5.0
SAMPLE_SECONDS = 10.0
_RETRY_SECONDS = 0.5


class Ledger:
    """The books of one run. What is taken into a checkpoint is kept until the store has confirmed it."""

    def __init__(self, store: JobStore, claimed: Claimed, keeper: LeaseKeeper, clock: Clock, halt: Halt) -> None:
        job = claimed.job
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._halt = halt
        self._job = job
        self._writing = asyncio.Lock()
        self._unconfirmed: Checkpoint | None = None
        self._number = 0
        self._rates = Rates()
        self._elapsed_ms = job.elapsed_ms
        self._counted_at = self._saved_at = self._sampled_at = clock.monotonic()
        self.tally = Tally(job)
        self.walked = Window(job.cursor, claimed.done_above)
        self.retry = job.retry
        self.retried = Window(str(job.retry.cursor) if job.retry else None, claimed.retried_above)
        self.total = job.total
        self.phase: Phase = "discovery"
        self.finishing = job.finishing
        self.pressure: Callable[[], Pressure | None] = lambda: None
        """What slows the run down, as its load tells."""
        self.depth = job.depth

    def end_retry(self) -> None:
        """The pass over failures is at its end."""
        self.retry = None
        self.retried = Window()

    def progress(self) -> Progress:
        """How far the run is now."""
        self._rates.add(self._clock.monotonic(), self.tally.scanned)
        return Progress(
            key=self._job.key,
            phase=self.phase,
            counts=self.tally.counts,
            total=self.total,
            cursor=self.walked.cursor,
            rate=self._rates.rate(),
            elapsed_ms=self._elapsed_ms + int(1000 * (self._clock.monotonic() - self._counted_at)),
            retrying=self.retry is not None,
            finishing=self.finishing,
        )

    @property
    def due(self) -> bool:
        """Whether time alone asks for a checkpoint."""
        now = self._clock.monotonic()
        waited = self.tally.waiting > 0 and now - self._saved_at >= CHECKPOINT_SECONDS
        return waited or now - self._sampled_at >= SAMPLE_SECONDS

    async def save_if_full(self, batch_size: int) -> None:
        """Saves once a batch is done; whoever finds another one saving it waits, so nobody runs far ahead."""
        if self.tally.waiting >= batch_size:
            async with self._writing:
                if self.tally.waiting >= batch_size:
                    await self._save()

    async def save(self) -> None:
        """Writes a checkpoint; tries again for as long as the lease lasts. Raises LeaseLost."""
        async with self._writing:
            await self._save()

    async def close(self, ending: Ending) -> Job:
        """Writes what is left and how the run ended. Raises LeaseLost."""
        async with self._writing:
            if self._unconfirmed is not None:
                await self._save()
            last = self._take()
            return await self._patiently(lambda: self._store.end(self._keeper.lease, last, ending))

    async def _save(self) -> None:
        if self._unconfirmed is None:
            self._unconfirmed = self._take()
        checkpoint = self._unconfirmed
        sent_at = 0.0

        async def send() -> None:
            nonlocal sent_at
            sent_at = self._clock.monotonic()
            asked = await self._store.checkpoint(self._keeper.lease, checkpoint, self._keeper.lease_ms)
            self._keeper.confirmed(sent_at, asked)

        await self._patiently(send)
        self._unconfirmed = None

    async def _patiently(self, write: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await write()
            except LeaseLost as error:
                raise self._keeper.lose(str(error)) from error
            except DependencyDown as error:
                self._keeper.missed(error)
                # The answer may be lost while the checkpoint is written: its number makes the next try harmless.
                self._keeper.check()
                await self._clock.sleep(_RETRY_SECONDS)

    def _take(self) -> Checkpoint:
        """Everything since the last checkpoint; nothing is awaited here, so it is one moment's truth."""
        progress = self.progress()
        happened = self.tally.take()
        elapsed = progress.elapsed_ms - self._elapsed_ms
        self._elapsed_ms = progress.elapsed_ms
        self._counted_at = self._saved_at = self._clock.monotonic()
        self._number += 1
        return Checkpoint(
            number=self._number,
            phase=self.phase,
            cursor=self.walked.cursor,
            above=self.walked.above,
            retry=self._retry(),
            retried_above=self.retried.above,
            total=self.total,
            added=happened.added,
            failures=happened.failures,
            resolved=happened.resolved,
            sent=happened.sent,
            depth=self.depth,
            finishing=self.finishing,
            elapsed_ms=elapsed,
            rate=progress.rate,
            pressure=self.pressure(),
            sample=self._sample(progress),
        )

    def _retry(self) -> Retry | None:
        return None if self.retry is None else replace(self.retry, cursor=int(self.retried.cursor or 0))

    def _sample(self, progress: Progress) -> Sample | None:
        now = self._clock.monotonic()
        if progress.rate is None or now - self._sampled_at < SAMPLE_SECONDS:
            return None
        self._sampled_at = now
        counts = progress.counts
        return Sample(at=to_millis(self._clock.now()), rate=progress.rate, scanned=counts.scanned, failed=counts.failed)
