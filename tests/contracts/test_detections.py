"""What the detector finds and remembers, on every store, and what follows from it whatever fails in between."""

from collections.abc import AsyncIterator, Collection

import pytest

from retrograph.cache.keys import KNOWN_ENABLED, LoadedInto, loaded_key
from retrograph.enrolment.detector import Detector
from retrograph.enrolment.sql_detections import SqlDetectionStore
from retrograph.enrolment.window import spared
from retrograph.errors import DependencyDown
from retrograph.store.engine import Database
from tests.contracts.enrolling import WINDOW, DownCache, Requests, cache, database, requests, store_url, time
from tests.contracts.job_stores import DatabaseTime

__all__ = ["cache", "database", "requests", "store_url", "time"]


class Flags:
    """Covers these."""

    def __init__(self, *users: str) -> None:
        self.users = {*users}

    async def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]:
        return frozenset(user_ids) & self.users


class Since:
    """What is known of the flag and the graph."""

    open: int | None = None

    def open_since(self) -> int | None:
        return self.open

    async def graph_id(self) -> str:
        return "g"


class World:
    """A detector over whoever the flag covers, and some whom it does not."""

    def __init__(self, database: Database, cache: DownCache, requests: Requests) -> None:
        self.flags = Flags()
        self.since = Since()
        self.dies_at: str | None = None
        self.detections = SqlDetectionStore(database, WINDOW)
        self.detector = Detector(
            self.detections,
            cache,
            self.flags,
            requests,
            WINDOW,
            flag="f",
            candidates=self.candidates,
            loaded_into=self.since,
        )

    async def candidates(self) -> AsyncIterator[str]:
        for user in sorted({*self.flags.users, "never"}):
            if user == self.dies_at:
                raise DependencyDown("s3", "the list broke off")
            yield user

    async def passes(self) -> None:
        await self.detector.detect("me")
        await self.detector.finish()


@pytest.fixture
def world(database: Database, cache: DownCache, requests: Requests) -> World:
    return World(database, cache, requests)


async def test_the_new_ones_are_loaded_twice_and_the_known_ones_left_alone(
    world: World, requests: Requests, cache: DownCache, time: DatabaseTime
) -> None:
    world.flags.users = {"ann", "bob"}
    await world.passes()
    assert requests.loads == {"ann": 1, "bob": 1}
    world.flags.users |= {"cho"}
    await world.passes()
    assert requests.loads == {"ann": 1, "bob": 1, "cho": 1}
    assert await cache.members_among(KNOWN_ENABLED, ["ann", "cho", "never"]) == {"ann", "cho"}
    time.advance(WINDOW.whole_ms)
    await world.detector.finish()
    await world.detector.finish()
    assert requests.loads == {"ann": 2, "bob": 2, "cho": 2} and len(requests.taken) == 4


async def test_who_left_and_came_back_is_new(world: World, requests: Requests, time: DatabaseTime) -> None:
    world.flags.users = {"ann", "bob"}
    await world.passes()
    time.advance(1)
    world.flags.users = {"bob"}
    await world.passes()
    [latest, _] = await world.detector.latest()
    assert latest.left == 1 and latest.found == 0 and await world.detector.count_known() == 1
    world.flags.users = {"ann", "bob"}
    await world.passes()
    assert requests.loads == {"ann": 2, "bob": 1}


async def test_a_pass_that_dies_in_the_middle_forgets_nobody_and_requests_nobody_twice(
    world: World, requests: Requests
) -> None:
    many = {f"user-{number:05d}" for number in range(4_500)}
    world.flags.users = many
    world.dies_at = "user-04100"
    with pytest.raises(DependencyDown):
        await world.passes()
    world.dies_at = None
    await world.passes()
    assert requests.loads == dict.fromkeys(many, 1)


async def test_a_request_that_was_lost_is_repeated_as_the_same_batch(world: World, requests: Requests) -> None:
    world.flags.users = {"ann"}
    requests.dies_after = True
    with pytest.raises(DependencyDown):
        await world.passes()
    requests.dies_after = False
    await world.passes()
    assert requests.taken[0] == requests.taken[1] and requests.loads == {"ann": 1}


async def test_of_two_passes_one_goes_on_and_the_other_adds_nobody_any_more(world: World, requests: Requests) -> None:
    assert await world.detections.begin("old", "f", "me", 0)
    assert await world.detections.add("old", "f", ["ann"])
    world.flags.users = {"ann", "bob"}
    await world.passes()
    assert not await world.detections.add("old", "f", ["cho"])
    assert requests.loads == {"ann": 1, "bob": 1}


async def test_a_schedule_begins_no_pass_before_its_time(world: World, time: DatabaseTime) -> None:
    assert await world.detector.detect("me", rest_ms=1_000) is not None
    time.advance(999)
    assert await world.detector.detect("me", rest_ms=1_000) is None
    time.advance(1)
    assert await world.detector.detect("me", rest_ms=1_000) is not None


async def test_who_was_loaded_since_the_flag_covered_them_is_spared(
    world: World, requests: Requests, cache: DownCache
) -> None:
    world.flags.users = {"early", "late", "other"}
    world.since.open = 1_000_000
    after = world.since.open + WINDOW.whole_ms + 1
    await cache.put(
        {
            loaded_key("late"): LoadedInto(graph_id="g", as_of=after).text(),
            loaded_key("early"): LoadedInto(graph_id="g", as_of=after - 1).text(),
            loaded_key("other"): LoadedInto(graph_id="another", as_of=after).text(),
        }
    )
    await world.passes()
    assert requests.loads == {"early": 1, "other": 1}
    [detection] = await world.detector.latest()
    assert (detection.looked, detection.found, detection.spared) == (4, 2, 1)


def test_nobody_is_spared_where_it_is_not_known_since_when_the_gate_is_open() -> None:
    assert not spared(LoadedInto(graph_id="g", as_of=10**12), "g", None, WINDOW)
    assert not spared(None, "g", 0, WINDOW)
