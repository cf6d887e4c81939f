"""The recount pass: what depends on a shared node's category is rewritten after that category has changed.

`SHOPS_IN` depends on a property of a node that users share, so a category that comes late, or changes, would make
the counts depend on order. Whoever changes one leaves a mark in the same transaction. The pass notes the marks, waits
until no write transaction that began before remains (it could still commit a count by the old category), walks the
purchasers under their locks, and takes off each mark that is still the same one.

Two passes at once would be harmless, only wasteful: the lease on the graph itself keeps it to one.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from retrograph.clock import Clock, to_millis
from retrograph.errors import RetrographError
from retrograph.facts import SharedFacts
from retrograph.graph import position
from retrograph.graph.merge import recount
from retrograph.graph.model import Mark, ProductChange, SharedChanges, SharedKeys, StoredShared, Wanted
from retrograph.graph.position import USERS_BETWEEN_NOTES, Position
from retrograph.graph.retry import repeated
from retrograph.graph.shared import Knowledge, category_of, join_shared, path_of
from retrograph.graph.store import GraphStore, StaleKnowledge
from retrograph.graph.writer import upsert_shared, write_changes

LEASE_SECONDS: Final = 15.0
RENEWAL_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
USERS_AT_A_TIME: Final = 50
PRODUCTS_AT_A_TIME: Final = 500
MARKS_AT_A_TIME: Final = 500


class PassLost(Exception):
    """The lease ran out while this pass was walking; the marks it has not cleared are there for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecountReport:
    """What passes did: marks walked, users recounted, products given their category's hierarchy."""

    marks: int = 0
    users: int = 0
    products: int = 0


async def recount_until_clear(graph: GraphStore, clock: Clock) -> RecountReport:
    """Runs passes, or waits for another process's pass, until none of the marks is left that are there now: what the
    end of a job waits for.

    Marks that others make meanwhile are theirs: beside busy live consumers there may always be some. A pass that an
    outage breaks is begun anew; DependencyDown where the outage lasts.
    """
    total = RecountReport()
    mine = frozenset(await repeated(graph, clock, graph.marks))
    while mine:
        report = await repeated(graph, clock, partial(run_pass, graph, clock))
        if report is None:
            await clock.sleep(POLL_SECONDS)
        else:
            total = RecountReport(
                marks=total.marks + report.marks,
                users=total.users + report.users,
                products=total.products + report.products,
            )
        mine = mine.intersection(await repeated(graph, clock, graph.marks))
    return total


async def run_pass(graph: GraphStore, clock: Clock) -> RecountReport | None:
    """One pass over the marks that are there now; `None` if another process runs one, or took this one over."""
    lease = _Lease(graph, clock)
    async with lease.held() as held:
        if not held:
            return None
        try:
            return await _Pass(graph, clock, lease).run()
        except PassLost:
            return None


