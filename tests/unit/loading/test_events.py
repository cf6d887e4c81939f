"""Batches of events into a graph: gated, grouped by user, and the one that is refused alone is given back."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from retrograph.clock import SystemClock
from retrograph.errors import DependencyDown, UndecodableEvent, WriteFailed
from retrograph.facts import Facts
from retrograph.flags.gate import OpenGate
from retrograph.graph.digest import digest
from retrograph.graph.store import GraphStore
from retrograph.graph.writer import GraphWriter
from retrograph.loading.events import EventLoad, Factoids, Receipts, Received, Written
from tests.contracts.graphs import embedded
from tests.unit.events.documents import RECORDED_AT, item, order, payload, receipt


class Only:
    """A gate that admits some."""

    def __init__(self, *users: str) -> None:
        self._users = frozenset(users)

    async def admits(self, user_ids: Collection[str]) -> frozenset[str]:
        return self._users.intersection(user_ids)


class Refusing:
    """A writer that refuses whatever names one receipt, and joins the rest."""

    def __init__(self, writer: GraphWriter, receipt_id: str) -> None:
        self._writer = writer
        self._receipt_id = receipt_id

    async def join(self, facts: Facts) -> None:
        if any(self._receipt_id in times for times in facts.user.purchases.values()):
            raise WriteFailed("the graph refused the data", dependency="graph")
        await self._writer.join(facts)


async def up() -> None:
    """A graph that answers."""


async def down() -> None:
    raise DependencyDown("graph", "it is away")


def events(documents: Iterable[dict[str, Any]], key: bytes | None = None) -> list[Received]:
    return [Received(payload(document), RECORDED_AT, key) for document in documents]


def bought(*names: str) -> list[dict[str, Any]]:
    """Receipts, named `user/receipt`."""
    pairs = [name.split("/") for name in names]
    return [receipt(user_id=user, receipt_id=receipt_id) for user, receipt_id in pairs]


async def written(
    graph: GraphStore,
    batch: list[Received],
    *,
    refusing: str = "",
    gate: Any = None,
    ping: Callable[[], Awaitable[None]] = up,
) -> Written:
    async with GraphWriter(graph, SystemClock()) as writer:
        family = Receipts(Refusing(writer, refusing))
        return await EventLoad(family, gate or OpenGate(), ping).write(batch)


async def receipts_of(graph: GraphStore, user: str) -> list[str]:
    found = await graph.users([user])
    return sorted({one for record in found for edge in record.purchases for one in edge.receipt_ids or ()})


async def test_a_batch_is_joined_and_again_changes_nothing(tmp_path: Path) -> None:
    batch = events(bought("ann/r1", "bob/r2", "ann/r3"))
    async with embedded(tmp_path / "graph.db") as graph:
        result = await written(graph, batch)
        assert (result.counts, result.refused) == ({"written": 3}, [])
        before = await digest(graph)
        await written(graph, [*reversed(batch), *batch])
        assert await digest(graph) == before
        assert await receipts_of(graph, "ann") == ["r1", "r3"]


async def test_whom_the_gate_does_not_admit_is_left_out(tmp_path: Path) -> None:
    async with embedded(tmp_path / "graph.db") as graph:
        result = await written(graph, events(bought("ann/r1", "bob/r2", "bob/r3")), gate=Only("ann"))
        assert result.counts == {"written": 1, "not-admitted": 2}
        assert await graph.user_ids("", 10) == ["ann"]


async def test_the_event_that_is_refused_alone_is_given_back_and_the_rest_is_written(tmp_path: Path) -> None:
    batch = events(bought("ann/r1", "ann/bad", "ann/r3", "bob/r4"))
    async with embedded(tmp_path / "graph.db") as graph:
        result = await written(graph, [*batch, Received(b"?", RECORDED_AT)], refusing="bad")
        assert [(refused.place, type(refused.error)) for refused in result.refused] == [
            (1, WriteFailed),
            (4, UndecodableEvent),
        ]
        assert result.counts == {"written": 3}
        assert await receipts_of(graph, "ann") == ["r1", "r3"]


async def test_nothing_is_to_blame_while_the_graph_is_down(tmp_path: Path) -> None:
    async with embedded(tmp_path / "graph.db") as graph:
        with pytest.raises(DependencyDown):
            await written(graph, events(bought("ann/bad")), refusing="bad", ping=down)


async def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    documents = [
        receipt(items=[item(product_id="")]),
        receipt(receipt_id=""),
        receipt(user_id="\t"),
    ]
    async with embedded(tmp_path / "graph.db") as graph:
        result = await written(graph, [*events(documents), *events([receipt()], key=b"somebody-else")])
        assert result.counts == {"written": 2, "nothing-left": 1, "invalid-user-id": 1}
        assert result.left_out == {"invalid-product-id": 1, "invalid-receipt-id": 1, "key-mismatch": 1}


async def test_an_order_and_its_cancellation_in_either_order_leave_no_purchase(tmp_path: Path) -> None:
    both = events([order(), order(status="CANCELLED")])
    digests = set()
    for name, batch in (("one.db", both), ("other.db", both[::-1])):
        async with embedded(tmp_path / name) as graph, GraphWriter(graph, SystemClock()) as writer:
            for event in batch:
                await EventLoad(Factoids(writer), OpenGate(), up).write([event])
            assert await receipts_of(graph, "hh-0012") == []
            digests.add((await digest(graph, only="purchases")).digest)
    assert len(digests) == 1
