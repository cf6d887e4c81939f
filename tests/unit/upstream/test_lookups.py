"""Concurrent items ask once; no failure, cancellation or full memory of one harms another."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrograph.upstream.lookups import Lookups
from retrograph.upstream.remembered import CacheLimits, Remembered
from tests.unit.upstream.support import ManualClock


class Catalogue:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.ended = 0

    async def ask(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(tuple(keys))
        try:
            await self.go.wait()
        finally:
            self.ended += 1
        if self.failure is not None:
            raise self.failure
        return {key: key.upper() for key in keys}


async def no_turn() -> None:
    return None


def lookups(catalogue: Catalogue, batch: int = 2, entries: int = 100) -> Lookups[str]:
    return Lookups(catalogue.ask, batch=batch, limits=CacheLimits(entries=entries), clock=ManualClock())


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_items_that_ask_at_the_same_time_ask_once() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    first = asyncio.create_task(shared.get(["a", "b"], no_turn))
    second = asyncio.create_task(shared.get(["b", "a", "c"], no_turn))
    await settled()
    catalogue.go.set()
    assert await first == {"a": "A", "b": "B"}
    assert await second == {"a": "A", "b": "B", "c": "C"}
    assert catalogue.asked == [("a", "b"), ("c",)]


async def test_the_end_of_one_waiter_does_not_end_the_call_of_the_others() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    first = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    second = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    first.cancel()
    await settled()
    catalogue.go.set()
    assert await second == {"a": "A"}
    assert catalogue.asked == [("a",)]
    assert first.cancelled()


async def test_the_end_of_the_last_waiter_ends_the_call_and_a_newcomer_asks_anew() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    first = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    first.cancel()
    await settled()
    assert catalogue.ended == 1
    late = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    catalogue.go.set()
    assert await late == {"a": "A"}
    assert catalogue.asked == [("a",), ("a",)]
    assert catalogue.ended == 2


async def test_a_newcomer_never_joins_a_call_that_is_being_ended() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    first = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    first.cancel()
    await asyncio.sleep(0)  # the waiter has left, its call has not yet ended
    late = asyncio.create_task(shared.get(["a"], no_turn))
    catalogue.go.set()
    assert await late == {"a": "A"}


async def test_a_failure_reaches_everyone_who_waits_and_is_forgotten() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    waiting = [asyncio.create_task(shared.get(["a"], no_turn)) for _ in range(3)]
    await settled()
    catalogue.failure = ValueError("down")
    catalogue.go.set()
    assert [str(error) for error in await asyncio.gather(*waiting, return_exceptions=True)] == ["down"] * 3
    catalogue.failure = None
    assert await shared.get(["a"], no_turn) == {"a": "A"}


async def test_no_turn_is_taken_for_what_is_known() -> None:
    catalogue = Catalogue()
    catalogue.go.set()
    shared = lookups(catalogue)
    turns: list[int] = []

    async def turn() -> None:
        turns.append(1)

    await shared.get(["a", "b", "c", "d", "e"], turn)
    await shared.get(["a", "e"], turn)
    assert len(turns) == 1
    assert await shared.get([], turn) == {}


async def test_an_answer_that_no_memory_has_room_for_still_arrives() -> None:
    catalogue = Catalogue()
    catalogue.go.set()
    keys = [f"k{number}" for number in range(50)]
    assert await lookups(catalogue, batch=10, entries=2).get(keys, no_turn) == {key: key.upper() for key in keys}


async def test_closing_ends_the_calls_under_way() -> None:
    catalogue = Catalogue()
    shared = lookups(catalogue)
    waiting = asyncio.create_task(shared.get(["a"], no_turn))
    await settled()
    await shared.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert catalogue.ended == 1


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 60)), max_size=60))
def test_the_memory_is_bounded_and_never_tells_what_is_too_old(steps: list[tuple[str, float]]) -> None:
    clock = ManualClock()
    memory: Remembered[float] = Remembered(CacheLimits(entries=4, seconds=100), clock)
    for key, pause in steps:
        clock.pass_time(pause)
        found: dict[str, float] = {}
        missing = memory.recall([key], found)
        assert (key in found) is (missing == [])
        if found:
            assert clock.monotonic() - found[key] <= 100
        else:
            memory.remember({key: clock.monotonic()})
            assert memory.recall([key], {}) == []
        assert len(memory) <= 4
