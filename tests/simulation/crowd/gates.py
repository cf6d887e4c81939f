"""How events come in: a family whose documents are numbers of a world's happenings, and flags that are seen late."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from retrograph.errors import UndecodableEvent
from retrograph.events.event import Skipped
from retrograph.facts import Facts
from retrograph.graph.writer import GraphWriter
from retrograph.loading.events import Receipts, Received
from tests.simulation.crowd.plan import CrowdPlan, Happening
from tests.simulation.loop import SimulatedLoop

GARBAGE: Final = b"garbage"


class Events:
    """See `loading.events.Family`: how events of one user are joined, and written, is the product's own."""

    def __init__(self, plan: CrowdPlan, writer: GraphWriter) -> None:
        self._plan = plan
        self._receipts = Receipts(writer)

    def decode(self, event: Received) -> Happening | Skipped:
        if event.payload == GARBAGE:
            raise UndecodableEvent("it is garbage")
        return self._plan.happenings[int(event.payload)]

    def facts(self, event: Happening, left_out: Counter[str]) -> Facts | None:
        del left_out
        return event.facts

    def together(self, facts: Sequence[Facts]) -> Facts:
        return self._receipts.together(facts)

    async def write(self, facts: Sequence[Facts]) -> list[Exception | None]:
        return await self._receipts.write(facts)


class LateFlags:
    """Whom the flag covers, as a process saw it when it last looked: it looks when what it knows is too old."""

    def __init__(self, plan: CrowdPlan, loop: SimulatedLoop) -> None:
        self._plan = plan
        self._loop = loop
        self._looked_at = float("-inf")
        self._covered: frozenset[str] = frozenset()

    async def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]:
        del flag
        now = self._loop.time()
        if now - self._looked_at > self._plan.refresh_seconds:
            self._looked_at = now
            self._covered = covered_at(self._plan, now)
        return self._covered.intersection(user_ids)


def covered_at(plan: CrowdPlan, now: float) -> frozenset[str]:
    """Whom the flag covers at a moment."""
    return plan.covered.union(one.user_id for one in plan.openings if one.by == "flag" and one.at <= now)
