"""From a wish to a lease: what is asked for is checked, what must be frozen is frozen, then the lease is taken."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Final
from uuid import uuid4

from retrograph.clock import Clock, to_millis
from retrograph.errors import (
    DependencyDown,
    IncompatibleGraph,
    JobRefused,
    OtherWork,
    RetrographError,
    ServiceFailed,
    UsageError,
)
from retrograph.jobs import parameters, resuming
from retrograph.jobs.addressing import wanted_of
from retrograph.jobs.claiming import OTHER_RUNS, Refusal, await_lane, process_name, take
from retrograph.jobs.courier import Couriers
from retrograph.jobs.definitions import DEFAULT_LOOKBACK_DAYS
from retrograph.jobs.frozen import freeze
from retrograph.jobs.job import NO_GRAPH, Job, Parameters, Spec
from retrograph.jobs.keys import checked_key, dry_key
from retrograph.jobs.kind import Kind, Resolved
from retrograph.jobs.parameters import Asked
from retrograph.jobs.progress import Watch
from retrograph.jobs.requests import Engine, StartAnswer, StartRequest
from retrograph.jobs.runner import Taken
from retrograph.jobs.state import HELD, TAKEN_UP, JobState, NotPossible
from retrograph.jobs.store import Claim, JobStore, NewJob, NotClaimable, Reset, Selection

CLAMPED: Final = "clamped"
"""The line of a job's log that says which parameters of a start were out of range."""

_LOOKS: Final = 5
"""How often a start looks again at a job that changed under its eyes."""


