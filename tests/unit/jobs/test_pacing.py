"""The pace: halves on push-back, never below its floor, recovers by a tenth of its start every ten quiet seconds."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from retrograph.jobs.pacing import BURST_SECONDS, FLOOR_PER_SECOND, RECOVERY_SECONDS, Pace, Pacer
from tests.unit.jobs.clocks import JumpingClock

RATES = st.floats(min_value=0.1, max_value=10_000)
TIMES = st.lists(st.floats(min_value=0, max_value=300), max_size=40).map(sorted)


def test_it_halves_and_recovers_by_a_tenth_of_the_start() -> None:
    pace = Pace.start(10, now=0).pushed_back(now=100)
    rates = [pace.at(now) for now in (100, 109.9, 110, 120, 149.9, 150, 500)]
    assert rates == [5, 5, 6, 7, 9, 10, 10]


def test_push_backs_of_one_moment_count_as_one() -> None:
    pace = Pace.start(10, now=0)
    for _ in range(32):
        pace = pace.pushed_back(now=100)
    assert pace.at(100) == 5
    assert pace.pushed_back(now=110).at(110) == 2.5 + 0.5  # recovered to 6 by then, halved again


def test_it_does_not_recover_while_push_backs_go_on() -> None:
    pace = Pace.start(10, now=0).pushed_back(now=100).pushed_back(now=108)
    assert pace.at(112) == 5
    assert pace.at(118) == 6


@given(RATES, TIMES)
def test_it_stays_between_its_floor_and_its_start(rate: float, pushed_back_at: list[float]) -> None:
    pace = Pace.start(rate, now=0)
    for now in pushed_back_at:
        pace = pace.pushed_back(now)
        assert min(FLOOR_PER_SECOND, rate) <= pace.at(now) <= rate
    assert pace.at(300 + 11 * RECOVERY_SECONDS) == rate


@given(RATES, TIMES, st.floats(min_value=0, max_value=100))
def test_it_never_falls_without_a_push_back(rate: float, pushed_back_at: list[float], later: float) -> None:
    pace = Pace.start(rate, now=0)
    for now in pushed_back_at:
        pace = pace.pushed_back(now)
    assert pace.at(301 + later) >= pace.at(301)


async def test_turns_come_at_the_rate_first_come_first_served() -> None:
    clock = JumpingClock()
    pacer = Pacer(clock, 10)
    served: list[tuple[int, float]] = []

    async def caller(number: int) -> None:
        await pacer.turn()
        served.append((number, round(clock.monotonic(), 6)))

    await asyncio.gather(*(caller(number) for number in range(5)))
    assert served == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]


async def test_unused_turns_make_no_heap_of_calls() -> None:
    clock = JumpingClock()
    pacer = Pacer(clock, 1_000)
    await pacer.turn()
    clock.advance(60)
    began = clock.monotonic()
    for _ in range(1_000):
        await pacer.turn()
    assert 1.0 - BURST_SECONDS - 0.01 <= clock.monotonic() - began <= 1.01


async def test_a_push_back_slows_those_who_wait_already() -> None:
    clock = JumpingClock()
    pacer = Pacer(clock, 10)
    await pacer.turn()
    pacer.push_back()
    assert pacer.reason is not None
    await pacer.turn()
    assert round(clock.monotonic(), 6) == 0.2
    clock.advance(100)
    assert pacer.rate == 10
    assert pacer.reason is None
