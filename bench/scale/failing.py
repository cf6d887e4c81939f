"""`python -m bench.scale.failing STORE ITEMS walk|retry`: a job nearly all of whose items fail.

Every hundredth succeeds, because a job pauses after a thousand failures in a row.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from retrograph.cli.session import spare_the_interpreter
from retrograph.clock import SystemClock
from retrograph.errors import ServiceFailed
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.queries import Selection
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.state import JobState
from retrograph.jobs.work import PROCESSED, Load, Outcome, Permit, Source, unconditionally
from retrograph.service import Service, StartRequest
from retrograph.store.schema import open_database


class _Failing:
    """A load that fails as a service does that knows nobody, or mends everything."""

    def __init__(self, mends: bool) -> None:
        self._mends = mends

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        del permit
        if self._mends or key.endswith("99"):
            return PROCESSED
        raise ServiceFailed(f"shop-orders: /user/{key}/transaction was answered with 404", dependency=None)

    async def ping(self, dependency: str) -> bool:
        del dependency
        return True

    async def finish(self) -> None:
        return None

    async def close(self) -> None:
        return None


class _Kind:
    name = "failing"
    calls_services = False
    fixed_key = None
    grows = False

    def __init__(self, items: int, mends: bool) -> None:
        self._items = items
        self._mends = mends

    async def resolve(self, source: object) -> Resolved:
        return Resolved(source={}, digest="sha256:0", ids=self._ids())

    async def _ids(self) -> AsyncIterator[str]:
        for number in range(self._items):
            yield f"user-{number:09d}"

    async def open_source(self, job: Job, frozen: Source) -> Source:
        del job
        return frozen

    async def open_load(self, job: Job) -> Load:
        del job
        return _Failing(self._mends)


async def _graph_id() -> str:
    return "scale"


async def main(file: str, items: int, verb: str) -> None:
    store = SqlJobStore(await open_database(f"sqlite:///{file}", synchronous="NORMAL"))
    service = Service(store, {"failing": _Kind(items, verb == "retry")}, _graph_id, SystemClock())
    given = {"max_consecutive_failures": 1_000}
    if verb == "retry":
        answer = await service.retry("failing", Selection(), "scale", given)
    else:
        request = StartRequest(kind="failing", source=None, key="failing", who="scale", parameters=given)
        answer = await service.start(request)
    job = await service.run(answer, once=True)
    left = 0 if verb == "retry" else items - items // 100
    assert (job.state, job.counts.failed) == (JobState.SUCCEEDED, left), job
    await service.close()


if __name__ == "__main__":
    spare_the_interpreter()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