class _Lease:
    """The right to run a pass, renewed by a task of its own while the pass waits or walks."""

    def __init__(self, graph: GraphStore, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._lost = False

    def check(self) -> None:
        if self._lost:
            raise PassLost

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        if not await self._graph.take_recount_lease(self._holder, LEASE_SECONDS):
            yield False
            return
        renewal = asyncio.create_task(self._renew(), name="recount-lease")
        try:
            yield True
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal
            with suppress(RetrographError):  # it ends by itself, and what the pass met tells more
                await self._graph.release_recount_lease(self._holder)

    async def _renew(self) -> None:
        while not self._lost:
            await self._clock.sleep(RENEWAL_SECONDS)
            try:
                self._lost = not await self._graph.take_recount_lease(self._holder, LEASE_SECONDS)
            except Exception:  # the walk meets the same trouble and reports it
                self._lost = True


@dataclass(frozen=True, slots=True)
class _Pass:
    graph: GraphStore
    clock: Clock
    lease: _Lease

    async def run(self) -> RecountReport:
        marks = await self.graph.marks()
        if not marks:
            return RecountReport()
        await self.graph.settle()
        products = await self._categories([mark for mark in marks if mark.label == "Category"])
        users = await self._products([mark for mark in marks if mark.label == "Product"])
        return RecountReport(marks=len(marks), users=users, products=products)

    async def _categories(self, marks: Sequence[Mark]) -> int:
        rewritten = 0
        for mark in marks:
            rewritten += await self._rewrite_products(mark.key)
            await self._clear([mark])
        return rewritten

    async def _products(self, marks: Sequence[Mark]) -> int:
        """Goes on with the products whose purchasers an earlier pass has begun to walk, then begins with the others."""
        last = await position.noted(self.graph)
        begun = last.begun(marks)
        users = await self._product_marks(begun, last.after) if begun else 0
        others = [mark for mark in marks if mark not in set(begun)]
        for start in range(0, len(others), MARKS_AT_A_TIME):
            users += await self._product_marks(others[start : start + MARKS_AT_A_TIME], "")
        return users

    async def _product_marks(self, marks: Sequence[Mark], after: str) -> int:
        users = await self._recount_purchasers(marks, after)
        await self._clear(marks)
        if after or users >= USERS_BETWEEN_NOTES:
            await repeated(self.graph, self.clock, partial(position.forget, self.graph))
        return users

    async def _rewrite_products(self, category_id: str) -> int:
        """Gives a category's products its present hierarchy. Whoever moves a product locks the category that it moves
        into, so under the category's lock nothing else does."""
        after, rewritten = "", 0
        while True:
            self.lease.check()
            page = await repeated(self.graph, self.clock, partial(self._rewrite_page, category_id, after))
            rewritten += len(page)
            if len(page) < PRODUCTS_AT_A_TIME:
                return rewritten
            after = page[-1]

    async def _rewrite_page(self, category_id: str, after: str) -> list[str]:
        async with self.graph.transaction() as transaction:
            await transaction.lock_shared(SharedKeys(categories=[category_id]))
            page = await transaction.products_of(category_id, after, PRODUCTS_AT_A_TIME)
            stored = await transaction.lock_shared(SharedKeys(categories=[category_id], products=page))
            changes = _hierarchy_changes(stored, category_id)
            if not changes.empty:
                await transaction.write_shared(changes)
        return page

    async def _recount_purchasers(self, marks: Sequence[Mark], after: str) -> int:
        users, noted_at = 0, 0
        products = [mark.key for mark in marks]
        async with aclosing(self.graph.purchasers(products, USERS_AT_A_TIME, after)) as pages:
            async for page in pages:
                self.lease.check()
                await repeated(self.graph, self.clock, partial(self._recount_page, sorted(page), []))
                users += len(page)
                if users - noted_at >= USERS_BETWEEN_NOTES:
                    here = Position.of(marks, page[-1])
                    await repeated(self.graph, self.clock, partial(position.note, self.graph, here))
                    noted_at = users
        return users

    async def _recount_page(self, user_ids: Sequence[str], missing: list[SharedFacts]) -> None:
        """`missing` gathers categories that somebody has taken away, which are made again by the next try."""
        await upsert_shared(self.graph, Knowledge(), join_shared(missing), self.clock)
        async with self.graph.transaction() as transaction:
            await transaction.lock_users(user_ids)
            batch = await transaction.read_users([Wanted(user_id=user_id, whole=True) for user_id in user_ids], [])
            changes = [recount(batch.users[user_id], user_id, batch.product_categories) for user_id in user_ids]
            try:
                await write_changes(transaction, changes, to_millis(self.clock.now()))
            except StaleKnowledge as error:
                missing.append(error.missing)
                raise

    async def _clear(self, marks: Sequence[Mark]) -> None:
        self.lease.check()

        async def clear() -> None:
            async with self.graph.transaction() as transaction:
                await transaction.clear_marks(marks)

        await repeated(self.graph, self.clock, clear)


def _hierarchy_changes(stored: StoredShared, category_id: str) -> SharedChanges:
    hierarchy = path_of(stored.categories[category_id].fact)
    return SharedChanges(
        products=[
            ProductChange(
                product_id=product_id,
                fact=product.fact,
                category_hierarchy=hierarchy,
                category_changed=False,
            )
            for product_id, product in stored.products.items()
            if category_of(product.fact) == category_id and product.category_hierarchy != hierarchy
        ]
    )
