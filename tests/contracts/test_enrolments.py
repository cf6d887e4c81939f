"""What is kept of enrolments and detections, on every store, and what follows from it whatever fails in between."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from retrograph.cache.keys import KNOWN_ENABLED, LoadedInto, enrolled_key, loaded_key
from retrograph.cache.sqlite import SqliteCache
from retrograph.clock import SystemClock
from retrograph.enrolment.detector import Detector
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.enrolled import EnrolledUsers
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.requests import Batch
from retrograph.enrolment.sql_detections import SqlDetectionStore
from retrograph.enrolment.sql_store import SqlEnrolmentStore
from retrograph.enrolment.store import Place
from retrograph.enrolment.window import Window, spared
from retrograph.errors import DependencyDown, UsageError
from retrograph.store.engine import Database
from retrograph.store.schema import open_database
from tests.contracts.job_stores import DatabaseTime, store_url

__all__ = ["store_url"]

WINDOW = Window(refresh_ms=30_000, settle_ms=900_000)


class Requests:
    """Takes batches, or is away."""

    def __init__(self) -> None:
        self.down = False
        self.dies_after = False
        self.taken: list[tuple[str, tuple[str, ...]]] = []

    async def request(self, batch: Batch) -> None:
        if self.down:
            raise DependencyDown("queue", "the queue does not answer")
        self.taken.append((batch.key, tuple([user async for user in batch.users])))
        if self.dies_after:
            raise DependencyDown("queue", "its answer was lost")

    @property
    def loads(self) -> dict[str, int]:
        """How many different batches each user is in."""
        batches = dict(self.taken)
        counted: dict[str, int] = {}
        for users in batches.values():
            for user in users:
                counted[user] = counted.get(user, 0) + 1
        return counted


class DownCache(SqliteCache):
    """A cache that can be switched off, and flushed."""

    down = False

    async def get(self, keys: Collection[str]) -> Mapping[str, str]:
        self._check()
        return await super().get(keys)

    async def put(self, values: Mapping[str, str], *, lifetime_seconds: int | None = None) -> None:
        self._check()
        await super().put(values, lifetime_seconds=lifetime_seconds)

    def _check(self) -> None:
        if self.down:
            raise DependencyDown("cache", "the cache does not answer")

    async def flush(self) -> None:
        def emptied(connection: object) -> None:
            connection.execute("DELETE FROM cache_values")  # type: ignore[attr-defined]

        await self._write(emptied)


@pytest.fixture
def time() -> DatabaseTime:
    return DatabaseTime()


@pytest.fixture
async def database(store_url: str, time: DatabaseTime) -> AsyncIterator[Database]:
    opened = await open_database(store_url, now=time)
    yield opened
    await opened.close()


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[DownCache]:
    made = DownCache(tmp_path / "cache.db", SystemClock())
    yield made
    await made.close()


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def store(database: Database) -> SqlEnrolmentStore:
    return SqlEnrolmentStore(database)


@pytest.fixture
def enrolments(store: SqlEnrolmentStore, cache: DownCache, requests: Requests) -> Enrolments:
    return Enrolments(store, cache, requests, WINDOW, SystemClock())


async def test_an_enrolment_is_loaded_at_once_and_again_when_the_window_has_passed(
    enrolments: Enrolments, requests: Requests, cache: DownCache, time: DatabaseTime
) -> None:
    answer = await enrolments.enrol(" ann ", "me")
    assert (answer.user_id, answer.already_enrolled) == ("ann", False)
    await enrolments.step()
    assert await cache.get([enrolled_key("ann")])
    assert requests.loads == {"ann": 1}
    time.advance(WINDOW.whole_ms - 1)
    await enrolments.step()
    assert requests.loads == {"ann": 1}
    time.advance(1)
    await enrolments.step()
    await enrolments.step()
    assert requests.loads == {"ann": 2} and len(requests.taken) == 2
    left = await enrolments.outstanding()
    assert (left.enrolled, left.uncopied, left.unrequested, left.unsettled) == (1, 0, 0, 0)


async def test_a_repetition_is_the_same_request(enrolments: Enrolments, requests: Requests) -> None:
    first, second = await enrolments.enrol("ann", "me"), await enrolments.enrol("ann", "you")
    assert second.request_id == first.request_id and second.already_enrolled
    await enrolments.step()
    assert requests.loads == {"ann": 1}


async def test_what_cannot_be_an_id_is_refused(enrolments: Enrolments) -> None:
    for wrong in ("", " ", "a\0b", "x" * 257):
        with pytest.raises(UsageError) as raised:
            await enrolments.enrol(wrong, "me")
        assert raised.value.field == "user_id"
    assert (await enrolments.outstanding()).enrolled == 0


async def test_a_request_whose_answer_was_lost_is_repeated_as_the_same_batch(
    enrolments: Enrolments, requests: Requests
) -> None:
    await enrolments.enrol("ann", "me")
    requests.dies_after = True
    await enrolments.step()
    await enrolments.enrol("bob", "me")
    requests.dies_after = False
    await enrolments.step()
    assert requests.taken.count(requests.taken[0]) == 2
    assert requests.loads == {"ann": 1, "bob": 1}


async def test_a_queue_that_is_down_loses_nobody(enrolments: Enrolments, requests: Requests) -> None:
    requests.down = True
    for user in ("ann", "bob"):
        await enrolments.enrol(user, "me")
        await enrolments.step()
    assert requests.taken == [] and (await enrolments.outstanding()).unrequested == 2
    requests.down = False
    await enrolments.step()
    assert requests.loads == {"ann": 1, "bob": 1}


async def test_a_cache_that_is_down_keeps_no_load_back_and_postpones_the_second(
    enrolments: Enrolments, requests: Requests, cache: DownCache, time: DatabaseTime
) -> None:
    cache.down = True
    await enrolments.enrol("ann", "me")
    await enrolments.step()
    assert requests.loads == {"ann": 1} and (await enrolments.outstanding()).uncopied == 1
    time.advance(WINDOW.whole_ms)
    await enrolments.step()
    assert requests.loads == {"ann": 2}
    # Whoever reads only the cache opens the gate only now: what it left out until then takes one more load.
    cache.down = False
    await enrolments.step()
    assert await cache.get([enrolled_key("ann")]) and requests.loads == {"ann": 2}
    time.advance(WINDOW.whole_ms)
    await enrolments.step()
    assert requests.loads == {"ann": 3}


async def test_after_a_flush_everybody_is_copied_again(enrolments: Enrolments, cache: DownCache) -> None:
    for user in ("ann", "bob"):
        await enrolments.enrol(user, "me")
    await enrolments.step()
    await cache.flush()
    assert not await cache.get([enrolled_key("ann")])
    await enrolments.step()
    assert len(await cache.get([enrolled_key("ann"), enrolled_key("bob")])) == 2


async def test_of_two_servers_each_takes_what_the_other_has_not(
    store: SqlEnrolmentStore, cache: DownCache, requests: Requests
) -> None:
    one, other = (Enrolments(store, cache, requests, WINDOW, SystemClock()) for _ in range(2))
    for number in range(20):
        await (one if number % 2 else other).enrol(f"user-{number}", "me")
    await one.step()
    await other.step()
    assert requests.loads == {f"user-{number}": 1 for number in range(20)}


async def test_the_gate_knows_the_enrolled_whatever_becomes_of_the_cache(
    enrolments: Enrolments, store: SqlEnrolmentStore, cache: DownCache, time: DatabaseTime
) -> None:
    enrolled = EnrolledUsers(store, cache, Notices(store, WINDOW), SystemClock())
    await enrolments.enrol("ann", "me")
    assert await enrolled.among(["ann", "bob"]) == {"ann"}
    time.advance(120_000)
    await enrolments.enrol("bob", "me")
    assert await enrolled.among(["bob"]) == frozenset()  # not before the next look
    await enrolled.look()
    cache.down = True
    assert await enrolled.among(["ann", "bob", "cho"]) == {"ann", "bob"}


async def test_whom_another_system_enrols_by_the_key_is_let_in_recorded_and_loaded(
    enrolments: Enrolments, store: SqlEnrolmentStore, cache: DownCache, requests: Requests
) -> None:
    notices = Notices(store, WINDOW)
    enrolled = EnrolledUsers(store, cache, notices, SystemClock())
    await cache.put({enrolled_key("eve"): "true"})
    assert await enrolled.among(["eve", "bob"]) == {"eve"}
    await notices.record()
    await enrolments.step()
    assert requests.loads == {"eve": 1}
    await cache.flush()
    await enrolled.look()
    assert await enrolled.among(["eve"]) == {"eve"}


async def test_a_gate_whose_enrolments_were_never_read_says_so(
    store: SqlEnrolmentStore, cache: DownCache, database: Database
) -> None:
    enrolled = EnrolledUsers(Broken(database), cache, Notices(store, WINDOW), SystemClock())
    with pytest.raises(DependencyDown):
        await enrolled.among(["ann"])


class Broken(SqlEnrolmentStore):
    """A store that does not answer."""

    async def walk(self, after: Place | None, limit: int) -> Sequence[Place]:
        raise DependencyDown("store", "it does not answer")


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
    after = world.since.open + WINDOW.refresh_ms + 1
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
