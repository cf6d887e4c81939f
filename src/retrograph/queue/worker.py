"""Takes requests from a queue and loads their users, a bounded number at a time, until it is told to stop.

A message is deleted only after the load's write and, for a job, its outcome are committed. Whatever happens before
that, the message is seen again, and doing it again changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog

from retrograph.clock import Clock, iso, to_millis
from retrograph.errors import ConfigurationError, DependencyDown, IncompatibleGraph, ItemError, MissingExtra
from retrograph.jobs.job import Job
from retrograph.jobs.outcomes import ItemOutcome
from retrograph.jobs.text import described
from retrograph.jobs.work import Outcome
from retrograph.queue.books import Books, UnknownJob, is_cancelled
from retrograph.queue.holding import Lane, Messages
from retrograph.queue.memory import Memory
from retrograph.queue.message import LoadRequest, Undecodable, decode
from retrograph.queue.outage import FIRST_ASK_SECONDS, Outages
from retrograph.queue.queue import MOST_AT_ONCE, Received

ELSEWHERE_SECONDS: Final = 5
"""How long a message that is another worker's stays hidden."""

FIRST_RETRY_SECONDS: Final = 30
LONGEST_RETRY_SECONDS: Final = 600
_REFUSALS: Final = (ConfigurationError, MissingExtra, IncompatibleGraph)
"""What another try does not mend: the worker ends."""

T = TypeVar("T")

_log = structlog.get_logger()


class Loader(Protocol):
    """What loads a user, whoever asked for it."""

    async def load(self, request: LoadRequest) -> Outcome:
        """See `jobs.work.Load.load`; the same errors."""
        ...

    async def ping(self, dependency: str) -> bool:
        """Is that server up?"""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """What all lanes of a process share."""

    graph_id: str
    loader: Loader
    books: Books
    outages: Outages
    memory: Memory
    clock: Clock


