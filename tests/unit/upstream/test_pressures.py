"""What a run tells of the services it calls: the slowest pace, the wait that ends last, what was tried again."""

from retrograph.jobs.pressure import Waiting
from retrograph.upstream.http import RetryCounts
from retrograph.upstream.pressures import Pressures
from tests.unit.jobs.clocks import START, JumpingClock

AT = int(START.timestamp() * 1000)


def test_there_is_nothing_to_tell_while_all_goes_well() -> None:
    pressures = Pressures(10.0, JumpingClock(), RetryCounts())
    pressures.pacer("products")
    assert pressures.pressure() is None


def test_the_slowest_service_is_named_until_it_has_recovered() -> None:
    clock = JumpingClock()
    pressures = Pressures(10.0, clock, RetryCounts())
    pressures.pacer("products").push_back()
    clock.advance(10)
    pressures.pacer("shop-orders").push_back()
    found = pressures.pressure()
    assert found is not None
    assert (found.service, found.pace, found.full) == ("shop-orders", 5.0, 10.0)
    clock.advance(60)
    assert pressures.pressure() is None


def test_what_was_tried_again_is_counted_here_and_told_on() -> None:
    session, clock = RetryCounts(), JumpingClock()
    pressures = Pressures(10.0, clock, session)
    pressures.retried("products", "429", 40.0)
    pressures.retried("products", "429", 2.0)
    pressures.retried("products", "timeout", 0.2)
    found = pressures.pressure()
    assert found is not None
    assert found.retried == {"products": {"429": 2, "timeout": 1}}
    assert session["products", "429"] == 2
    assert found.waiting == Waiting(service="products", kind="429", seconds=40.0, at=AT), "the one that ends last"


def test_a_wait_that_is_over_makes_room_for_the_next() -> None:
    clock = JumpingClock()
    pressures = Pressures(10.0, clock, RetryCounts())
    pressures.retried("products", "429", 5.0)
    clock.advance(6)
    pressures.retried("shop-orders", "503", 2.0)
    found = pressures.pressure()
    assert found is not None
    assert found.waiting is not None
    assert found.waiting.service == "shop-orders"
