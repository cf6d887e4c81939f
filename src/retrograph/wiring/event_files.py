"""The kind `events`: objects of a folder or a bucket, each read as a stream into the graph."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from retrograph.blobs.local import path_of
from retrograph.blobs.place import Place
from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.errors import NotPermitted, UsageError
from retrograph.flags.gate import Gate, OpenGate
from retrograph.graph.recount import recount_until_clear
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.objects import Ahead, ObjectLedger
from retrograph.jobs.state import JobState
from retrograph.jobs.work import Load, Source
from retrograph.service import Service
from retrograph.sources.event_files import EventFiles, Wanted
from retrograph.wiring.files_chosen import Events, FilesChosen, chosen_of
from retrograph.wiring.flags import open_gate
from retrograph.wiring.identity import check_extra
from retrograph.wiring.places import check_role, place_of, profile_of
from retrograph.wiring.purchases import Target
from retrograph.wiring.service import open_service

if TYPE_CHECKING:
    from retrograph.loading.event_file import WritesEvents
    from retrograph.wiring.identity import Identity

KIND: Final = "events"
Note = Callable[[str, str, str, str | None], Awaitable[None]]
"""Adds to a job's log: its id, who, what, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the kind needs that others opened. Without a target, only dry runs."""

    settings: Settings
    target: Target | None
    identity: "Identity"
    ledger: ObjectLedger
    note: Note
    clock: Clock


class EventFilesKind:
    """See `jobs.kind.Kind`."""

    name = KIND
    calls_services = False
    fixed_key = None
    grows = False

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._ahead: WeakValueDictionary[str, Ahead] = WeakValueDictionary()

    async def resolve(self, source: object) -> Resolved:
        """Sees that the place may be listed and read, before there is a job."""
        if not isinstance(source, FilesChosen):
            raise UsageError("a backfill of events needs the address of its files", field="uri")
        if not source.entered:
            await check_files(self._doors.settings, source)
        profile = profile_of(self._doors.settings.credentials, source.credentials)
        shown = source.as_source()
        if profile is not None and profile.role_arn is not None:
            shown["role_arn"] = profile.role_arn
        if source.same_as is not None:
            shown["same_as"] = source.same_as
        return Resolved(source=shown, digest=source.digest)

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del frozen
        chosen, doors = chosen_of(job.spec.source), self._doors
        wanted = Wanted(
            pattern=chosen.pattern,
            since=chosen.since,
            until=chosen.until,
            read_as=f"{chosen.events} {sorted(chosen.mapping.items())}",
        )

        async def told(sentence: str) -> None:
            await doors.note(job.job_id, "retrograph", "discovered", sentence)

        return EventFiles(
            self._place(chosen),
            doors.ledger,
            wanted,
            job_id=job.job_id,
            graph_id=job.graph_id,
            most=doors.settings.files.most_objects,
            again=chosen.again,
            ahead=self._ahead_of(job),
            told=told,
        )

    async def open_load(self, job: Job) -> Load:
        from retrograph.loading.event_file import EventFileLoad, FilesHooks, FilesSpec

        chosen, doors, target = chosen_of(job.spec.source), self._doors, self._target
        spec = FilesSpec(
            job_id=job.job_id,
            ahead=self._ahead_of(job),
            mapping=chosen.mapping,
            undecodable_share=doors.settings.files.undecodable_share,
        )

        async def finish() -> None:
            await recount_until_clear(target.graph, doors.clock)

        async with AsyncExitStack() as stack:
            gate: Gate = OpenGate()
            if chosen.gate:
                gate = (await stack.enter_async_context(open_gate(doors.settings, doors.clock))).gate
            hooks = FilesHooks(ping_graph=target.graph.ping, finish=finish, close=stack.pop_all().aclose)
        writer = self._writer(chosen.events, gate)
        return EventFileLoad(self._place(chosen), doors.ledger, writer, spec, hooks, doors.clock)

    def _ahead_of(self, job: Job) -> Ahead:
        """The source and the load of a run share it."""
        return self._ahead.setdefault(job.job_id, Ahead())

    def _writer(self, events: Events, gate: Gate) -> "WritesEvents":
        from retrograph.loading.any_events import AnyEvents
        from retrograph.loading.events import EventLoad, Factoids, IdentityEvents, Receipts

        target = self._target
        receipts = EventLoad(Receipts(target.writer), gate, target.graph.ping)
        if events == "receipts":
            return receipts
        factoids = EventLoad(Factoids(target.writer), gate, target.graph.ping)
        if events == "factoids":
            return factoids
        judged, writer = self._doors.identity.judged_events()
        identity = EventLoad(IdentityEvents(writer, judged), gate, target.graph.ping)
        return identity if events == "identity" else AnyEvents(receipts, factoids, identity)

    def _place(self, chosen: FilesChosen) -> Place:
        return _place(self._doors.settings, chosen)

    @property
    def _target(self) -> Target:
        if self._doors.target is None:
            raise RuntimeError("this needs a graph, and none was opened")
        return self._doors.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The key of a start, and the job before it that was the same, if there was one."""

    key: str
    same_as: Job | None = None


async def key_for(service: Service, chosen: FilesChosen, *, dry_run: bool) -> Named:
    """The key where none is given: an unfinished job of the same choice goes on; after one that ended, a new one
    begins, which passes over what is unchanged."""
    same: Job | None = None
    number = 1
    while True:
        key = f"{KIND}-{chosen.digest.removeprefix('sha256:')[:16]}"
        key += (f"-{number}" if number > 1 else "") + (":dry-run" if dry_run else "")
        job = await service.known(KIND, key, dry_run=dry_run)
        if job is None or job.state not in (JobState.SUCCEEDED, JobState.CANCELED):
            return Named(key=key, same_as=None if job is not None else same)
        same, number = job, number + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a start over HTTP is for: the choice, the key it has, and a word about an earlier job that was the same."""

    chosen: FilesChosen
    key: str
    remark: str | None = None


