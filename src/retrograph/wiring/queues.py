"""From settings to queues: who carries a job's items, and where workers take them from."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from retrograph.clock import Clock, SystemClock
from retrograph.config import Settings
from retrograph.errors import DependencyDown, MissingExtra, UsageError
from retrograph.jobs.courier import QUEUE, Courier
from retrograph.jobs.job import Job

if TYPE_CHECKING:
    from retrograph.enrolment.requests import Batch, LoadRequests
    from retrograph.queue.sqs import Sqs, SqsQueue

SENT_KINDS: Final = frozenset({"purchases", "newly-enabled"})
"""Kinds whose items are users to load from the history services."""

NOT_CONFIGURED: Final = (
    "no queue is configured: set SQS_QUEUE_URL (`retrograph queue create` makes one), or --queue-url"
)


class QueueCouriers:
    """`Couriers` over SQS: a job's own queue, or the configured bulk queue for a job that has none yet."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._queue = settings.queue
        self._clock = clock

    @property
    def retention_seconds(self) -> float:
        return self._queue.retention_seconds

    def check(self, kind: str) -> None:
        if kind not in SENT_KINDS:
            raise UsageError(
                f"jobs of kind {kind} are not sent through a queue: leave the executor out", field="executor"
            )

    async def address(self, named: str | None) -> str:
        where = named or self._queue.url
        if where is None:
            raise UsageError(NOT_CONFIGURED, field="executor")
        async with open_queue(where, self._clock) as queue:
            await queue.ping()
            return queue.url

    async def open(self, job: Job) -> Courier:
        where = job.parameters.queue or self._queue.url
        if where is None:
            raise DependencyDown(QUEUE, f"job {job.key} is sent through a queue, and none is configured here")
        from retrograph.queue.courier import QueueCourier

        sqs = await open_sqs(where, self._clock)
        try:
            queue = await sqs.queue(where)
            return QueueCourier(queue, job, self._clock, sqs.close)
        except BaseException:
            await sqs.close()
            raise


async def open_sqs(url: str | None, clock: Clock) -> "Sqs":
    """A client of the server that an address names. Raises MissingExtra, ConfigurationError."""
    try:
        from retrograph.queue.sqs import Sqs
    except ModuleNotFoundError as error:
        raise MissingExtra("sqs", "aws") from error
    return await Sqs.open(url if url is not None and "://" in url else None, clock)


@asynccontextmanager
async def open_queue(url: str | None, clock: Clock) -> "AsyncIterator[SqsQueue]":
    """A queue by its address or name. Raises UsageError where none is configured."""
    if url is None:
        raise UsageError(NOT_CONFIGURED)
    sqs = await open_sqs(url, clock)
    try:
        yield await sqs.queue(url)
    finally:
        await sqs.close()


class KeptQueue:
    """A queue that is opened when somebody first asks whether it is there, and stays open."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._stack = AsyncExitStack()
        self._queue: SqsQueue | None = None

    async def ping(self) -> None:
        """See `queue.queue.Queue.ping`."""
        if self._queue is None:
            self._queue = await self._stack.enter_async_context(open_queue(self._url, self._clock))
        await self._queue.ping()

    async def close(self) -> None:
        """Gives back what was opened."""
        await self._stack.aclose()


async def look_at_queue(url: str) -> None:
    """Sees whether there is such a queue, and whether it lets us in. Raises NoSuchQueue, NotPermitted,
    DependencyDown."""
    async with open_queue(url, SystemClock()) as queue:
        await queue.ping()


class QueueRequests:
    """`enrolment.requests.LoadRequests` where there is a queue of enrolments: they are sent there, whatever else is
    asked for goes on to `others`."""

    def __init__(
        self, settings: Settings, graph_id: Callable[[], Awaitable[str]], clock: Clock, others: "LoadRequests"
    ) -> None:
        assert settings.queue.enrollment_url is not None
        self._url = settings.queue.enrollment_url
        self._lookback_days = settings.enrolment.lookback_days
        self._graph_id = graph_id
        self._clock = clock
        self._others = others

    async def request(self, batch: "Batch") -> None:
        from retrograph.queue.sender import RequestSender

        if batch.reason != "enrollment":
            return await self._others.request(batch)
        async with open_queue(self._url, self._clock) as queue:
            graph_id = await self._graph_id()
            return await RequestSender(queue, graph_id, self._clock, lookback_days=self._lookback_days).request(batch)
