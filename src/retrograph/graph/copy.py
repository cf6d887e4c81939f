"""Copies one graph into another through the same join, so a copy may be repeated, interrupted and resumed.

Facts travel with their ranks and days; everything derived is derived anew in the target. Where a copy has come to is
noted on the target's meta node, by the source's id.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from retrograph.clock import Clock
from retrograph.errors import WriteFailed
from retrograph.facts import CategoryFact, Facts, ProductFact, RetailerFact, SharedFacts, UserFacts
from retrograph.graph.digest import SHARED_LABELS, SHARED_PAGE, Digest, digest, key_of
from retrograph.graph.identified import identified, identity_facts
from retrograph.graph.identity_writer import IdentityWriter
from retrograph.graph.merge import held_receipts
from retrograph.graph.model import StoredPurchase
from retrograph.graph.records import CategoryRecord, ProductRecord, RetailerRecord, SharedRecord, UserRecord
from retrograph.graph.recount import recount_until_clear
from retrograph.graph.retry import repeated
from retrograph.graph.shared import Knowledge
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter, upsert_shared

USERS_AT_A_TIME: Final = 200
PHASES: Final = (*SHARED_LABELS, "User")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """How a copy ended. `resumed`: it went on where an earlier one had stopped."""

    source: Digest
    target: Digest
    nodes: int
    resumed: bool

    @property
    def equal(self) -> bool:
        """Whether both graphs hold the same."""
        return self.source.digest == self.target.digest


class _Position(msgspec.Struct, frozen=True):
    """The last key of a phase that is in the target."""

    phase: str
    after: str


Progress = Callable[[str, int], None]
"""Called with the label and the number of its nodes copied since the last call."""


async def copy(source: GraphStore, target: GraphStore, clock: Clock, progress: Progress | None = None) -> CopyReport:
    """Joins all that the source holds into the target; both are open and at rest.

    A resumed copy that ends with unequal digests (the source had grown behind it) goes over everything once more, and
    so does one that the target refuses (a node that was copied before has been taken away again).
    """
    run = _Copy(source, target, clock, progress or (lambda _label, _count: None))
    start = await run.position()
    report = await run.finish(await run.resumed(start), resumed=start is not None)
    if report.equal or start is None:
        return report
    return await run.finish(await run.walk(None), resumed=True)


@dataclass(frozen=True, slots=True)
class _Copy:
    source: GraphStore
    target: GraphStore
    clock: Clock
    progress: Progress

    @property
    def _note(self) -> str:
        return f"copy:{self.source.identity.graph_id}"

    async def position(self) -> _Position | None:
        noted = await self.target.note(self._note)
        return msgspec.json.decode(noted, type=_Position) if noted else None

    async def _remember(self, phase: str, after: str) -> None:
        position = msgspec.json.encode(_Position(phase, after)).decode()
        await repeated(self.target, self.clock, lambda: self.target.set_note(self._note, position))

    async def resumed(self, start: _Position | None) -> int:
        try:
            return await self.walk(start)
        except WriteFailed:
            if start is None:
                raise
            return await self.walk(None)

    async def walk(self, start: _Position | None) -> int:
        copied = 0
        first = PHASES.index(start.phase) if start is not None else 0
        for phase in PHASES[first:]:
            after = start.after if start is not None and start.phase == phase else ""
            copied += await (self._users(after) if phase == "User" else self._shared(phase, after))
        return copied

    async def _shared(self, label: str, after: str) -> int:
        copied, knowledge = 0, Knowledge(limit=SHARED_PAGE)
        while page := await self.source.scan_shared(label, after, SHARED_PAGE):
            facts = shared_facts(page)
            await repeated(
                self.target,
                self.clock,
                lambda: upsert_shared(self.target, knowledge, facts, self.clock),  # noqa: B023
            )
            after = key_of(page[-1])
            await self._remember(label, after)
            self.progress(label, len(page))
            copied += len(page)
        return copied

    async def _users(self, after: str) -> int:
        copied = 0
        async with GraphWriter(self.target, self.clock) as writer:
            while page := await self.source.scan_users(after, USERS_AT_A_TIME):
                await asyncio.gather(*(writer.join(Facts(user=user_facts(user))) for user in page))
                await self._identities(page)
                after = page[-1].user_id
                await self._remember("User", after)
                self.progress("User", len(page))
                copied += len(page)
        return copied

    async def _identities(self, page: Sequence[UserRecord]) -> None:
        known = [identity_facts(user) for user in await identified(self.source, page) if user.identifiers]
        if known:
            await IdentityWriter(self.target, self.clock).join(known)

    async def finish(self, nodes: int, *, resumed: bool) -> CopyReport:
        # Marks that wait in the source would make it differ from what its own facts say.
        await recount_until_clear(self.source, self.clock)
        await recount_until_clear(self.target, self.clock)
        report = CopyReport(
            source=await digest(self.source), target=await digest(self.target), nodes=nodes, resumed=resumed
        )
        await repeated(self.target, self.clock, lambda: self.target.set_note(self._note, None))
        return report


def shared_facts(records: Sequence[SharedRecord]) -> SharedFacts:
    """The facts that stored nodes hold."""
    products: dict[str, ProductFact] = {}
    categories: dict[str, CategoryFact] = {}
    retailers: dict[str, RetailerFact] = {}
    for record in records:
        match record:
            case ProductRecord():
                products[record.product_id] = record.fact
            case CategoryRecord():
                categories[record.category_id] = record.fact
            case RetailerRecord():
                retailers[record.name] = record.fact
    return SharedFacts(products=products, categories=categories, retailers=retailers)


def user_facts(user: UserRecord) -> UserFacts:
    """The facts that a stored user's edges hold; what is derived stays behind."""
    edges: dict[str, list[StoredPurchase]] = {}
    for edge in user.purchases:
        stored = StoredPurchase(edge.receipt_ids, edge.timestamps, edge.times or 0, False)
        edges.setdefault(edge.product_id, []).append(stored)
    visits: dict[str, frozenset[str]] = {}
    for visit in user.visits:
        visits[visit.retailer] = visits.get(visit.retailer, frozenset()).union(visit.receipt_ids)
    return UserFacts(
        user_id=user.user_id,
        purchases={product_id: held_receipts(parallel) for product_id, parallel in edges.items()},
        visits=visits,
        retracted=frozenset(user.retracted),
        first_seen_at=user.first_seen_at,
        loaded=user.loaded,
    )