class Worker:
    """One lane of a process."""

    def __init__(self, lane: Lane, station: Station) -> None:
        self.lane = lane
        self._queue = lane.queue
        self._station = station
        self._clock = station.clock
        self._free = asyncio.Semaphore(lane.concurrency)
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: Exception | None = None
        self._stopped_at: float | None = None
        self._log = _log.bind(lane=lane.name)
        self._messages = Messages(lane, station.clock)

    @property
    def under_way(self) -> int:
        """How many messages this lane has now."""
        return len(self._tasks)

    def stop(self) -> None:
        """Receives nothing further; `run` returns when what is under way is done, or its grace is over."""
        self._stopped_at = self._stopped_at or self._clock.monotonic()
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Raises ConfigurationError where a service or the queue refuses us."""
        try:
            while not self._stopping.is_set():
                await self._round()
        finally:
            await self._drain()
        if self._broken is not None:
            raise self._broken

    async def _round(self) -> None:
        """Waits for a free hand, takes as many messages as there are free hands, and goes on."""
        if self._station.outages.down and not await self._unless_stopped(self._station.outages.over()):
            return
        if self._free.locked():
            if not await self._unless_stopped(self._free.acquire()):
                return
        else:
            await self._free.acquire()
        hands = 1
        while hands < MOST_AT_ONCE and not self._free.locked():
            await self._free.acquire()
            hands += 1
        found = await self._received(hands)
        for _ in range(hands - len(found)):
            self._free.release()
        for message in found:
            task = asyncio.create_task(self._one(message))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _received(self, most: int) -> Sequence[Received]:
        """A poll is never broken off: what it would have brought would be hidden from everybody for long."""
        try:
            return await self._queue.receive(
                most, wait_seconds=self.lane.wait_seconds, visibility_seconds=self.lane.visibility_seconds
            )
        except DependencyDown as error:
            self._log.warning("queue-down", error=str(error))
            await self._unless_stopped(self._clock.sleep(FIRST_ASK_SECONDS))
        except ConfigurationError as error:
            self._break(error)
        return ()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, _REFUSALS):
                self._break(error)
            else:
                self._log.error("message-kept", error=str(error), exc_info=error)

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or error
        self._stopping.set()

    async def _drain(self) -> None:
        """What is under way may end; what takes too long is given back."""
        if self._tasks:
            since = self._clock.monotonic() - (self._stopped_at or self._clock.monotonic())
            grace = 0.0 if self._station.outages.down else self.lane.grace_seconds - since
            await asyncio.wait(self._tasks, timeout=max(0.0, grace))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, message: Received) -> None:
        """From a message to its end. Whatever leaves it undeleted gives it back."""
        async with self._messages.kept(message):
            try:
                if self._stopping.is_set():
                    await self._messages.give_back(message, 0)
                    return
                await self._handled(message)
            except asyncio.CancelledError:
                with suppress(Exception):
                    await self._messages.give_back(message, 0)
                raise
            except _REFUSALS:
                await self._messages.give_back(message, 0)
                raise
            except DependencyDown as error:  # the queue, after the work was done: it is seen again, and passed over
                self._log.warning("message-kept", error=str(error))

    async def _handled(self, message: Received) -> None:
        try:
            request = decode(message.body)
            job = await self._job_of(request)
        except Undecodable as error:
            self._log.warning("undecodable-message", error=str(error), receives=message.receives)
            await self._messages.give_back(message, 0)
            return
        except UnknownJob as error:
            self._log.warning("another-worker's-message", error=str(error), receives=message.receives)
            await self._messages.give_back(message, ELSEWHERE_SECONDS)
            return
        if await self._needed(request, job):
            await self._done(message, request, job)
        else:
            await self._messages.delete(message.handle)

    async def _job_of(self, request: LoadRequest) -> Job | None:
        if request.graph_id not in (None, self._station.graph_id):
            raise UnknownJob("it is meant for another graph than this worker's")
        return await self._while_up("store", lambda: self._station.books.job_of(request))

    async def _needed(self, request: LoadRequest, job: Job | None) -> bool:
        """Whether there is anything left to do for a request."""
        station = self._station
        if job is None:
            return not await station.memory.is_done(request)
        if await self._while_up("store", lambda: station.books.answered(job, request)):
            return False
        if is_cancelled(job):
            await station.books.record(job, _outcome(request, Outcome(status="skipped", reason="canceled")))
            return False
        return True

    async def _done(self, message: Received, request: LoadRequest, job: Job | None) -> None:
        station = self._station
        if request.as_of is None:  # fixed before anything is read, so that what is remembered never says too much
            request = msgspec.structs.replace(request, as_of=iso(to_millis(self._clock.now())))
        outcome = await self._loaded(request)
        if job is None and outcome.status == "failed":
            self._log.warning("load-failed", error=outcome.message, receives=message.receives)
            wait = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (message.receives - 1))
            await self._messages.give_back(message, wait)
            return
        if job is not None:
            await station.books.record(job, outcome)
        if outcome.status == "processed":
            await station.memory.note(request)
        await self._messages.delete(message.handle)

    async def _loaded(self, request: LoadRequest) -> ItemOutcome:
        """How the load ended; while something that it needs is down, it waits and begins again."""
        station = self._station
        while True:
            try:
                loaded = await station.loader.load(request)
                return _outcome(request, loaded)
            except DependencyDown as error:
                station.outages.begin(error.dependency, str(error))
            except _REFUSALS:
                raise
            except ItemError as error:
                if error.dependency is None or await station.outages.answers(error.dependency):
                    return _failed(request, error)
                station.outages.begin(error.dependency, str(error))
            except Exception as error:
                self._log.debug("load-broke", exc_info=error)
                return _failed(request, error)
            await station.outages.over()

    async def _while_up(self, dependency: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks until there is an answer."""
        while True:
            try:
                return await ask()
            except DependencyDown as error:
                self._log.warning("waits", dependency=dependency, error=str(error))
                await self._clock.sleep(FIRST_ASK_SECONDS)

    async def _unless_stopped(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether it was done before somebody asked for a stop."""
        doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return doing.done() and not self._stopping.is_set()
        finally:
            for task in (doing, stopping):
                task.cancel()
            await asyncio.gather(doing, stopping, return_exceptions=True)


def _outcome(request: LoadRequest, outcome: Outcome) -> ItemOutcome:
    return ItemOutcome(
        item=request.user_id,
        attempt=request.attempt,
        status=outcome.status,
        reason=outcome.reason,
        refused=outcome.refused,
        found=outcome.found,
    )


def _failed(request: LoadRequest, error: Exception) -> ItemOutcome:
    kind, message = described(error)
    return ItemOutcome(
        item=request.user_id, attempt=request.attempt, status="failed", error_class=kind, message=message
    )
