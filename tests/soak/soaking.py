"""A fault alone in one round, and all of them together in many."""

import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tests.soak.casts import Cast, Script, script
from tests.soak.company import Company
from tests.soak.faults import Fault
from tests.soak.oracle import Oracle, Verdict
from tests.soak.play import Round
from tests.soak.stage import chance_of

ALONE_SECONDS, TOGETHER_SECONDS = 12.0, 30.0
"""How long a round takes where nothing delays it."""
LONGEST_REST_SECONDS = 2.0
MOST_TOGETHER = 3


def alone(company: Company, oracle: Oracle, fault: Fault, cast: Cast) -> Verdict:
    """Injects one fault again and again while a round goes on, and judges what comes of it."""
    stage = company.stage
    chance = chance_of(stage, fault.name)
    play = Round(company, cast, script(stage.history, cast, stage.seed), ALONE_SECONDS).begin()
    try:
        while play.under_way and fault.times < fault.most:
            time.sleep(chance.uniform(0, LONGEST_REST_SECONDS))
            seconds = _begun(fault, play, chance)
            time.sleep(seconds)
            fault.end()
        play.finish()
    finally:
        play.give_up()
    oracle.add(play)
    return oracle.judge(company, play)


def together(
    company: Company, oracle: Oracle, faults: Sequence[Fault], cast_list: Sequence[Cast], seconds: float
) -> Verdict:
    """Injects faults at random, up to three at a time, while one round follows another."""
    chance = chance_of(company.stage, "together")
    waiting = [(cast, script(company.stage.history, cast, company.stage.seed)) for cast in cast_list]
    rounds: list[Round] = []
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor() as ending:
        under_way: dict[Future[None], Fault] = {}
        try:
            while time.monotonic() < deadline:
                play = _present(company, rounds, waiting)
                time.sleep(chance.uniform(0, LONGEST_REST_SECONDS))
                under_way = _going_on(under_way)
                fault = chance.choice(faults)
                if len(under_way) < MOST_TOGETHER and not any(
                    fault.holds & other.holds for other in under_way.values()
                ):
                    # It ends in its own time: the beginning of another one may wait for that.
                    under_way[ending.submit(_end, fault, _begun(fault, play, chance))] = fault
            for ended in under_way:
                ended.result()
            for play in rounds:
                play.finish()
        finally:
            for play in rounds:
                play.give_up()
    oracle.add(*rounds)
    return oracle.judge(company, *rounds)


def _begun(fault: Fault, play: Round, chance: random.Random) -> float:
    seconds = fault.begin(play, chance)
    fault.times += 1
    return seconds


def _end(fault: Fault, seconds: float) -> None:
    time.sleep(seconds)
    fault.end()


def _going_on(under_way: dict["Future[None]", Fault]) -> dict["Future[None]", Fault]:
    """Those that have not ended; raises what has gone wrong at an end."""
    for ended in under_way:
        if ended.done():
            ended.result()
    return {ending: fault for ending, fault in under_way.items() if not ending.done()}


def _present(company: Company, rounds: list[Round], waiting: list[tuple[Cast, Script]]) -> Round:
    """The round that goes on; the next one, where it is over and there is one."""
    if not rounds or (not rounds[-1].under_way and waiting):
        if rounds:
            rounds[-1].check()
        cast, told = waiting.pop(0)
        rounds.append(Round(company, cast, told, TOGETHER_SECONDS).begin())
    return rounds[-1]


def rounds_within(seconds: float) -> int:
    """How many rounds there may be in that time."""
    return math.ceil(seconds / TOGETHER_SECONDS)


def enrolled_first(cast_list: Sequence[Cast]) -> list[str]:
    """Who is enrolled before anything is injected."""
    return [user for cast in cast_list for user in cast.enrolled]
