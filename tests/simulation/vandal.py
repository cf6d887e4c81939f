"""Another writer, who changes edges and takes nodes away without knowing the law; a full load heals what it did."""

import asyncio
from random import Random
from typing import Any, Final

from retrograph.graph.records import CountRecord, PurchaseRecord
from tests.simulation.plan import Deed
from tests.simulation.server import GraphServer
from tests.simulation.state import State, User

PATIENCE: Final = 0.01


class Vandal:
    """Does its deeds at their times. It waits for locks, as every writer does: for edges that somebody has written."""

    def __init__(self, server: GraphServer) -> None:
        self._server = server

    async def do(self, deed: Deed) -> None:
        await asyncio.sleep(deed.at)
        random = Random(f"deed:{deed.what}:{deed.target}")
        if deed.what == "delete":
            await self._delete(random, deed.target[0])
            return
        busy = {user for transaction in self._server.open.values() for user in transaction.dirty}
        users = [key for key, user in self._server.state.users.items() if user.purchases and key not in busy]
        if users:
            key = random.choice(users)
            self._server.witness.saw("vandal", f"{deed.what} of {key}")
            _DEEDS[deed.what](random, self._server.state.users[key])

    async def _delete(self, random: Random, label: str) -> None:
        """`DETACH DELETE` of a shared node, once no open transaction has made edges to anything."""
        while any(transaction.changes for transaction in self._server.open.values()):  # noqa: ASYNC110
            await asyncio.sleep(PATIENCE)
        state = self._server.state
        labels: dict[str, dict[str, Any]] = {
            "Product": state.products,
            "Category": state.categories,
            "Retailer": state.retailers,
        }
        nodes = labels[label]
        if nodes:
            key = random.choice(sorted(nodes))
            self._server.witness.saw("vandal", f"deletes {label} {key}")
            del nodes[key]
            _detach(self._server.state, label, key)


def _detach(state: State, label: str, key: str) -> None:
    for user in state.users.values():
        if label == "Product":
            user.purchases = [edge for edge in user.purchases if edge.product_id != key]
        elif label == "Retailer":
            user.visits = [edge for edge in user.visits if edge.retailer != key]
        else:
            user.counts = [edge for edge in user.counts if edge.category_id != key]
    if label == "Category":
        for product in state.products.values():
            product.in_category = [target for target in product.in_category if target != key]
        for category in state.categories.values():
            category.child_of = [target for target in category.child_of if target != key]


def _pick(random: Random, user: User) -> tuple[int, PurchaseRecord]:
    index = random.randrange(len(user.purchases))
    return index, user.purchases[index]


def _double(random: Random, user: User) -> None:
    """Every receipt of an edge is there twice."""
    index, edge = _pick(random, user)
    receipts, times = [*edge.receipt_ids] * 2, [*edge.timestamps] * 2
    user.purchases[index] = edge._replace(receipt_ids=receipts, timestamps=times, times=len(receipts))


def _parallel(random: Random, user: User) -> None:
    """An edge is split in two, with a receipt that both have.

    One that has lost its pairing is copied whole: split by place it would hold a wrong time that nobody could doubt.
    """
    _, edge = _pick(random, user)
    if len(edge.receipt_ids) != len(edge.timestamps):
        user.purchases.append(edge)
        return
    user.purchases.append(edge._replace(receipt_ids=edge.receipt_ids[:1], timestamps=edge.timestamps[:1], times=1))


def _unpair(random: Random, user: User) -> None:
    """A time too many stands before the others: paired by place, every receipt would get an earlier one."""
    index, edge = _pick(random, user)
    user.purchases[index] = edge._replace(timestamps=[edge.timestamps[0] - 1000, *edge.timestamps])


def _miscount(random: Random, user: User) -> None:
    """A count that is wrong, or one that should not be."""
    if user.counts:
        index = random.randrange(len(user.counts))
        user.counts[index] = CountRecord(user.counts[index].category_id, 77)
        user.counts.append(user.counts[index])


def _misderive(random: Random, user: User) -> None:
    """Derived numbers that do not follow from the lists."""
    index, edge = _pick(random, user)
    user.purchases[index] = edge._replace(times=9, average_interval_days=1.5)
    if user.visits:
        user.visits[0] = user.visits[0]._replace(frequency=5)


_DEEDS: Final = {
    "double": _double,
    "parallel": _parallel,
    "unpair": _unpair,
    "miscount": _miscount,
    "misderive": _misderive,
}