class Starter:
    """Starts and resumes jobs; running them is another's. `alive` knows those that run in this process."""

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        graph: Callable[[], Awaitable[str]],
        clock: Clock,
        engine: Engine,
        alive: Callable[[Job], bool],
        couriers: Couriers | None = None,
    ) -> None:
        self._store = store
        self._couriers = couriers
        self._alive = alive
        self._kinds = kinds
        self._graph = graph
        self._clock = clock
        self._engine = engine
        self._process = engine.holder or process_name()
        self._claims = count(1)

    def holds(self, holder: str | None) -> bool:
        """Whether it was this process that claimed under that name, heard of or not."""
        return holder is not None and holder.startswith(f"{self._process}:")

    def kind(self, name: str) -> Kind:
        """Raises UsageError for a kind that is not known."""
        if name not in self._kinds:
            raise UsageError(f"there is no kind {name!r}; known are {', '.join(sorted(self._kinds))}", field="kind")
        return self._kinds[name]

    async def start(self, request: StartRequest, watch: Watch) -> StartAnswer:
        """See `Service.start`."""
        kind = self.kind(request.kind)
        asked = replace(parameters.read(request.parameters, from_text=request.from_text), queue=request.queue)
        given = None if request.key is None else checked_key(request.key)
        resolved = await kind.resolve(request.source)
        key = given or resuming.key_of(kind, asked, resolved)
        graph_id = NO_GRAPH if asked.dry_run else await self._graph()
        for _ in range(_LOOKS):
            found = await self._store.find(graph_id, key)
            if found is None:
                answer = await self._begun(kind, key, graph_id, asked, resolved, request.who, watch)
            else:
                answer = await self._attempt(kind, found, asked, resolved, request.who, watch)
            if answer is not None:
                return answer
        raise RetrographError(f"job {key} changes faster than it can be started: try again")

    async def _begun(
        self, kind: Kind, key: str, graph_id: str, asked: Asked, resolved: Resolved, who: str, watch: Watch
    ) -> StartAnswer | None:
        """A job that there is not yet. Where another one of its kind runs it is not kept: a start that is refused
        changes nothing, and nobody would begin it later. Mostly that is known before anything is written."""
        new = await self._new(kind, key, graph_id, asked, resolved)
        try:
            if (lane := self._lane(new.kind)) is not None:
                await await_lane(self._store, lane, self._clock, watch.said, self._lease_ms, alive=self._alive)
        except Refusal as refusal:
            return resuming.refused(refusal, asked)
        job = await self._accept(new, resolved, who)
        answer = await self._attempt(kind, job, asked, resolved, who, watch)
        if answer is not None and answer.reason == OTHER_RUNS and job.job_id == new.job_id:
            await self._store.discard(job.job_id, whole=True)
        return answer

    async def known(self, kind: str, key: str | None, *, dry_run: bool) -> Job | None:
        """See `Service.known`."""
        fixed = self.kind(kind).fixed_key
        default = None if fixed is None else dry_key(fixed) if dry_run else fixed
        wanted = default if key is None else checked_key(key)
        return None if wanted is None else await self._store.find(NO_GRAPH if dry_run else await self._graph(), wanted)

    async def retry(
        self, job: Job, selection: Selection, who: str, raw: Mapping[str, object], watch: Watch
    ) -> StartAnswer:
        """See `Service.retry`."""
        asked = parameters.read({**raw, "mode": "failed"})
        await self.check_graph(job)
        if job.state not in HELD and not await self._store.count_failures(job.job_id, selection):
            raise NotPossible(f"job {job.key} has no unresolved failures{resuming.named(selection)}")
        wanted = await wanted_of(job, job.kind, asked, job.parameters, self._couriers)
        claim = self._claim(job, wanted, who, "retry of failures", retry=selection)
        answer = await self._take(job, claim, asked, watch)
        if answer is None:
            raise NotPossible(resuming.not_claimable(await self._store.get(job.job_id)))
        return answer

    async def resume(self, job: Job, who: str, why: str) -> Taken | NotClaimable:
        """Takes a paused or interrupted job up again as it was, or begins one that nobody has begun, without waiting.
        Raises JobRefused."""
        await self.check_graph(job)
        retry = resuming.retry_of(job, job.parameters)
        claim = self._claim(job, job.parameters, who, why, retry=retry, origins=TAKEN_UP, resumed=True)
        return await take(self._store, claim, self._clock, lambda _: None, wait=False)

    async def second_chance(self, job: Job, most: int) -> Taken | None:
        """Takes a job that has just succeeded once more, for the few items that a service failed; `None` where there
        are none, `most` or more, or where the job cannot be taken. Raises DependencyDown."""
        failed = Selection(error_class=ServiceFailed.__name__)
        if not 0 < await self._store.count_failures(job.job_id, failed) < most:
            return None
        why = "the items that a service failed, once more"
        claim = self._claim(
            job, job.parameters, "retrograph", why, retry=failed, origins=frozenset({JobState.SUCCEEDED})
        )
        try:
            taken = await take(self._store, claim, self._clock, lambda _: None, wait=False)
        except JobRefused:
            return None
        return None if isinstance(taken, NotClaimable) else taken

    async def check_graph(self, job: Job) -> None:
        """Raises IncompatibleGraph where a job's work belongs to another graph than the present one."""
        if job.graph_id != NO_GRAPH and job.graph_id != await self._graph():
            raise IncompatibleGraph(f"job {job.key} belongs to another graph than this one: its work cannot go on here")

    async def _new(self, kind: Kind, key: str, graph_id: str, asked: Asked, resolved: Resolved) -> NewJob:
        usual = parameters.defaults(calls_services=kind.calls_services and not asked.dry_run)
        return NewJob(
            job_id=str(uuid4()),
            graph_id=graph_id,
            key=key,
            kind=kind.name,
            spec=self._spec(asked, resolved),
            parameters=await wanted_of(None, kind.name, asked, usual, self._couriers),
            whole=resolved.ids is None,
        )

    async def _accept(self, new: NewJob, resolved: Resolved, who: str) -> Job:
        job = await self._store.accept(new, who)
        if job.job_id != new.job_id or resolved.ids is None:
            return job
        try:
            return await self._freeze(job, resolved)
        except UsageError:
            await self._store.discard(job.job_id)
            raise

    def _spec(self, asked: Asked, resolved: Resolved) -> Spec:
        return Spec(
            source=resolved.source,
            digest=resolved.digest,
            as_of=to_millis(self._clock.now()) if asked.as_of is None else asked.as_of,
            lookback_days=asked.lookback_days or DEFAULT_LOOKBACK_DAYS,
            dry_run=asked.dry_run,
            bound=resolved.bound,
        )

    async def _freeze(self, job: Job, resolved: Resolved) -> Job:
        """Makes a job whole. What is no mistake of the user and no outage leaves it failed, with its reason."""
        assert resolved.ids is not None
        try:
            frozen = await freeze(self._store, job.job_id, resolved.ids)
            return await self._store.seal(job.job_id, frozen.list_id, frozen.ids)
        except (UsageError, DependencyDown):
            raise
        except RetrographError as error:
            await self._store.fail(job.job_id, self._process, str(error))
            raise

    async def _attempt(
        self, kind: Kind, job: Job, asked: Asked, resolved: Resolved, who: str, watch: Watch
    ) -> StartAnswer | None:
        """One look at the job; `None` where it changed meanwhile and must be looked at again."""
        wanted = await wanted_of(job, job.kind, asked, job.parameters, self._couriers)
        if asked.reset_cursor and (job.epoch or job.state is not JobState.PENDING):
            return await self._start_over(kind, job, wanted, asked, resolved, who, watch)
        resuming.check_same(job, kind, asked, resolved)
        if not job.whole and resolved.ids is not None:
            job = await self._freeze(job, resolved)
        if job.state in HELD:
            return await self._take(
                job, self._claim(job, wanted, who, "start", retry=resuming.retry_of(job, wanted)), asked, watch
            )
        bound = resolved.bound if job.complete and kind.grows and wanted.mode != "failed" else None
        if (nothing := resuming.nothing_to_do(job, wanted, bound, asked)) is not None:
            return nothing
        claim = self._claim(job, wanted, who, "start", retry=resuming.retry_of(job, wanted), bound=bound)
        return await self._take(job, claim, asked, watch)

    async def _start_over(
        self, kind: Kind, job: Job, wanted: Parameters, asked: Asked, resolved: Resolved, who: str, watch: Watch
    ) -> StartAnswer | None:
        """Everything is resolved anew; the former list stays in use until the lease is taken."""
        if job.kind != kind.name:
            raise OtherWork(f"job {job.key} is of kind {job.kind}: give another key")
        reset = Reset(spec=self._spec(asked, resolved))
        if resolved.ids is not None:
            frozen = await freeze(self._store, job.job_id, resolved.ids)
            reset = replace(reset, list_id=frozen.list_id, total=frozen.ids)
        claim = self._claim(job, wanted, who, "from the beginning", reset=reset)
        answer = await self._take(job, claim, asked, watch)
        if reset.list_id is not None and (answer is None or not answer.started):
            await self._store.forget(reset.list_id)
        return answer

    def _claim(
        self,
        job: Job,
        wanted: Parameters,
        who: str,
        why: str,
        *,
        retry: Selection | None = None,
        reset: Reset | None = None,
        bound: str | None = None,
        origins: frozenset[JobState] = frozenset(JobState),
        resumed: bool = False,
    ) -> Claim:
        return Claim(
            job_id=job.job_id,
            holder=f"{self._process}:{next(self._claims)}",
            who=who,
            why=why,
            parameters=wanted,
            lease_ms=self._lease_ms,
            lane=self._lane(job.kind),
            origins=origins,
            retry=retry,
            resumed=resumed,
            bound=bound,
            reset=reset,
        )

    @property
    def _lease_ms(self) -> int:
        return int(self._engine.lease_seconds * 1000)

    def _lane(self, kind: str) -> str | None:
        return kind if kind in self._engine.exclusive else None

    async def _take(self, job: Job, claim: Claim, asked: Asked, watch: Watch) -> StartAnswer | None:
        try:
            taken = await take(self._store, claim, self._clock, watch.said, alive=self._alive)
        except Refusal as refusal:
            return resuming.refused(refusal, asked)
        if isinstance(taken, NotClaimable):
            if job.state in HELD or taken.job.state is not job.state:
                return None
            raise NotPossible(resuming.not_claimable(taken.job))
        mine = taken.claimed.job
        if asked.clamped:
            with suppress(DependencyDown):  # the lease is held: nothing may keep it from being served
                await self._store.note(job.job_id, claim.who, CLAMPED, "; ".join(asked.clamped))
        return StartAnswer(
            started=True,
            running=True,
            job=mine,
            clamped=asked.clamped,
            forecast=resuming.forecast_of(mine),
            taken=taken,
        )
