"""What every cache does: keeps, ends, forgets, and says so where it cannot answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from retrograph.cache.cache import Cache
from retrograph.cache.keys import LoadedInto, loaded_of
from retrograph.cache.sqlite import SqliteCache
from retrograph.cache.valkey import ValkeyCache
from retrograph.clock import SystemClock
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, DependencyDown
from retrograph.wiring.caches import build_cache
from tests.servers.redis import RedisServer
from tests.servers.server import free_port


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.server)])
async def cache(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cache]:
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    if request.param == "redis":
        url = request.getfixturevalue("redis").url
    made = build_cache(Settings.model_validate({"cache": url}), SystemClock())
    yield made
    await made.close()


async def test_what_is_put_can_be_got_and_what_is_not_there_is_left_out(cache: Cache) -> None:
    await cache.put({"a": "1", "ü": "zwei"})
    assert await cache.get(["a", "ü", "b"]) == {"a": "1", "ü": "zwei"}
    await cache.put({"a": "3"})
    assert await cache.get(["a"]) == {"a": "3"}
    assert await cache.get([]) == {}


async def test_it_takes_thousands_at_once(cache: Cache) -> None:
    many = {f"key-{number}": str(number) for number in range(2_500)}
    await cache.put(many)
    assert await cache.get(many) == many
    assert await cache.forget([*many, "another"]) == 2_500
    assert await cache.get(many) == {}


async def test_what_has_a_lifetime_ends(cache: Cache) -> None:
    await cache.put({"short": "1"}, lifetime_seconds=1)
    await cache.put({"long": "1"}, lifetime_seconds=1_000)
    assert len(await cache.get(["short", "long"])) == 2
    while await cache.get(["short"]):
        await SystemClock().sleep(0.02)
    assert await cache.get(["long"]) == {"long": "1"}
    assert await cache.put_new("short", "2") and not await cache.put_new("long", "2")


async def test_of_two_that_put_the_same_new_key_one_does(cache: Cache) -> None:
    assert sorted(await asyncio.gather(*(cache.put_new("key", str(one)) for one in range(5)))) == [False] * 4 + [True]
    [value] = (await cache.get(["key"])).values()
    assert not await cache.put_new("key", "late")
    assert await cache.get(["key"]) == {"key": value}


async def test_a_set_knows_its_members(cache: Cache) -> None:
    await cache.add_members("set", ["a", "b", "c"])
    await cache.add_members("set", ["a"])
    await cache.add_members("other", ["d"])
    await cache.remove_members("set", ["b", "x"])
    assert await cache.members_among("set", ["a", "b", "c", "d"]) == {"a", "c"}
    assert await cache.members_among("none", ["a"]) == frozenset()
    await cache.add_members("set", [])
    await cache.remove_members("set", [])
    assert await cache.members_among("set", []) == frozenset()


async def test_many_may_ask_at_the_same_time(cache: Cache) -> None:
    await asyncio.gather(*(cache.put({f"{number}": "x"}) for number in range(50)))
    assert len(await cache.get([f"{number}" for number in range(50)])) == 50
    await cache.ping()


async def test_a_server_that_comes_back_is_used_again(redis: RedisServer) -> None:
    cache = ValkeyCache(redis.url)
    try:
        await cache.put({"a": "1"})
        await asyncio.to_thread(redis.kill)
        with pytest.raises(DependencyDown, match="does not answer") as raised:
            await cache.get(["a"])
        assert raised.value.dependency == "cache"
        await asyncio.to_thread(redis.start)
        assert await cache.get(["a"]) == {}
        await cache.put({"a": "2"})
        assert await cache.get(["a"]) == {"a": "2"}
    finally:
        redis.start()
        await cache.close()


async def test_a_server_that_is_frozen_counts_as_down(redis: RedisServer) -> None:
    cache = ValkeyCache(redis.url)
    await cache.ping()
    redis.freeze()
    try:
        with pytest.raises(DependencyDown):
            await cache.ping()
    finally:
        redis.thaw()
    await cache.ping()
    await cache.close()


async def test_a_wrong_password_is_a_mistake_and_is_not_shown(redis: RedisServer) -> None:
    cache = ValkeyCache(redis.url.replace("://", "://someone:secret@").replace("valkey", "redis"))
    with pytest.raises(ConfigurationError) as raised:
        await cache.ping()
    assert "secret" not in str(raised.value)
    await cache.close()


async def test_nobody_listening_is_down() -> None:
    cache = ValkeyCache(f"valkey://127.0.0.1:{free_port()}")
    with pytest.raises(DependencyDown):
        await cache.put({"a": "1"})
    await cache.close()


async def test_a_file_that_is_none_is_down(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_text("no database at all, whatever it is called, and long enough to be looked at")
    cache = SqliteCache(tmp_path / "cache.db", SystemClock())
    with pytest.raises(DependencyDown, match="cannot be used"):
        await cache.ping()
    await cache.close()


def test_what_was_loaded_is_read_as_it_was_written() -> None:
    loaded = LoadedInto(graph_id="g", as_of=1_514_851_200_123)
    assert loaded_of(loaded.text()) == loaded
    assert [loaded_of(text) for text in ("", "1", "{}", '{"graph_id": 1, "as_of_ms": 2}')] == [None] * 4
