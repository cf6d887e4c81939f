"""What happens to jobs, as it happens, for everybody who looks on: one look at the store serves all of them.

It is the store that is looked at, so that the jobs of other processes show as well; those of this one are told as they
are now. While nobody listens nothing is read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, TypeAlias

import structlog

from retrograph.clock import Clock
from retrograph.errors import RetrographError
from retrograph.jobs.job import Job, Json
from retrograph.jobs.live import Live
from retrograph.jobs.queries import Changes, JobLine, Mark
from retrograph.jobs.view import job_as_json, line_as_json

LOOK_SECONDS: Final = 0.5
"""So a job is told of twice a second at the most."""

CARDS_SECONDS: Final = 2.0
"""Counting all jobs is dearer than reading those that changed."""

BACKLOG: Final = 2_000
"""Who is further behind than so many is cut off, and comes back with the mark of the last thing heard."""

MOST_MISSED: Final = 2_000
"""Of jobs and of lines: who was away for longer reads the lists again."""

Name: TypeAlias = Literal["job", "log", "cards"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of news: its name, its JSON text, and the mark from which a listener can go on after it."""

    name: Name
    data: str
    mark: Mark


class NewsStore(Protocol):
    """What news are made of."""

    async def changes(self, after: Mark | None, limit: int = 500) -> Changes: ...


class News:
    """The feed. `live` knows what runs in this process; `cards` answers what the cards show."""

    def __init__(
        self, store: NewsStore, live: Live, cards: Callable[[], Awaitable[dict[str, Json]]], clock: Clock
    ) -> None:
        self._store = store
        self._live = live
        self._here: dict[str, Job] = {}
        self._cards = cards
        self._clock = clock
        self._listeners: set[asyncio.Queue[Item | None]] = set()
        self._wanted = asyncio.Event()
        self._primed = asyncio.Event()
        self._closed = False
        self._seen = _Seen()
        self._told: str | None = None
        self._counted = float("-inf")

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def watch(self) -> None:
        """Looks at the store as long as anybody listens; until cancelled."""
        mark: Mark | None = None
        while True:
            if not self._listeners:
                self._wanted.clear()
                self._primed.clear()
                await self._wanted.wait()
                mark = None
            try:
                mark = await (self._prime() if mark is None else self._look(mark))
            except RetrographError as error:
                _log.debug("news-not-read", error=str(error))
            await self._clock.sleep(LOOK_SECONDS)

    async def listen(self, after: Mark | None = None) -> AsyncIterator[Item]:
        """What happens from now on, or since a mark; first how things stand. Ends where this process ends, or where
        the listener is too far behind."""
        with self._listening() as queue:
            # What happens after the feed's first look is told by the feed, and what was before it by this look.
            await self._primed.wait()
            for item in [] if self._closed else await self._standing(after):
                yield item
            while not self._closed and (item := await queue.get()) is not None:  # type: ignore[assignment]
                yield item

    def close(self) -> None:
        """Ends every listening."""
        self._closed = True
        self._primed.set()
        for queue in tuple(self._listeners):
            _cut(queue)

    @contextmanager
    def _listening(self) -> "Iterator[asyncio.Queue[Item | None]]":
        queue: asyncio.Queue[Item | None] = asyncio.Queue(BACKLOG)
        self._listeners.add(queue)
        self._wanted.set()
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def _standing(self, after: Mark | None) -> list[Item]:
        """What a listener has missed, or without a mark what runs now, and the cards."""
        changes = self._fresh(await self._store.changes(after, MOST_MISSED))
        cards = Item(name="cards", data=json.dumps(await self._cards()), mark=changes.mark)
        missed = [line for line in changes.log if after is None or line.event.number > after.number]
        return [*_Seen().news(replace(changes, log=missed), after), cards]

    async def _prime(self) -> Mark:
        """The first look: what lies before it is no news."""
        begin = self._fresh(await self._store.changes(None))
        changes = self._fresh(await self._store.changes(begin.mark))
        self._seen = _Seen()
        self._seen.news(changes, None)
        self._primed.set()
        return changes.mark

    async def _look(self, mark: Mark) -> Mark:
        changes = self._fresh(await self._store.changes(mark))
        self._tell(self._seen.news(changes, mark))
        if self._clock.monotonic() - self._counted >= CARDS_SECONDS:
            self._counted = self._clock.monotonic()
            cards = json.dumps(await self._cards())
            if cards != self._told:
                self._told = cards
                self._tell([Item(name="cards", data=cards, mark=changes.mark)])
        return changes.mark

    def _fresh(self, changes: Changes) -> Changes:
        """Jobs that run in this process go on between their checkpoints."""
        self._here |= {job.job_id: job for job in changes.jobs}
        self._here = {job_id: job for job_id, job in self._here.items() if self._live.knows(job)}
        changed = {job.job_id for job in changes.jobs}
        others = [job for job_id, job in self._here.items() if job_id not in changed]
        return replace(changes, jobs=self._live.all([*changes.jobs, *others]))

    def _tell(self, items: list[Item]) -> None:
        for queue in tuple(self._listeners):
            if queue.qsize() + len(items) > BACKLOG:
                _cut(queue)
                self._listeners.discard(queue)
            else:
                for item in items:
                    queue.put_nowait(item)


class _Seen:
    """Leaves out what was told before: each look at the store goes back a little."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}
        self._lines: set[int] = set()

    def news(self, changes: Changes, before: Mark | None) -> list[Item]:
        """What is new in these changes, as news. Only the last one has the new mark: who is cut off in the middle goes
        on from the one `before`."""
        mark = before or changes.mark
        items = [
            *(Item(name="log", data=json.dumps(line_as_json(line)), mark=mark) for line in self._new_lines(changes)),
            *(Item(name="job", data=data, mark=mark) for data in self._new_jobs(changes)),
        ]
        return [*items[:-1], *(replace(item, mark=changes.mark) for item in items[-1:])]

    def _new_jobs(self, changes: Changes) -> list[str]:
        shown: dict[str, str] = {}
        told = []
        for job in changes.jobs:
            document = job_as_json(job)
            # A renewed lease is no news.
            shown[job.job_id] = same = json.dumps({**document, "lease": None})
            if self._jobs.get(job.job_id) != same:
                told.append(json.dumps(document))
        self._jobs = shown
        return told

    def _new_lines(self, changes: Changes) -> list[JobLine]:
        new = [line for line in changes.log if line.event.number not in self._lines]
        self._lines = {line.event.number for line in changes.log}
        return new


def _cut(queue: "asyncio.Queue[Item | None]") -> None:
    """Ends a listening: what it has not read yet is lost to it."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
