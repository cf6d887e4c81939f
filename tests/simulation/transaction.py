"""A write transaction on the simulated graph, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from retrograph.graph.model import (
    Mark,
    SharedChanges,
    SharedKeys,
    StoredBatch,
    StoredShared,
    StoredUser,
    UserChanges,
    Wanted,
)
from retrograph.graph.shared import category_of
from retrograph.graph.store import TransientGraphError
from tests.simulation.changes import (
    category_change,
    creation,
    ids_of,
    linked,
    matched,
    names_of,
    naming,
    nodes_of,
    parent_of,
    product_change,
    retailer_change,
    told,
    unmarked,
    user_change,
)
from tests.simulation.identities import NoIdentitySteps
from tests.simulation.process import DEADLOCK, Process
from tests.simulation.server import WHOLE, GraphServer, ServerTransaction
from tests.simulation.state import User, settled, stored_shared, stored_user

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long a writer of an embedded graph waits for the one before it."""

LABELS: Final = ("Product", "Category", "Retailer")


class SimulatedTransaction(NoIdentitySteps):
    """See `graph.store.GraphTransaction`."""

    def __init__(self, server: GraphServer, process: Process) -> None:
        self._server = server
        self._process = process
        self._open: ServerTransaction | None = None
        self._cut = False

    async def begin(self) -> None:
        """A transaction of an embedded graph waits for the one before it."""

        async def work() -> None:
            self._open = self._server.begin(self._process.name)
            self._process.at_death.append(self.abandon)
            if self._process.dead:
                self.abandon()
            if self._server.embedded:
                await self._alone()

        await self._send("begin", work)

    async def _alone(self) -> None:
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._server.lock(self._present, *WHOLE)
        except TimeoutError:
            raise TransientGraphError("the graph is locked by another process", outage=True) from None

    async def commit(self) -> None:
        async def work() -> None:
            self._server.commit(self._present)

        await self._send("commit", work)

    async def roll_back(self) -> None:
        async def work() -> None:
            self._server.end(self._present, "rolled back")

        if self._open is not None and not self._cut:
            await self._send("roll back", work)

    def abandon(self) -> None:
        """The connection is gone: the server notices after a while, and what is on its way may come before."""
        if self._open is not None and not self._open.closed:
            transaction = self._open
            late = self._server.random.random()
            delay = 0.0 if late < 0.5 else self._server.random.expovariate(20 if late < 0.95 else 0.1)
            self._process.in_server(delay, lambda: self._server.end(transaction, "its client is gone"))

    @property
    def _present(self) -> ServerTransaction:
        assert self._open is not None
        return self._open

    async def _send(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        if self._cut:
            raise TransientGraphError("the connection is broken", outage=True)

        def broken(message: str) -> Exception:
            if message == DEADLOCK:
                if self._open is not None:
                    self._server.end(self._open, message)
                return TransientGraphError(message)
            self._cut = True
            return TransientGraphError(message, outage=True)

        async def guarded() -> T:
            try:
                return await work()
            except TransientGraphError as error:
                if self._open is not None:
                    self._server.end(self._open, str(error))
                raise

        number = f" {self._open.number}" if self._open is not None else ""
        return await self._process.ask(f"{self._server.name}.{what}{number}", guarded, broken, self.abandon)

    async def _statement(self, what: str, work: Callable[[], T]) -> T:
        async def run() -> T:
            self._server.check(self._present)
            return work()

        return await self._send(what, run)

    async def _read(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            self._server.check(self._present)
            await work()
            self._server.check(self._present)

        await self._send(what, run)

    async def lock_shared(self, keys: SharedKeys) -> StoredShared:
        labels = (("Category", keys.categories), ("Product", keys.products), ("Retailer", keys.retailers))
        created: set[tuple[str, str]] = set()
        for label, wanted in labels:
            if wanted:
                await self._lock(label, wanted, created)
        stored = await self._statement(
            f"read {names_of(keys)}", lambda: stored_shared(self._server.state, keys, created)
        )
        made = [key for label, key in sorted(created) if label == "Category"]
        if not made or self._server.omissions.made_again:
            return stored
        named = await self._made_again(made)
        categories = {
            key: replace(category, created=False) if key in named else category
            for key, category in stored.categories.items()
        }
        return replace(stored, categories=categories)

    async def _made_again(self, made: Sequence[str]) -> frozenset[str]:
        """Those of the categories made just now that others name: they had been taken away, and are linked again."""
        found = await self._statement("who names what was made", lambda: naming(self._server.state, made))
        named = frozenset(name for _, _, name in found)
        if named:
            await self._send(f"link {' '.join(sorted(named))} again", lambda: self._relink(made))
        return named

    async def _relink(self, made: Sequence[str]) -> None:
        transaction = self._present
        for label, key, _ in naming(self._server.state, made):
            self._server.check(transaction)
            if not self._server.omissions.shared_lock:
                await self._server.lock(transaction, label, key)
        self._server.check(transaction)
        transaction.changes += [linked(*found) for found in naming(self._server.state, made)]

    async def _lock(self, label: str, keys: Sequence[str], created: set[tuple[str, str]]) -> None:
        """`MERGE` and `SET`, row by row: whether a node is new shows under its lock."""
        omitted = self._server.omissions

        async def work() -> None:
            transaction = self._present
            for key in keys:
                self._server.check(transaction)
                early = omitted.created_under_lock and not self._exists(label, key)
                unlocked = omitted.users_lock if label == "User" else omitted.shared_lock
                if not unlocked:
                    await self._server.lock(transaction, label, key)
                self._server.check(transaction)
                if early or not self._exists(label, key):
                    transaction.created.add((label, key))
                    transaction.changes.append(creation(label, key))
                    created.add((label, key))

        await self._send(f"lock {label} {' '.join(keys)}", work)

    def _exists(self, label: str, key: str) -> bool:
        return (label, key) in self._present.created or key in nodes_of(self._server.state, label)

    async def write_shared(self, changes: SharedChanges) -> None:
        await self._statement(told(changes), lambda: self._write_shared(changes))

    def _write_shared(self, changes: SharedChanges) -> None:
        made = {label: frozenset(key for other, key in self._present.created if other == label) for label in LABELS}
        for category in changes.categories:
            parent = parent_of(category)
            known = parent is not None and (parent in made["Category"] or parent in self._server.state.categories)
            self._present.changes.append(category_change(category, parent if known else None))
        for product in changes.products:
            target = category_of(product.fact)
            known = target is not None and (target in made["Category"] or target in self._server.state.categories)
            self._present.changes.append(product_change(product, target if known else None))
        for retailer in changes.retailers:
            self._present.changes.append(retailer_change(retailer))

    async def products_of(self, category_id: str, after: str, limit: int) -> list[str]:
        def found() -> list[str]:
            products = self._server.state.products.items()
            return sorted(key for key, node in products if key > after and category_of(node.fact) == category_id)[
                :limit
            ]

        return await self._statement(f"products of {category_id}", found)

    async def clear_marks(self, marks: Sequence[Mark]) -> None:
        for label in ("Category", "Product"):
            wanted = sorted((mark.key, mark.token) for mark in marks if mark.label == label)
            if wanted:
                await self._clear(label, wanted)

    async def _clear(self, label: str, wanted: Sequence[tuple[str, str]]) -> None:
        async def work() -> None:
            for key, token in wanted:
                self._server.check(self._present)
                if not self._server.omissions.shared_lock:
                    await self._server.lock(self._present, label, key)
                self._server.check(self._present)
                node = nodes_of(self._server.state, label).get(key)
                if node is not None and (node.mark == token or self._server.omissions.mark_compared):
                    self._present.changes.append(unmarked(label, key))

        await self._send(f"clear marks of {' '.join(key for key, _ in wanted)}", work)

    async def lock_users(self, user_ids: Sequence[str]) -> None:
        await self._lock("User", user_ids, set())

    async def read_users(self, users: Sequence[Wanted], products: Sequence[str]) -> StoredBatch:
        stored: dict[str, StoredUser] = {}
        categories: dict[str, str | None] = {}
        whole = [user for user in users if user.whole]
        touched = [user for user in users if not user.whole]
        if whole:
            await self._read(f"read whole {ids_of(whole)}", lambda: self._read_whole(whole, stored, categories))
        if touched:
            await self._statement(f"read {ids_of(touched)}", lambda: self._read_touched(touched, stored))
        unknown = [key for key in products if key not in categories]
        if unknown:
            await self._read(f"categories of {' '.join(unknown)}", lambda: self._categories(unknown, categories))
        return StoredBatch(users=stored, product_categories=categories)

    async def _read_whole(
        self, users: Sequence[Wanted], stored: dict[str, StoredUser], categories: dict[str, str | None]
    ) -> None:
        for wanted in users:
            user = self._server.state.users.get(wanted.user_id, User())
            stored[wanted.user_id] = settled(stored_user(user, None, None), wanted.expected)
            await self._categories([edge.product_id for edge in user.purchases], categories)

    def _read_touched(self, users: Sequence[Wanted], stored: dict[str, StoredUser]) -> None:
        for wanted in users:
            user = self._server.state.users.get(wanted.user_id, User())
            stored[wanted.user_id] = stored_user(user, wanted.products, wanted.retailers)

    async def _categories(self, products: Sequence[str], categories: dict[str, str | None]) -> None:
        """Row by row: a statement is no snapshot, and others may commit while it runs."""
        for key in products:
            if key in self._server.state.products:
                categories[key] = category_of(self._server.state.products[key].fact)
            if self._server.random.random() < 0.1:
                await asyncio.sleep(self._server.random.expovariate(500))

    async def write_users(self, changes: Sequence[UserChanges], now: int) -> int:
        def write() -> int:
            state, transaction = self._server.state, self._present
            nodes = {label: frozenset(nodes_of(state, label)) for label in LABELS}
            for change in changes:
                transaction.dirty.add(change.user_id)
                transaction.changes.append(user_change(change, now, nodes))
            return sum(matched(change, state.users.get(change.user_id, User()), nodes) for change in changes)

        return await self._statement(f"write {' '.join(change.user_id for change in changes)}", write)
