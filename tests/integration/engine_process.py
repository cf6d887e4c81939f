"""A process that runs one job of the engine: each item is a line in a file, and nothing else.

Arguments: store URL, file, items, seconds of the lease, milliseconds for an item, whether to run once.
Its exit code: 0 done, 4 another process's, 3 otherwise.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from retrograph.clock import SystemClock
from retrograph.errors import LeaseLost
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.progress import Progress
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.work import PROCESSED, Outcome, Permit, Source, unconditionally
from retrograph.service import Engine, Service, StartRequest
from retrograph.store.schema import open_database


class WritesLines:
    """Appends each item to a file: what was done shows, however the process ended."""

    calls_services = False
    fixed_key = None
    grows = False
    name = "lines"

    def __init__(self, file: Path, items: int, milliseconds: float) -> None:
        self._file = file.open("a", buffering=1)
        self._items = items
        self._seconds = milliseconds / 1000

    async def resolve(self, source: object) -> Resolved:
        del source

        async def ids() -> AsyncIterator[str]:
            for number in range(1, self._items + 1):
                yield str(number)

        return Resolved(digest=str(self._items), ids=ids())

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del job
        return frozen

    async def open_load(self, job: Job) -> "WritesLines":
        del job
        return self

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        await asyncio.sleep(self._seconds)
        self._file.write(f"{key}\n")
        return PROCESSED

    async def ping(self, dependency: str) -> bool:
        del dependency
        return True

    async def finish(self) -> None:
        return None

    async def close(self) -> None:
        self._file.flush()


class Says:
    """Prints what a person would read."""

    def progressed(self, progress: Progress) -> None:
        del progress

    def said(self, sentence: str) -> None:
        print(sentence, flush=True)


async def main(url: str, file: str, items: str, lease: str, milliseconds: str, once: str = "") -> int:
    store = SqlJobStore(await open_database(url, synchronous="NORMAL"))
    kind = WritesLines(Path(file), int(items), float(milliseconds))

    async def graph() -> str:
        return "graph"

    engine = Engine(lease_seconds=float(lease), exclusive=frozenset({"lines"}))
    service = Service(store, {"lines": kind}, graph, SystemClock(), engine)
    try:
        parameters: dict[str, object] = {"batch_size": 20}
        answer = await service.start(StartRequest(kind="lines", source=None, parameters=parameters, who="test"), Says())
        if not answer.started:
            print(answer.reason, flush=True)
            return 0 if answer.reason == "complete" else 4
        print("running", flush=True)
        job = await service.run(answer, Says(), once=bool(once))
        return 0 if job.state is JobState.SUCCEEDED else 3
    except LeaseLost as error:
        print(f"lost: {error}", flush=True)
        return 4
    finally:
        await service.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