async def begun_of(
    service: Service, settings: Settings, given: Mapping[str, Any], key: str | None, *, dry_run: bool
) -> Begun:
    """Out of a body. Raises UsageError naming the field, NotFound, NotPermitted."""
    if key is not None and not given:
        return Begun(chosen=files_in(await service.show(key)), key=key)
    chosen = chosen_of(given)
    check_served(settings, chosen)
    if key is not None:
        return Begun(chosen=chosen, key=key)
    named = await key_for(service, chosen, dry_run=dry_run)
    if named.same_as is None:
        return Begun(chosen=chosen, key=named.key)
    remark = await same_again(service, named.same_as, again=chosen.again)
    return Begun(chosen=replace(chosen, same_as=named.same_as.key), key=named.key, remark=remark)


async def same_again(service: Service, before: Job, *, again: bool) -> str:
    """What to tell somebody who submits what was submitted before."""
    totals = await service.object_totals(before.job_id)
    ingested = 0 if totals is None else totals.processed
    then = "they are read again" if again else "those that are unchanged are passed over (--again reads them again)"
    return f"this is the same as job {before.key}, which ingested {ingested:,} objects: {then}"


async def check_files(settings: Settings, chosen: FilesChosen) -> None:
    """Sees that the place may be listed and read. Raises UsageError, NotFound, NotPermitted, DependencyDown."""
    if chosen.gate and settings.flags.file is None and settings.flags.provider is None:
        raise UsageError("there is no gate: it is made of flags, and RETROGRAPH_FLAGS_FILE is not set", field="gate")
    if chosen.events in ("identity", "auto"):
        check_extra()
    place = _place(settings, chosen)
    await check_role(profile_of(settings.credentials, chosen.credentials))
    await place.check()


def _place(settings: Settings, chosen: FilesChosen) -> Place:
    profile = profile_of(settings.credentials, chosen.credentials)
    return place_of(chosen.uri, profile, timeout_seconds=settings.files.timeout_seconds)


def check_served(settings: Settings, chosen: FilesChosen) -> None:
    """Over HTTP only files below the configured folder can be named. Raises UsageError, NotPermitted."""
    if not chosen.uri.startswith("file:"):
        return
    root = settings.files.root
    if root is None or not path_of(chosen.uri).resolve().is_relative_to(root.resolve()):
        raise NotPermitted("a server reads only files below RETROGRAPH_FILES_ROOT: use s3://, or the command line")


async def files_of(settings: Settings, key: str) -> FilesChosen:
    """The choice of a job that exists. Raises NotFound, UsageError."""
    async with open_service(settings) as service:
        return files_in(await service.show(key))


def files_in(job: Job) -> FilesChosen:
    """The choice of a job. Raises UsageError where it is of another kind."""
    if job.kind != KIND:
        raise UsageError(f"job {job.key} is of kind {job.kind}: give another key", field="key")
    return chosen_of(job.spec.source)
