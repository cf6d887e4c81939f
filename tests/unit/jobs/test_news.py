"""What happens to jobs is told once to everybody who listens, from the store, whichever process did it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from retrograph.jobs.job import Json
from retrograph.jobs.news import Item, News
from retrograph.jobs.queries import Changes, Mark
from retrograph.jobs.view import cards_as_json
from tests.unit.jobs.engine import World, until, users


class Counting:
    """The store, and how often it was looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.looks = 0

    async def changes(self, after: Mark | None, limit: int = 500) -> Changes:
        self.looks += 1
        return await self._world.store.changes(after, limit)


class Listener:
    """Somebody who listens, and what was heard."""

    def __init__(self, news: News, after: Mark | None = None) -> None:
        self.heard: list[Item] = []
        self._task = asyncio.create_task(self._listen(news, after))

    async def _listen(self, news: News, after: Mark | None) -> None:
        async for item in news.listen(after):
            self.heard.append(item)

    def of(self, name: str) -> list[Any]:
        return [json.loads(item.data) for item in self.heard if item.name == name]

    @property
    def ended(self) -> bool:
        return self._task.done()

    async def leave(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class Newsroom:
    """A feed over a world's store."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Counting(world)
        self.news = News(self.store, world.service.live, self._cards, world.clock)

    async def _cards(self) -> dict[str, Json]:
        return cards_as_json(await self.world.store.tally(), here=0)

    async def pass_time(self, looks: int) -> None:
        """Until it has looked at the store so many times more."""
        wanted = self.store.looks + looks
        while self.store.looks < wanted:
            self.world.clock.advance(0.5)
            await asyncio.sleep(0.002)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with World(tmp_path) as world, _watched(Newsroom(world)) as opened:
        yield opened


@asynccontextmanager
async def _watched(room: Newsroom) -> AsyncIterator[Newsroom]:
    watching = asyncio.create_task(room.news.watch())
    try:
        yield room
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def listening(room: Newsroom, after: Mark | None = None) -> Listener:
    """A listener who has heard how things stand."""
    listener = Listener(room.news, after)
    await until(lambda: bool(listener.of("cards")))
    return listener


async def test_while_nobody_listens_the_store_is_left_alone(room: Newsroom) -> None:
    for _ in range(20):
        room.world.clock.advance(0.5)
        await asyncio.sleep(0.001)
    assert room.store.looks == 0
    listener = await listening(room)
    await listener.leave()
    seen = room.store.looks
    for _ in range(20):
        room.world.clock.advance(0.5)
        await asyncio.sleep(0.001)
    assert room.store.looks <= seen + 1  # one may have been under way


async def test_many_listeners_cost_one_look_and_hear_the_same(room: Newsroom) -> None:
    listeners = [await listening(room) for _ in range(5)]
    seen = room.store.looks
    await room.world.run(users(3), key="load")
    await room.pass_time(4)
    assert room.store.looks <= seen + 6
    for listener in listeners:
        assert [line["to"] for line in listener.of("log")] == ["pending", None, "running", "succeeded"]
        assert listener.of("job")[-1]["state"] == "succeeded"
        assert listener.of("job")[-1]["processed"] == 3


async def test_what_is_told_is_told_once(room: Newsroom) -> None:
    listener = await listening(room)
    await room.world.run(users(3), key="load")
    await room.pass_time(10)
    told = [item.data for item in listener.heard if item.name in ("job", "log")]
    assert len(told) == len(set(told)) and len(told) >= 5


async def test_a_listener_begins_with_what_runs_and_not_with_old_lines(room: Newsroom) -> None:
    world = room.world
    await world.run(users(3), key="old")
    world.load.gates["user-2"] = asyncio.Event()
    running = asyncio.create_task(world.run(users(5), key="new"))
    await until(lambda: "user-5" in world.load.calls)
    listener = await listening(room)
    await room.pass_time(3)
    assert {job["key"] for job in listener.of("job")} == {"new"}
    assert listener.of("log") == []
    world.load.gates["user-2"].set()
    await running


async def test_who_comes_back_hears_what_was_missed_and_nothing_twice(room: Newsroom) -> None:
    listener = await listening(room)
    await room.world.run(users(3), key="first")
    await room.pass_time(3)
    last = listener.heard[-1].mark
    await listener.leave()
    await room.world.run(users(4), key="second")
    back = await listening(room, last)
    assert {line["key"] for line in back.of("log")} == {"second"}
    assert [line["to"] for line in back.of("log")] == ["pending", None, "running", "succeeded"]
    assert back.of("job")[-1]["key"] == "second"


async def test_who_is_cut_off_amid_a_batch_goes_on_before_it(room: Newsroom) -> None:
    listener = await listening(room)
    await room.world.run(users(3), key="load")
    await room.pass_time(3)
    lines = [item for item in listener.heard if item.name == "log"]
    back = await listening(room, lines[0].mark)
    assert [line["what"] for line in back.of("log")][-3:] == [json.loads(item.data)["what"] for item in lines[-3:]]


async def test_a_job_of_this_process_moves_between_its_checkpoints(room: Newsroom) -> None:
    world = room.world
    world.load.gates["user-7"] = asyncio.Event()
    running = asyncio.create_task(world.run(users(10), key="load", concurrency=1))
    await until(lambda: "user-7" in world.load.calls)
    listener = await listening(room)
    await room.pass_time(3)
    assert (await world.store.named("load"))[0].counts.processed == 0  # no checkpoint is due yet
    assert listener.of("job")[-1]["processed"] == 6
    assert (await world.service.show("load")).counts.processed == 6
    world.load.gates["user-7"].set()
    await running


async def test_every_listening_ends_with_its_process(room: Newsroom) -> None:
    listeners = [await listening(room) for _ in range(3)]
    room.news.close()
    await until(lambda: all(listener.ended for listener in listeners))
