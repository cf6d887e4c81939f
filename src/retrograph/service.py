"""What every door calls: the command line, the console, the API and code that embeds Retrograph.

The doors hold no logic of their own. All verbs but those named `…here` and `run` work from any process that reaches
the store.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from retrograph.clock import MILLIS_PER_DAY, Clock, to_millis
from retrograph.errors import DependencyDown, NotFound, UsageError
from retrograph.jobs import uploads
from retrograph.jobs.courier import QUEUE, Courier, Couriers
from retrograph.jobs.dry import DryLoad
from retrograph.jobs.foreground import Foreground
from retrograph.jobs.frozen import FrozenItems
from retrograph.jobs.job import Failure, Job, LogEvent, Run, Sample
from retrograph.jobs.keys import is_key
from retrograph.jobs.kind import Kind
from retrograph.jobs.live import Live
from retrograph.jobs.meter import Meter, MeteredLoad
from retrograph.jobs.objects import Entry, ObjectLedger, ObjectQuery, Totals
from retrograph.jobs.outcomes import Attempt
from retrograph.jobs.outlook import Outlook, outlook
from retrograph.jobs.progress import Progress, Silent, Watch
from retrograph.jobs.queries import FailureQuery, FailureSummary, Glance, JobPage, JobQuery, JobTally, Selection
from retrograph.jobs.requests import Engine, StartAnswer, StartRequest
from retrograph.jobs.runner import Work
from retrograph.jobs.starting import Starter
from retrograph.jobs.state import HELD
from retrograph.jobs.store import JobStore, NotClaimable
from retrograph.jobs.text import stored
from retrograph.jobs.uploads import Counted, Upload
from retrograph.jobs.view import job_as_json
from retrograph.jobs.work import Load

__all__ = [
    "Engine",
    "FailureQuery",
    "JobPage",
    "JobQuery",
    "JobTally",
    "Progress",
    "Selection",
    "Service",
    "Silent",
    "StartAnswer",
    "StartRequest",
    "Watch",
    "job_as_json",
]

_LOOKED_UP: Final = 500
"""Ids asked about at once."""


class Service:
    """The verbs. `graph` answers the graph's id; it is asked only for what needs a graph."""

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        graph: Callable[[], Awaitable[str]],
        clock: Clock,
        engine: Engine | None = None,
        meter: Meter | None = None,
        couriers: Couriers | None = None,
        ledger: ObjectLedger | None = None,
    ) -> None:
        self._store = store
        self._couriers = couriers
        self._meter = meter
        self._ledger = ledger
        self._clock = clock
        self._engine = engine or Engine()
        self.live = Live()
        """How far the jobs are that run in this process."""
        self._starter = Starter(store, kinds, graph, clock, self._engine, self.live.knows, couriers)
        self._here: set[Foreground] = set()

    async def start(self, request: StartRequest, watch: Watch | None = None) -> StartAnswer:
        """Validates, freezes what must be frozen, and takes the lease. Raises UsageError, DependencyDown.

        Where the key is held, waits until its holder is seen alive (answers `running`) or its lease has run out
        (takes over); `watch.said` tells which it is waiting for.
        """
        return await self._starter.start(request, watch or Silent())

    async def known(self, kind: str, key: str | None, *, dry_run: bool = False) -> Job | None:
        """What a start with that key, or without one, would go on with here; `None`: it makes a new job."""
        return await self._starter.known(kind, key, dry_run=dry_run)

    async def outlook(self, kind: str, key: str | None) -> Outlook:
        """What a start with that key would do now, before anybody does it. Raises UsageError for an unknown kind."""
        grows = self._starter.kind(kind).grows
        return outlook(await self.known(kind, key), kind, grows=grows, rival=await self._rival(kind))

    async def _rival(self, kind: str) -> Job | None:
        """The job that keeps others of its kind from being started; only read, since a form asks at each key stroke."""
        if kind not in self._engine.exclusive:
            return None
        running = await self.list(JobQuery(kind=kind, states=HELD, limit=1))
        return next(iter(running.jobs), None)

    async def items(self, key: str) -> AsyncIterator[str]:
        """The ids that a job has frozen, in order. Raises NotFound, UsageError where it has none."""
        job = await self.show(key)
        if job.list_id is None:
            raise UsageError(f"job {job.key} has no ids of its own: say which ones to load")
        async for item in FrozenItems(self._store, job.list_id, job.total or 0).walk(None):
            yield item.key

    async def unsent(self, key: str) -> AsyncIterator[str]:
        """The ids of a job that is sent through a queue which no checkpoint has noted as sent, in order. Raises
        NotFound."""
        job = await self.show(key)
        if job.list_id is None:
            return
        waiting: list[str] = []
        async for item in FrozenItems(self._store, job.list_id, job.total or 0).walk(job.cursor):
            waiting.append(item.key)
            if len(waiting) == _LOOKED_UP:
                for one in await self._not_noted(job, waiting):
                    yield one
                waiting = []
        for one in await self._not_noted(job, waiting):
            yield one

    async def _not_noted(self, job: Job, items: Sequence[str]) -> Sequence[str]:
        first = job.attempt_base + 1
        noted = await self._store.noted(job.job_id, [Attempt(item, first) for item in items])
        return [item for item in items if Attempt(item, first) not in noted]

    async def retry(
        self,
        key: str,
        selection: Selection,
        who: str,
        parameters: Mapping[str, object] | None = None,
        watch: Watch | None = None,
    ) -> StartAnswer:
        """Like `start`, for the unresolved failures of a job that exists. Raises UsageError where it has none."""
        for text in (*selection.items, selection.error_class or ""):
            if text != stored(text, len(text)):
                raise UsageError("what failed is named without NUL", field="items")
        job = await self.show(key)
        return await self._starter.retry(job, selection, who, parameters or {}, watch or Silent())

    async def resume(self, key: str, who: str, why: str) -> StartAnswer | None:
        """What a watchdog does: takes a paused or interrupted job up as it was, or begins one that nobody has begun,
        without waiting for a holder.

        `None` where it is in no such state any more. Raises JobRefused, IncompatibleGraph.
        """
        taken = await self._starter.resume(await self.show(key), who, why)
        if isinstance(taken, NotClaimable):
            return None
        return StartAnswer(started=True, running=True, job=taken.claimed.job, taken=taken)

    async def run(self, answer: StartAnswer, watch: Watch | None = None, *, once: bool = False) -> Job:
        """Runs a started job to its end, in this process, and answers it as it ended.

        It is its own watchdog: at the runtime cap it goes on with the next run, and while a dependency is down it
        waits; with `once` it ends instead. Raises LeaseLost where another process has taken the job over.
        """
        if answer.taken is None:
            raise UsageError(answer.message or f"job {answer.job.key} was not started")
        looking = self.live.watching(answer.job, watch or Silent())
        here = Foreground(self._store, self._starter, self._clock, self._engine, looking, once=once)
        self._here.add(here)
        try:
            return await here.to_its_end(answer.taken, self._open)
        finally:
            self._here.discard(here)
            self.live.forget(answer.job)

    async def stop_here(self, who: str, why: str) -> None:
        """Ctrl-C: asks what `run` runs in this process to stop; `run` then answers it as `stopped`."""
        for here in tuple(self._here):
            await here.stop(who, why)

    async def pause_here(self) -> None:
        """SIGTERM: lets what `run` runs in this process pause with `shutdown`."""
        for here in tuple(self._here):
            await here.pause()

    async def stop(self, key: str, who: str, why: str = "") -> Job:
        """Asks a job to stop, wherever it runs. Raises NotFound, NotPossible."""
        return await self._store.stop((await self.show(key)).job_id, who, why)

    async def cancel(self, key: str, who: str, why: str = "") -> Job:
        """Asks a job to end for good, wherever it runs. Raises NotFound, NotPossible."""
        return await self._store.cancel((await self.show(key)).job_id, who, why)

    async def archive(self, key: str, who: str) -> Job:
        """Takes a job out of the lists; its history stays. Raises NotFound, NotPossible."""
        return await self._store.archive((await self.show(key)).job_id, who)

    async def list(self, query: JobQuery) -> JobPage:
        """Jobs: searched, filtered, sorted, by pages. Raises UsageError."""
        await self._buried()
        page = await self._store.page(query)
        return replace(page, jobs=self.live.all(page.jobs))

    async def tally(self, kind: str | None = None) -> JobTally:
        """How many jobs there are of which state and kind, and which process runs how many."""
        await self._buried()
        return await self._store.tally(kind)

    async def held(self) -> Sequence[Job]:
        """The jobs that run now, in whatever process."""
        return (await self._store.changes(None)).jobs

    async def show(self, key: str) -> Job:
        """A job by its key or its id. Raises NotFound, UsageError where several graphs have that key.

        A dry run may have the key of the job that it was tried for; the key alone then means that job.
        """
        await self._buried()
        found = await self._store.named(key) if is_key(key) else ()
        if len(found) > 1:
            found = [job for job in found if not job.spec.dry_run] or found
        if not found:
            raise NotFound(f"there is no job {key if is_key(key) else ascii(key[:150])}")
        if len(found) > 1:
            ids = ", ".join(f"{job.job_id} (graph {job.graph_id})" for job in found)
            raise UsageError(f"several jobs have the key {key}; name one by its id: {ids}")
        return self.live.fresh(found[0])

    async def failures(self, key: str, query: FailureQuery | None = None) -> AsyncIterator[Failure]:
        """All failures of a job that fit, fetched page by page. Raises NotFound."""
        job, wanted = await self.show(key), query or FailureQuery()
        while page := await self._store.failures(job.job_id, wanted):
            for failure in page:
                yield failure
            wanted = replace(wanted, after=page[-1].number)

    async def failures_page(self, key: str, query: FailureQuery) -> tuple[Sequence[Failure], int | None]:
        """One page of them, and the `after` of the next one. Raises NotFound."""
        job = await self.show(key)
        found = await self._store.failures(job.job_id, replace(query, limit=query.limit + 1))
        shown = found[: query.limit]
        return shown, shown[-1].number if len(found) > query.limit else None

    async def log_page(self, key: str, after: int, limit: int) -> tuple[Sequence[LogEvent], int | None]:
        """One page of the job's log, and the `after` of the next one. Raises NotFound."""
        found = await self._store.log((await self.show(key)).job_id, after, limit + 1)
        shown = found[:limit]
        return shown, shown[-1].number if len(found) > limit else None

    async def objects_page(self, key: str, query: ObjectQuery) -> tuple[Sequence[Entry], int | None]:
        """One page of the objects that a job has found, and the `after` of the next one. Raises NotFound."""
        job = await self.show(key)
        if self._ledger is None:
            return (), None
        found = await self._ledger.page(job.job_id, replace(query, limit=query.limit + 1))
        shown = found[: query.limit]
        return shown, shown[-1].number if len(found) > query.limit else None

    async def object_totals(self, key: str) -> Totals | None:
        """The objects of a job together; `None` where it walks none. Raises NotFound."""
        job = await self.show(key)
        return None if self._ledger is None else await self._ledger.totals(job.job_id)

    async def failure_summary(self, key: str) -> FailureSummary:
        """Unresolved failures of a job by class. Raises NotFound."""
        return await self._store.failure_summary((await self.show(key)).job_id)

    async def log(self, key: str, after: int = 0) -> AsyncIterator[LogEvent]:
        """The job's log, oldest first, fetched page by page. Raises NotFound."""
        job = await self.show(key)
        while page := await self._store.log(job.job_id, after):
            for event in page:
                yield event
            after = page[-1].number

    async def latest_log(self, key: str, limit: int) -> Sequence[LogEvent]:
        """The last lines of the job's log, the latest first. Raises NotFound."""
        return await self._store.latest_log((await self.show(key)).job_id, limit)

    async def runs(self, key: str) -> Sequence[Run]:
        """The job's latest runs, the latest first. Raises NotFound."""
        return await self._store.runs((await self.show(key)).job_id)

    async def samples(self, key: str) -> Sequence[Sample]:
        """The job's pace over the last day. Raises NotFound."""
        since = to_millis(self._clock.now()) - MILLIS_PER_DAY
        return await self._store.samples((await self.show(key)).job_id, since)

    async def several(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """These jobs by their ids, in this order; those that are gone are left out."""
        await self._buried()
        return self.live.all(await self._store.several([job_id for job_id in job_ids if is_key(job_id)]))

    async def glances(self, jobs: Sequence[Job], window_ms: int) -> Mapping[str, Glance]:
        """What a list shows beside each of these jobs, by their ids: the pace of that window, the latest failure."""
        if not jobs:
            return {}
        since = to_millis(self._clock.now()) - window_ms
        return await self._store.glances([job.job_id for job in jobs], since)

    async def keep_upload(self, found: Counted, who: str) -> Upload:
        """Keeps a list of ids for a day, for any process to start a job from. Raises UsageError, TooLarge."""
        return await uploads.keep(self._store, found, who)

    async def upload(self, upload_id: str) -> tuple[Upload, AsyncIterator[str]]:
        """A list that was uploaded, and its ids. Raises NotFound."""
        upload = await uploads.find(self._store, upload_id)
        return upload, uploads.ids_of(self._store, upload)

    async def sweep(self) -> None:
        """Drops what nobody can need any more: lists that were uploaded more than a day ago."""
        await self._store.sweep_uploads()

    async def close(self) -> None:
        """Gives back the store."""
        await self._store.close()

    async def _buried(self) -> None:
        """Whoever only looks can do so where nothing can be written: on a full disk, for one."""
        with suppress(DependencyDown):
            await self._store.bury()

    async def _open(self, job: Job) -> Work:
        kind = self._starter.kind(job.kind)
        frozen = FrozenItems(self._store, job.list_id or "", job.total or 0)
        courier = await self._courier(job)
        load: Load = DryLoad() if job.spec.dry_run else await kind.open_load(job)
        if self._meter is not None:
            load = MeteredLoad(load, self._meter, self._clock, kind=job.kind, key=job.key)
        source = await kind.open_source(job, frozen)
        if self._couriers is None:
            return Work(source, load)
        return Work(source, load, courier, self._couriers.retention_seconds)

    async def _courier(self, job: Job) -> Courier | None:
        """Who carries the items, where they are not done here. A process without a queue leaves the job to others."""
        if job.parameters.executor != "queue" or job.spec.dry_run:
            return None
        if self._couriers is None:
            raise DependencyDown(QUEUE, f"job {job.key} is sent through a queue, which this process cannot reach")
        try:
            self._couriers.check(job.kind)
        except UsageError as error:
            raise DependencyDown(QUEUE, str(error)) from error
        return await self._couriers.open(job)
