"""From settings to whoever knows who is enrolled, and to the detector."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from retrograph.cache.cache import Cache
from retrograph.clock import Clock
from retrograph.config import Settings
from retrograph.enrolment.detector import Detector, Flags
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.enrolled import EnrolledUsers
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.requests import LoadRequests
from retrograph.enrolment.sql_detections import SqlDetectionStore
from retrograph.enrolment.sql_store import SqlEnrolmentStore
from retrograph.enrolment.window import Window
from retrograph.errors import ConfigurationError
from retrograph.flags.gate import INGESTION
from retrograph.flags.watched import WatchedFlags
from retrograph.ids.compact import UserIds
from retrograph.store.engine import Database
from retrograph.store.schema import open_database
from retrograph.wiring.caches import open_cache
from retrograph.wiring.graphs import same_file

USERS_TABLE = "users-table"
FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where enrolments are kept, and where they are copied to."""

    database: Database
    cache: Cache
    window: Window

    @property
    def enrolments(self) -> SqlEnrolmentStore:
        return SqlEnrolmentStore(self.database)

    @property
    def detections(self) -> SqlDetectionStore:
        return SqlDetectionStore(self.database, self.window)


def window_of(settings: Settings) -> Window:
    """How long after an opening something may still be missing."""
    return Window(
        refresh_ms=int(settings.flags.refresh_seconds * 1000), settle_ms=int(settings.enrolment.settle_seconds * 1000)
    )


@asynccontextmanager
async def open_kept(settings: Settings, clock: Clock) -> AsyncIterator[Kept]:
    """Opens both, on connections of their own. Raises ConfigurationError, DependencyDown where the store is down,
    MissingExtra; a cache that is down is found out later."""
    async with AsyncExitStack() as stack:
        durable = not same_file(settings.graph, settings.store)
        database = await open_database(settings.store.get_secret_value(), synchronous="FULL" if durable else "NORMAL")
        stack.push_async_callback(database.close)
        cache = await stack.enter_async_context(open_cache(settings, clock))
        yield Kept(database=database, cache=cache, window=window_of(settings))


@asynccontextmanager
async def open_enrolled(settings: Settings, clock: Clock, kept: Kept | None = None) -> AsyncIterator[EnrolledUsers]:
    """Who is enrolled, read on in the background as long as the block lasts."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(open_kept(settings, clock)) if kept is None else kept
        notices, every = Notices(found.enrolments, found.window), settings.flags.refresh_seconds
        enrolled = EnrolledUsers(found.enrolments, found.cache, notices, clock, oldest_seconds=every)
        await enrolled.look()
        watching = asyncio.create_task(enrolled.watch(every))
        try:
            yield enrolled
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def build_enrolments(kept: Kept, requests: LoadRequests, clock: Clock) -> Enrolments:
    """The verbs of enrolment over what is open."""
    return Enrolments(kept.enrolments, kept.cache, requests, kept.window, clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Since:
    """What is known about the flags and the graph when a load might be spared."""

    flags: WatchedFlags | None
    graph: Callable[[], Awaitable[str]]

    def open_since(self) -> int | None:
        return None if self.flags is None else self.flags.unchanged_since

    async def graph_id(self) -> str:
        return await self.graph()


def build_detector(
    settings: Settings,
    kept: Kept,
    requests: LoadRequests,
    flags: Flags,
    watched: WatchedFlags | None,
    graph: Callable[[], Awaitable[str]],
) -> Detector:
    """The detector over what is open. Raises ConfigurationError where the candidates cannot be what they are."""
    return Detector(
        kept.detections,
        kept.cache,
        flags,
        requests,
        kept.window,
        flag=INGESTION,
        candidates=_candidates(settings, watched),
        loaded_into=_Since(flags=watched, graph=graph),
    )


def _candidates(settings: Settings, watched: WatchedFlags | None) -> Callable[[], AsyncIterator[str]]:
    chosen = settings.detector.candidates
    if chosen == FLAG:
        if watched is None:
            raise ConfigurationError(
                "RETROGRAPH_DETECTOR_CANDIDATES is flag, and there is no file of flags: name a list of ids"
            )
        return lambda: _of_flag(settings, watched)
    if chosen == USERS_TABLE:
        return lambda: _of_table(settings)
    return lambda: _of_list(chosen)


async def _of_flag(settings: Settings, watched: WatchedFlags) -> AsyncIterator[str]:
    from retrograph.wiring.flags import users_of_flag

    _ = watched.coverage  # raises DependencyDown where it was never read
    async for user_id in users_of_flag(settings, watched.file, INGESTION, ()):
        yield user_id


async def _of_list(location: str) -> AsyncIterator[str]:
    from retrograph.sources.user_ids import ids_from_list
    from retrograph.wiring.flags import blobs_at

    found: UserIds = await ids_from_list(blobs_at(location).read(location), location)
    async for user_id in found.each():
        yield user_id


async def _of_table(settings: Settings) -> AsyncIterator[str]:
    from retrograph.wiring.identity import user_ids_of_table

    async for user_id in user_ids_of_table(settings):
        yield user_id
