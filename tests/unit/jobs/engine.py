"""A service over a real embedded store, with a load whose every answer a test writes down."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from retrograph.jobs.courier import Couriers
from retrograph.jobs.job import Job
from retrograph.jobs.kind import Resolved
from retrograph.jobs.progress import Progress
from retrograph.jobs.sql_store import SqlJobStore
from retrograph.jobs.work import PROCESSED, Item, Outcome, Permit, Source, unconditionally
from retrograph.service import Engine, Service, StartAnswer, StartRequest
from retrograph.store.schema import open_database
from tests.unit.jobs.clocks import SteppedClock


class ScriptedLoad:
    """Answers each item what `script` says for it; without a word it is processed."""

    def __init__(self) -> None:
        self.script: dict[str, Exception | Outcome] = {}
        self.calls: list[str] = []
        self.done: Counter[str] = Counter()
        self.down: set[str] = set()
        self.pings = 0
        self.finished = 0
        self.closed = 0
        self.at_finish: Callable[[], None] = lambda: None
        self.during: Callable[[str], object] = lambda key: None
        self.gates: dict[str, asyncio.Event] = {}

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        self.calls.append(key)
        self.during(key)
        if key in self.gates:
            await self.gates[key].wait()
        answer = self.script.get(key, PROCESSED)
        if isinstance(answer, Exception):
            raise answer
        self.done[key] += 1
        return answer

    async def ping(self, dependency: str) -> bool:
        self.pings += 1
        return dependency not in self.down

    async def finish(self) -> None:
        self.at_finish()
        self.finished += 1

    async def close(self) -> None:
        self.closed += 1


class Growing:
    """A source that has as many items as its bound says."""

    def __init__(self, bound: str) -> None:
        self._bound = int(bound)

    async def discover(self) -> int | None:
        return self._bound

    async def walk(self, after: str | None) -> AsyncIterator[Item]:
        for number in range(int(after or 0) + 1, self._bound + 1):
            yield Item(f"user-{number}", str(number))


class Scripted:
    """A kind whose source is a list of ids, or, where it grows, a number of rows."""

    calls_services = False

    def __init__(self, name: str, load: ScriptedLoad, *, grows: bool = False) -> None:
        self.name = name
        self.grows = grows
        self.fixed_key = "table" if grows else None
        self._load = load
        self.opening: Exception | None = None

    async def resolve(self, source: object) -> Resolved:
        if isinstance(source, Resolved):
            return source
        if isinstance(source, int):
            return Resolved(digest="table", bound=str(source))
        assert isinstance(source, list)

        async def ids() -> AsyncIterator[str]:
            for identifier in source:
                yield identifier

        return Resolved(source={"inline": len(source)}, digest=str(len(source)), ids=ids())

    async def open_source(self, job: Job, frozen: Source) -> Source:
        return Growing(job.spec.bound or "0") if self.grows else frozen

    async def open_load(self, job: Job) -> ScriptedLoad:
        del job
        if self.opening is not None:
            raise self.opening
        return self._load


class Notes:
    """Somebody who looks on and remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.looks: list[Progress] = []

    def progressed(self, progress: Progress) -> None:
        self.looks.append(progress)

    def said(self, sentence: str) -> None:
        self.sentences.append(sentence)


class World:
    """One store file, and what works over it."""

    def __init__(self, path: Path, *, lease_seconds: float = 15.0) -> None:
        self.url = f"sqlite:///{path / 'jobs.db'}"
        self.lease_seconds = lease_seconds
        self.load = ScriptedLoad()
        self.clock = SteppedClock()
        self.notes = Notes()
        self.graph = "graph-1"
        self.couriers: Couriers | None = None
        self.kinds: Mapping[str, Scripted] = {
            "purchases": Scripted("purchases", self.load),
            "identity": Scripted("identity", self.load, grows=True),
        }
        self.store: SqlJobStore
        self.service: Service

    async def __aenter__(self) -> "World":
        self.store, self.service = await self.process("me")
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.store.close()

    async def process(self, holder: str) -> tuple[SqlJobStore, Service]:
        """Another process's store and service."""

        async def graph() -> str:
            return self.graph

        store = SqlJobStore(await open_database(self.url, synchronous="NORMAL"))
        engine = Engine(lease_seconds=self.lease_seconds, holder=holder)
        return store, Service(store, self.kinds, graph, self.clock, engine, couriers=self.couriers)

    async def start(
        self, source: object = None, kind: str = "purchases", key: str | None = None, **parameters: object
    ) -> StartAnswer:
        wanted = users(10) if source is None else source
        request = StartRequest(kind=kind, source=wanted, parameters=parameters, key=key, who="ann")
        return await self.service.start(request, self.notes)

    async def run(
        self,
        source: object = None,
        kind: str = "purchases",
        key: str | None = None,
        *,
        once: bool = True,
        **parameters: object,
    ) -> Job:
        answer = await self.start(source, kind, key, **parameters)
        assert answer.started, answer.message
        return await self.service.run(answer, self.notes, once=once)


def users(count: int) -> list[str]:
    return [f"user-{number}" for number in range(1, count + 1)]


async def until(condition: Callable[[], bool]) -> None:
    """Lets everything else go on until something is so."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.0005)
    raise AssertionError("it never came")


def numbers(job: Job) -> Mapping[str, int]:
    counts = job.counts
    return {"processed": counts.processed, "failed": counts.failed, "skipped": counts.skipped}
