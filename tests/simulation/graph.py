"""The graph port over a simulated server: every verb is a step or several, and between two anything may happen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Final, TypeVar

from retrograph.errors import DependencyDown
from retrograph.graph.model import SCHEMA_VERSION, GraphIdentity, Mark
from retrograph.graph.records import (
    CategoryRecord,
    GraphStats,
    ProductRecord,
    RetailerRecord,
    SharedRecord,
    UserRecord,
)
from retrograph.graph.store import (
    DEPENDENCY,
    WRITE_TIMEOUT_SECONDS,
    GraphStore,
    GraphTransaction,
    TransientGraphError,
)
from tests.simulation.identities import NoIdentities
from tests.simulation.process import Process, ProcessClock
from tests.simulation.server import GraphServer
from tests.simulation.state import Category, Product, State, user_record
from tests.simulation.transaction import SimulatedTransaction

T = TypeVar("T")

SETTLE_POLL_SECONDS: Final = 0.05
PURCHASERS_PER_PAGE: Final = 2


def _cut(message: str) -> Exception:
    return TransientGraphError(message, outage=True)


class SimulatedGraph(NoIdentities):
    """One process's connection; see `graph.store.GraphStore`."""

    def __init__(self, server: GraphServer, process: Process, lanes: int = 2) -> None:
        self._server = server
        self._process = process
        self._lanes = 1 if server.embedded else lanes

    @property
    def url(self) -> str:
        return f"simulated://{self._server.name}"

    @property
    def identity(self) -> GraphIdentity:
        return GraphIdentity(graph_id=self._server.name, schema_version=SCHEMA_VERSION)

    @property
    def lanes(self) -> int:
        return self._lanes

    async def open(self, *, create: bool = True, migrate: bool = False) -> None:
        del create, migrate

    async def close(self) -> None:
        pass

    async def ping(self) -> None:
        try:
            await self._ask("ping", lambda state: None)
        except TransientGraphError as error:
            raise DependencyDown(DEPENDENCY, str(error)) from error

    async def _ask(self, what: str, read: Callable[[State], T]) -> T:
        async def work() -> T:
            self._server.answer()
            return read(self._server.state)

        return await self._process.ask(f"{self._server.name}.{what}", work, _cut, lambda: None)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[GraphTransaction]:
        transaction = SimulatedTransaction(self._server, self._process)
        await transaction.begin()
        try:
            yield transaction
            await transaction.commit()
        except asyncio.CancelledError:
            transaction.abandon()
            raise
        except BaseException:
            with suppress(Exception):
                await transaction.roll_back()
            raise

    async def marks(self) -> list[Mark]:
        async def work() -> list[Mark]:
            self._server.answer()
            state = self._server.state
            found = [Mark(label="Category", key=key, token=n.mark) for key, n in state.categories.items() if n.mark]
            await asyncio.sleep(self._server.random.expovariate(1000))
            return found + [Mark(label="Product", key=key, token=n.mark) for key, n in state.products.items() if n.mark]

        return await self._process.ask(f"{self._server.name}.marks", work, _cut, lambda: None)

    async def settle(self) -> None:
        if self._server.embedded:
            return
        clock = ProcessClock(self._process)
        if not self._server.may_list:
            await clock.sleep(2 * WRITE_TIMEOUT_SECONDS)
            return
        begun, pause = set(await self._ask("settle", lambda _: self._server.under_way())), SETTLE_POLL_SECONDS
        while begun:
            await clock.sleep(pause)
            pause = min(2 * pause, 2.0)
            begun &= set(await self._ask("settle", lambda _: self._server.under_way()))

    async def purchasers(
        self, product_ids: Sequence[str], limit: int, after: str = ""
    ) -> AsyncGenerator[list[str], None]:
        wanted = frozenset(product_ids)

        def page(state: State) -> list[str]:
            found = sorted(
                user_id
                for user_id, user in state.users.items()
                if user_id > after and any(edge.product_id in wanted for edge in user.purchases)
            )
            return found[: min(limit, PURCHASERS_PER_PAGE)]

        while found := await self._ask("purchasers", page):
            after = found[-1]
            yield found

    async def take_recount_lease(self, holder: str, seconds: float) -> bool:
        def take(_: State) -> bool:
            now, held = self._server.loop.time(), self._server.lease
            if held is not None and held[0] != holder and held[1] > now:
                return False
            self._server.lease = (holder, now + seconds)
            return True

        return await self._ask("lease", take)

    async def release_recount_lease(self, holder: str) -> None:
        def release(_: State) -> None:
            if self._server.lease is not None and self._server.lease[0] == holder:
                self._server.lease = None

        await self._ask("release", release)

    async def note(self, name: str) -> str | None:
        return await self._ask("note", lambda state: state.notes.get(name))

    async def set_note(self, name: str, value: str | None) -> None:
        def write(state: State) -> None:
            state.notes.pop(name, None)
            if value is not None:
                state.notes[name] = value

        await self._ask("set note", write)

    async def scan_users(self, after: str, limit: int) -> list[UserRecord]:
        return await self._ask("scan users", lambda state: scanned_users(state, after, limit))

    async def users(self, user_ids: Sequence[str]) -> list[UserRecord]:
        return await self._ask(
            "users", lambda state: [user_record(key, state.users[key]) for key in user_ids if key in state.users]
        )

    async def scan_shared(self, label: str, after: str, limit: int) -> list[SharedRecord]:
        return await self._ask(f"scan {label}", lambda state: scanned_shared(state, label, after, limit))

    async def user_ids(self, after: str, limit: int) -> list[str]:
        return await self._ask("user ids", lambda state: sorted(key for key in state.users if key > after)[:limit])

    async def names(self, label: str, keys: Sequence[str]) -> dict[str, str]:
        del label, keys
        return {}

    async def stats(self) -> GraphStats:
        return await self._ask("stats", _stats)


def scanned_users(state: State, after: str, limit: int) -> list[UserRecord]:
    """A page of users."""
    return [user_record(key, state.users[key]) for key in sorted(key for key in state.users if key > after)[:limit]]


def scanned_shared(state: State, label: str, after: str, limit: int) -> list[SharedRecord]:
    """A page of shared nodes."""
    found: Iterator[SharedRecord]
    match label:
        case "Product":
            found = (_product(key, node) for key, node in sorted(state.products.items()) if key > after)
        case "Category":
            found = (_category(key, node) for key, node in sorted(state.categories.items()) if key > after)
        case _:
            found = (RetailerRecord(name=key, fact=n.fact) for key, n in sorted(state.retailers.items()) if key > after)
    return list(islice(found, limit))


def _product(key: str, node: Product) -> ProductRecord:
    edges = list(node.in_category)
    return ProductRecord(product_id=key, fact=node.fact, category_hierarchy=node.hierarchy, in_category=edges)


def _category(key: str, node: Category) -> CategoryRecord:
    return CategoryRecord(category_id=key, fact=node.fact, child_of=list(node.child_of))


def _stats(state: State) -> GraphStats:
    marks = [node.mark for node in state.products.values()] + [node.mark for node in state.categories.values()]
    return GraphStats(
        nodes={},
        relationships={},
        totals={},
        products_with_category=0,
        products_with_hierarchy=0,
        recount_pending=sum(mark is not None for mark in marks),
    )


def _fits(graph: SimulatedGraph) -> GraphStore:
    return graph
