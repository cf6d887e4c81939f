"""The rows about the queue: a job whose loads do nothing against a bare loop, and what more workers are worth."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock
from uuid import uuid4

import boto3
from botocore.config import Config

from bench.engine_rows import NoKind
from bench.measure import Lap, Options, Row, Sides, Stopwatch
from retrograph.clock import SystemClock
from retrograph.jobs.courier import Courier
from retrograph.jobs.job import Job
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.work import PROCESSED, Outcome
from retrograph.queue.admin import Wanted, create
from retrograph.queue.books import Books
from retrograph.queue.courier import QueueCourier
from retrograph.queue.holding import Lane
from retrograph.queue.message import LoadRequest
from retrograph.queue.outage import Outages
from retrograph.queue.sqs import Sqs, SqsQueue
from retrograph.queue.worker import Station, Worker
from retrograph.service import Service, StartRequest
from retrograph.store.schema import open_database
from tests.integration.command_line import COMMAND, sandbox
from tests.servers.elasticmq import REGION, ElasticMqServer

ROUND_TRIPS: Final = 10_000
USERS: Final = 200
LATENCY_MS: Final = 200
HANDS: Final = 50


class _Loader:
    """Does nothing."""

    async def load(self, request: LoadRequest) -> Outcome:
        del request
        return PROCESSED

    async def ping(self, dependency: str) -> bool:
        del dependency
        return True


class _Forgetful:
    """Remembers nothing."""

    async def is_done(self, request: LoadRequest) -> bool:
        del request
        return False

    async def note(self, request: LoadRequest) -> None:
        del request


class _Couriers:
    """Carries to one queue."""

    retention_seconds = 86_400.0

    def __init__(self, queue: SqsQueue) -> None:
        self._queue = queue

    def check(self, kind: str) -> None:
        del kind

    async def address(self, named: str | None) -> str:
        del named
        return self._queue.url

    async def open(self, job: Job) -> Courier:
        return QueueCourier(self._queue, job, SystemClock(), _nothing)


async def _nothing() -> None:
    """There is nothing to close."""


async def _graph_id() -> str:
    return "graph"


async def _ours(sqs: Sqs, count: int) -> Lap:
    """A job from its start to its end: sent, taken, its outcomes written and counted."""
    clock, watch = SystemClock(), Stopwatch()
    name = f"b{uuid4().hex}"
    queue, _ = await create(sqs, Wanted(name=name, visibility_seconds=600, retention_seconds=3_600, wait_seconds=1))
    with tempfile.TemporaryDirectory() as folder:
        store = SqlJobStore(await open_database(f"sqlite:///{folder}/jobs.db", synchronous="NORMAL"))
        service = Service(store, {"nothing": NoKind(count)}, _graph_id, clock, couriers=_Couriers(queue))
        station = Station(
            graph_id="graph",
            loader=_Loader(),
            books=Books(store, "graph", clock),
            outages=Outages(_Loader().ping, clock),
            memory=_Forgetful(),
            clock=clock,
        )
        worker = Worker(Lane(name="bulk", queue=queue, concurrency=HANDS, wait_seconds=1), station)
        with watch.running():
            working = asyncio.create_task(worker.run())
            request = StartRequest(
                kind="nothing", source=None, parameters={"executor": "queue", "concurrency": 8}, who="bench"
            )
            job = await service.run(await service.start(request))
        worker.stop()
        await working
        assert (job.state, job.counts.processed) == (JobState.SUCCEEDED, count)
        await store.close()
    return _lap(watch, count)


def _lap(watch: Stopwatch, count: int) -> Lap:
    """With what each message costs its client."""
    return watch.lap(count, **{"µs of CPU a message": 1e6 * watch.cpu / count})


def _bare(server: ElasticMqServer, count: int) -> Lap:
    """Ten at a time: send all, then receive and delete until nothing is left."""
    client: Any = boto3.client(
        "sqs",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=Config(proxies={}),
    )
    url = client.create_queue(QueueName=f"r{uuid4().hex}")["QueueUrl"]
    body, watch, left = "x" * 300, Stopwatch(), count
    with watch.running():
        for first in range(0, count, 10):
            some = range(first, min(first + 10, count))
            client.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": body} for n in some])
        while left:
            found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
            if entries:
                client.delete_message_batch(QueueUrl=url, Entries=entries)
            left -= len(found)
    return _lap(watch, count)


@asynccontextmanager
async def _round_trip(options: Options) -> AsyncIterator[Sides]:
    count = 50 if options.tiny else ROUND_TRIPS
    with ElasticMqServer() as server, mock.patch.dict(os.environ, server.client_environment):
        sqs = await Sqs.open(None, SystemClock())

        async def bare() -> Lap:
            return await asyncio.to_thread(_bare, server, count)

        try:
            yield Sides(ours=partial(_ours, sqs, count), reference=bare)
        finally:
            await sqs.close()


async def _loaded_by(workers: int, users: Sequence[str], environment: dict[str, str]) -> Lap:
    """The same users, by so many processes of `retrograph worker`, each with 5 loads at a time; by the job's own clock,
    so that what a process takes to start is left out."""
    with tempfile.TemporaryDirectory() as folder:
        own = {**environment, "RETROGRAPH_ENVIRONMENT": f"b{uuid4().hex[:8]}", "RETROGRAPH_QUEUE_WAIT_SECONDS": "1"}
        made = await _command(folder, own, "queue", "create", "--queue", "bulk")
        own["SQS_QUEUE_URL"] = made.strip().partition("=")[2]
        _write(folder, users)
        processes = [_started(folder, own) for _ in range(workers)]
        try:
            for process in processes:
                assert process.stderr is not None
                await asyncio.to_thread(process.stderr.readline)
            ids = ["backfill", "purchases", "--user-file", "ids.txt", "--as-of", "2018-01-02", "--rate-limit", "10000"]
            job = json.loads(await _command(folder, own, *ids, "--executor", "queue", "--json"))
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                await asyncio.to_thread(process.communicate)
    assert job["processed"] == len(users), job
    return Lap(seconds=job["elapsed_ms"] / 1000, cpu=0.0, amount=len(users))


async def _command(folder: str, environment: dict[str, str], *arguments: str) -> str:
    ended = await asyncio.to_thread(
        partial(subprocess.run, [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    )
    assert ended.returncode == 0, ended.stderr
    return str(ended.stdout)


def _started(folder: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen([*COMMAND, "worker"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def _write(folder: str, users: Sequence[str]) -> None:
    Path(folder, "ids.txt").write_text("\n".join(users))


def _lines(folder: str) -> list[str]:
    return Path(folder, "ids.txt").read_text().split()


def _slow_down(url: str) -> None:
    """Every answer of every service takes so long."""
    body = json.dumps({"service": "all", "latency": {"fixed_ms": LATENCY_MS}}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/sandbox/faults", data=body, method="PUT"), timeout=30).close()


@asynccontextmanager
async def _workers(count: int, options: Options) -> AsyncIterator[Sides]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(sandbox(Path(folder), "--write-ids", "ids.txt"))
        _slow_down(url)
        users = _lines(folder)[: 10 if options.tiny else USERS]
        server = stack.enter_context(ElasticMqServer())
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RETROGRAPH_")}
        environment = {**kept, **server.client_environment, "RETROGRAPH_UPSTREAM": url}
        yield Sides(
            ours=partial(_loaded_by, count, users, environment), reference=partial(_loaded_by, 1, users, environment)
        )


ROWS: Final = (
    Row(
        name="queue-round-trip",
        work="a job of 10,000 loads that do nothing, through the queue, each outcome written and counted",
        reference="a bare boto3 loop: send, receive and delete as many messages, ten at a time",
        goal=None,
        unit="loads/s",
        sides=_round_trip,
    ),
    *(
        Row(
            name=f"queue-{words}-workers",
            work=f"{USERS} users by {count} workers, each 5 at a time; every call takes {LATENCY_MS} ms",
            reference="the same by one worker",
            goal=None,
            unit="users/s",
            sides=partial(_workers, count),
        )
        for words, count in (("two", 2), ("four", 4))
    ),
)
