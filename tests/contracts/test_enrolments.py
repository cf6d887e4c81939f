"""What is kept of enrolments, on every store, and what follows from it whatever fails in between."""

from collections.abc import Sequence

import pytest

from retrograph.cache.keys import enrolled_key
from retrograph.clock import SystemClock
from retrograph.enrolment.enrol import Enrolments
from retrograph.enrolment.enrolled import EnrolledUsers
from retrograph.enrolment.noticing import Notices
from retrograph.enrolment.sql_store import SqlEnrolmentStore
from retrograph.enrolment.store import Place
from retrograph.errors import DependencyDown, UsageError
from retrograph.store.engine import Database
from tests.contracts.enrolling import WINDOW, DownCache, Requests, cache, database, requests, store_url, time
from tests.contracts.job_stores import DatabaseTime
from tests.unit.jobs.clocks import JumpingClock

__all__ = ["cache", "database", "requests", "store_url", "time"]


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


def gate(store: SqlEnrolmentStore, cache: DownCache, clock: JumpingClock | None = None) -> EnrolledUsers:
    """Whoever asks who is enrolled; its looks may be 30 s old."""
    return EnrolledUsers(store, cache, Notices(store, WINDOW), clock or JumpingClock(), oldest_seconds=30.0)


async def test_the_gate_knows_the_enrolled_whatever_becomes_of_the_cache(
    enrolments: Enrolments, store: SqlEnrolmentStore, cache: DownCache, time: DatabaseTime
) -> None:
    enrolled = gate(store, cache)
    await enrolments.enrol("ann", "me")
    assert await enrolled.among(["ann", "bob"]) == {"ann"}
    time.advance(120_000)
    await enrolments.enrol("bob", "me")
    assert await enrolled.among(["bob"]) == frozenset()  # not before the next look
    await enrolled.look()
    cache.down = True
    assert await enrolled.among(["ann", "bob", "cho"]) == {"ann", "bob"}


async def test_nobody_is_turned_away_by_a_look_that_is_older_than_the_interval(
    enrolments: Enrolments, store: SqlEnrolmentStore, cache: DownCache, database: Database
) -> None:
    clock, away = JumpingClock(), Broken(database)
    enrolled = gate(away, cache, clock)
    away.down = False
    await enrolments.enrol("ann", "me")
    assert await enrolled.among(["ann", "bob"]) == {"ann"}
    await enrolments.enrol("bob", "me")
    clock.advance(30.1)
    away.down = True
    assert await enrolled.among(["ann"]) == {"ann"}, "whom it knows it lets in"
    with pytest.raises(DependencyDown):
        await enrolled.among(["ann", "bob"])
    away.down = False
    assert await enrolled.among(["ann", "bob"]) == {"ann", "bob"}


async def test_whom_another_system_enrols_by_the_key_is_recorded_before_anything_is_let_in(
    enrolments: Enrolments, store: SqlEnrolmentStore, cache: DownCache, requests: Requests
) -> None:
    await cache.put({enrolled_key("eve"): "true"})
    assert await gate(store, cache).among(["eve", "bob"]) == {"eve"}
    # Whoever let eve in is gone, and so is the key.
    await cache.flush()
    assert await gate(store, cache).among(["eve", "bob"]) == {"eve"}
    await enrolments.step()
    assert requests.loads == {"eve": 1}


async def test_a_gate_whose_enrolments_were_never_read_says_so(
    store: SqlEnrolmentStore, cache: DownCache, database: Database
) -> None:
    with pytest.raises(DependencyDown):
        await gate(Broken(database), cache).among(["ann"])


class Broken(SqlEnrolmentStore):
    """A store that does not answer."""

    down = True

    async def walk(self, after: Place | None, limit: int) -> Sequence[Place]:
        if self.down:
            raise DependencyDown("store", "it does not answer")
        return await super().walk(after, limit)
