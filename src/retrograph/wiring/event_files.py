"""The kind `events`: objects of a folder or a bucket, each read as a stream into the graph."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

import msgspec

from retrograph.blobs.local import path_of
from retrograph.blobs.place import Place
from retrograph.clock import Clock, iso
from retrograph.config import Settings
from retrograph.errors import NotPermitted, UsageError
from retrograph.events.files.tables import COLUMNS
from retrograph.graph.recount import recount_until_clear
from retrograph.jobs.job import Job, Json
from retrograph.jobs.kind import Resolved
from retrograph.jobs.objects import ObjectLedger
from retrograph.jobs.parameters import read_instant
from retrograph.jobs.state import JobState
from retrograph.jobs.work import Load, Source
from retrograph.service import Service
from retrograph.sources.event_files import EventFiles, Wanted
from retrograph.wiring.places import check_role, place_of, profile_of
from retrograph.wiring.purchases import Target
from retrograph.wiring.service import open_service

if TYPE_CHECKING:
    from retrograph.loading.event_file import WritesEvents
    from retrograph.wiring.identity import Identity

KIND: Final = "events"
Events = Literal["receipts", "factoids", "identity", "auto"]
Note = Callable[[str, str, str, str | None], Awaitable[None]]
"""Adds to a job's log: its id, who, what, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChosen:
    """Which files a start is for, and how they are read. `since` and `until` bound when they were last modified, in
    milliseconds; `again`: also those that were ingested before."""

    uri: str
    pattern: str = "*"
    events: Events = "auto"
    credentials: str | None = None
    since: int | None = None
    until: int | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    same_as: str | None = None
    """The key of an earlier job over the same choice: told to the operator, and no part of the choice."""

    def as_source(self) -> dict[str, Json]:
        """What the job shows of it; read again by `chosen_of`."""
        words: dict[str, Json] = {"uri": self.uri, "pattern": self.pattern, "events": self.events}
        words["credentials"] = self.credentials
        words["since"] = None if self.since is None else iso(self.since)
        words["until"] = None if self.until is None else iso(self.until)
        words["mapping"] = cast("dict[str, Json]", dict(sorted(self.mapping.items()))) or None
        words["again"] = self.again or None
        return {name: word for name, word in words.items() if word is not None}

    @property
    def digest(self) -> str:
        """Tells one choice from another: whether it is done again is no part of it."""
        words = {name: word for name, word in self.as_source().items() if name != "again"}
        return f"sha256:{hashlib.sha256(msgspec.json.encode(words, order='deterministic')).hexdigest()}"


def chosen_of(given: Mapping[str, Any]) -> FilesChosen:
    """Out of a body, a command line or a job. Raises UsageError naming the field."""
    uri, pattern, events = (_text(given, name) for name in ("uri", "pattern", "events"))
    if uri is None:
        raise UsageError("say where the files lie: uri, such as s3://bucket/prefix or file:///folder", field="uri")
    if events is not None and events not in get_args(Events):
        raise UsageError(f"events is one of {', '.join(get_args(Events))}, not {events[:50]!r}", field="events")
    mapping = {} if given.get("mapping") is None else given["mapping"]
    if not isinstance(mapping, Mapping) or not all(isinstance(word, str) for pair in mapping.items() for word in pair):
        raise UsageError("mapping must say what the file calls our columns, as text", field="mapping")
    if strange := sorted(set(mapping) - set(COLUMNS)):
        raise UsageError(f"there is no column {strange[0][:50]!r} to map: {', '.join(COLUMNS)}", field="mapping")
    if not isinstance(again := False if given.get("again") is None else given["again"], bool):
        raise UsageError("again must be true or false", field="again")
    return FilesChosen(
        uri=uri.strip(),
        pattern=pattern or "*",
        events=cast(Events, events or "auto"),
        credentials=_text(given, "credentials"),
        since=_instant(given, "since"),
        until=_instant(given, "until"),
        mapping=dict(mapping),
        again=again,
    )


FIELDS: Final = ("uri", "pattern", "events", "credentials", "since", "until", "mapping", "again")


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or "\0" in value or len(value) > 2_000):
        raise UsageError(f"{name} must be text", field=name)
    return value or None


def _instant(given: Mapping[str, Any], name: str) -> int | None:
    return None if given.get(name) is None else read_instant(given[name], name)


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

    async def resolve(self, source: object) -> Resolved:
        """Sees that the place may be listed and read, before there is a job."""
        if not isinstance(source, FilesChosen):
            raise UsageError("a backfill of events needs the address of its files", field="uri")
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
            told=told,
        )

    async def open_load(self, job: Job) -> Load:
        from retrograph.loading.event_file import EventFileLoad, FilesHooks, FilesSpec

        chosen, doors, target = chosen_of(job.spec.source), self._doors, self._target
        spec = FilesSpec(
            job_id=job.job_id,
            graph_id=job.graph_id,
            mapping=chosen.mapping,
            again=chosen.again,
            undecodable_share=doors.settings.files.undecodable_share,
        )

        async def finish() -> None:
            await recount_until_clear(target.graph, doors.clock)

        hooks = FilesHooks(ping_graph=target.graph.ping, finish=finish)
        return EventFileLoad(self._place(chosen), doors.ledger, self._writer(chosen.events), spec, hooks, doors.clock)

    def _writer(self, events: Events) -> "WritesEvents":
        from retrograph.flags.gate import OpenGate
        from retrograph.loading.any_events import AnyEvents
        from retrograph.loading.events import EventLoad, Factoids, IdentityEvents, Receipts

        target, gate = self._target, OpenGate()
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
        return place_of(chosen.uri, profile_of(self._doors.settings.credentials, chosen.credentials))

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
    profile = profile_of(settings.credentials, chosen.credentials)
    place = place_of(chosen.uri, profile)
    await check_role(profile)
    await place.check()


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
