"""The kind `purchases`: users from wherever they are listed, each loaded from the history services."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrograph.blobs.local import LocalFiles
from retrograph.blobs.s3 import S3Objects
from retrograph.cache.cache import Cache
from retrograph.cache.keys import LoadedInto
from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.errors import UsageError
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from retrograph.ids.compact import UserIds
from retrograph.jobs.definitions import SERVICE_RATE
from retrograph.jobs.job import Job, Json
from retrograph.jobs.kind import Resolved
from retrograph.jobs.uploads import Upload
from retrograph.jobs.work import Load, Outcome, Permit, Source, unconditionally
from retrograph.loading.noted import NotedLoad
from retrograph.loading.user_history import GRAPH, HistorySpec, LoadHooks, UserHistoryLoad
from retrograph.sources.user_ids import ids_from_graph, ids_from_list, ids_inline
from retrograph.upstream.http import Http
from retrograph.upstream.pressures import Pressures
from retrograph.wiring.upstream import history_services

SIDE_LANES: Final = ("enrolment", "newly-enabled")
"""Kinds that load purchases beside the one bulk load that may run at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedUsers:
    """Ids that were read and checked before anything else was touched."""

    ids: UserIds
    source: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphUsers:
    """Every user that the graph holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenUsers:
    """Those that a job has frozen already: it goes on, without being told again. With `ids`, another may begin."""

    digest: str
    source: dict[str, Json]
    ids: AsyncIterable[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedUsers:
    """Those of a list that was uploaded."""

    upload: Upload
    ids: AsyncIterator[str]


UserSource = ListedUsers | GraphUsers | FrozenUsers | UploadedUsers


async def users_inline(ids: Sequence[str]) -> ListedUsers:
    """Users named on the spot. Raises UsageError."""
    found = await asyncio.to_thread(ids_inline, ids)  # a million take seconds, in which others want to be answered
    return ListedUsers(ids=found, source={"inline": found.count})


async def users_in_file(path: str) -> ListedUsers:
    """Users in a file: one a line, or a CSV. Raises UsageError, ConfigurationError, NotFound."""
    found = await ids_from_list(LocalFiles().read(path), Path(path).name)
    return ListedUsers(ids=found, source={"file": path, "ids": found.count})


async def users_in_s3(uri: str) -> ListedUsers:
    """The same in an object. Raises MissingExtra and DependencyDown as well."""
    found = await ids_from_list(S3Objects().read(uri), uri)
    return ListedUsers(ids=found, source={"object": uri, "ids": found.count})


async def _of_no_job() -> AsyncIterator[str]:
    """Walked only where a job begins, and then nobody has said with whom."""
    raise UsageError("there is no such job for this graph yet: say which users to load")
    yield ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The opened graph that loads go into, and the session they call services with."""

    graph: GraphStore
    writer: GraphWriter
    http: Http
    cache: Cache
    """Where it is noted who was loaded."""


class SentAway:
    """The `Load` of a job whose users are loaded by workers: what is left for the run is the end."""

    def __init__(self, graph: GraphStore, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        del permit
        raise RuntimeError(f"{key} is loaded by a worker")

    async def ping(self, dependency: str) -> bool:
        if dependency == GRAPH:
            await self._graph.ping()
        return True

    async def finish(self) -> None:
        await recount_until_clear(self._graph, self._clock)

    async def close(self) -> None:
        """The graph outlives a run."""


class Purchases:
    """See `jobs.kind.Kind`. `target` is `None` where no graph is needed: for verbs that load nothing, and dry runs."""

    calls_services = True
    fixed_key = None
    grows = False

    def __init__(self, settings: Settings, target: Target | None, clock: Clock, name: str = "purchases") -> None:
        """The same work has other names where it has a lane of its own: see `SIDE_LANES`."""
        self.name = name
        self._settings = settings
        self._target = target
        self._clock = clock

    async def resolve(self, source: object) -> Resolved:
        match source:
            case ListedUsers():
                return Resolved(source=source.source, digest=source.ids.digest, ids=source.ids.each())
            case UploadedUsers(upload=upload):
                where: dict[str, Json] = {"upload": upload.name, "ids": upload.ids}
                return Resolved(source=where, digest=upload.digest, ids=source.ids)
            case FrozenUsers():
                return Resolved(source=source.source, digest=source.digest, ids=source.ids or _of_no_job())
            case GraphUsers():
                digest = hashlib.sha256(b"every user of the graph").hexdigest()
                return Resolved(source={"graph": "users"}, digest=digest, ids=ids_from_graph(self._open.graph))
        raise UsageError("say which users to load: one by one, in a file, in S3, or those of the graph")

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del job
        return frozen

    async def open_load(self, job: Job) -> Load:
        target, clock = self._open, self._clock
        if job.parameters.executor == "queue":
            return SentAway(target.graph, clock)
        rate = job.parameters.rate_limit or SERVICE_RATE
        pressures = Pressures(rate, clock, target.http.watcher)
        services = history_services(self._settings, target.http, pressures.pacer, clock, pressures)
        spec = HistorySpec(
            job_key=job.key,
            as_of=job.spec.as_of,
            lookback_days=job.spec.lookback_days,
            item_seconds=self._settings.http.item_seconds,
        )
        load = UserHistoryLoad(services, target.writer, spec, self._hooks(target, pressures), clock)
        into = LoadedInto(graph_id=target.graph.identity.graph_id, as_of=job.spec.as_of)
        return NotedLoad(load, target.cache, into)

    @property
    def _open(self) -> Target:
        if self._target is None:
            raise RuntimeError("this needs a graph, and none was opened")
        return self._target

    def _hooks(self, target: Target, pressures: Pressures) -> LoadHooks:
        async def finish() -> None:
            await recount_until_clear(target.graph, self._clock)

        async def nothing() -> None:
            """The graph and the session outlive a run."""

        return LoadHooks(ping_graph=target.graph.ping, finish=finish, close=nothing, pressure=pressures.pressure)
