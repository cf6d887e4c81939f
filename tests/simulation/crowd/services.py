"""History services that tell of a purchase only some time after it has happened, and whoever loads from them."""

import asyncio
from typing import Final

from retrograph.clock import Clock
from retrograph.errors import DependencyDown, ServiceFailed
from retrograph.facts import Facts, Loaded, UserFacts
from retrograph.graph.merge import join_user
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.shared import join_shared
from retrograph.graph.writer import GraphWriter
from retrograph.jobs.work import Outcome, Permit, unconditionally
from retrograph.queue.message import LoadRequest
from tests.simulation.crowd.plan import CrowdPlan, Happening
from tests.simulation.engines import ODD, SERVICE, odd
from tests.simulation.graph import SimulatedGraph
from tests.simulation.process import EPOCH_MILLIS, Process, ProcessClock

SECONDS: Final = 0.3
"""How long they take, on average."""


class Services:
    """What they know, and how often they fail first."""

    def __init__(self, plan: CrowdPlan) -> None:
        self._plan = plan
        self._attempts: dict[str, int] = {}

    def history(self, user_id: str, now: float, until: int) -> Facts:
        """A full load: all of a user's happenings before `until` (milliseconds) that are told by now. Raises
        ItemError."""
        attempt = self._attempts[user_id] = self._attempts.get(user_id, 0) + 1
        if attempt <= self._plan.failures.get(user_id, 0):
            raise ServiceFailed(f"the history of {user_id} did not come", dependency=SERVICE)
        told = [
            one
            for one in self._plan.happenings
            if one.user_id == user_id and one.at + one.told_after <= now and EPOCH_MILLIS + one.at * 1000 < until
        ]
        return history_of(user_id, told, Loaded(at=until, by="crowd"))


def history_of(user_id: str, told: "list[Happening]", loaded: Loaded) -> Facts:
    """What these come to."""
    user = UserFacts(user_id=user_id, loaded=loaded)
    for one in told:
        user = join_user(user, one.facts.user)
    return Facts(user=user, shared=join_shared([one.facts.shared for one in told]))


class Loading:
    """`jobs.work.Load` of a job, and `queue.worker.Loader` of a worker, in one process."""

    def __init__(self, process: Process, graph: SimulatedGraph, writer: GraphWriter, services: Services) -> None:
        self._process = process
        self._graph = graph
        self._writer = writer
        self._services = services
        self._clock: Clock = ProcessClock(process)

    async def of(self, user_id: str, until: int, permit: Permit = unconditionally) -> Outcome:
        """Loads a user as of an instant, excluded."""
        await asyncio.sleep(self._process.script.random.expovariate(1 / SECONDS))

        async def answered() -> Facts:
            return self._services.history(user_id, self._process.loop.time(), until)

        facts = await self._process.ask(f"history of {user_id}", answered, _unanswered, lambda: None)
        await self._writer.join(facts, permit)
        return Outcome(status="processed", refused={ODD: odd(user_id)}, found={ODD: odd(user_id)})

    async def ping(self, dependency: str) -> bool:
        if dependency == SERVICE:
            return True
        try:
            await self._graph.ping()
        except DependencyDown:
            return False
        return True

    async def finish(self) -> None:
        await recount_until_clear(self._graph, self._clock)


class JobLoading:
    """Of a job, as of its own instant."""

    def __init__(self, loading: Loading, as_of: int) -> None:
        self._loading = loading
        self._as_of = as_of

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        return await self._loading.of(key, self._as_of, permit)

    async def ping(self, dependency: str) -> bool:
        return await self._loading.ping(dependency)

    async def finish(self) -> None:
        await self._loading.finish()

    async def close(self) -> None:
        pass


class WorkerLoading:
    """Of a worker: a request says as of when."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading

    async def load(self, request: LoadRequest) -> Outcome:
        assert request.until is not None
        return await self._loading.of(request.user_id, request.until)

    async def ping(self, dependency: str) -> bool:
        return await self._loading.ping(dependency)


def _unanswered(message: str) -> Exception:
    return ServiceFailed(message, dependency=SERVICE)
