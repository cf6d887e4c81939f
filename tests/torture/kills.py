"""`kill -9` at any moment of a process's life, and processes that compete for one key."""

import random
import time
from functools import partial

from tests.integration.story import until
from tests.torture.process import WAITING, Load, Loads, loads_of
from tests.torture.stage import Stage
from tests.torture.verdict import Seen, Takeover, interruptions, judge, often

BATCHES = (1, 5, 20, 50)
CONCURRENCIES = (1, 4, 16)
KILLED_EARLY = 4
"""Of so many processes one is killed while it starts, waits for the lease or has only just taken it."""


def killed(stage: Stage, chance: random.Random) -> Seen:
    """Again and again, each process with another pace; the command is repeated at once, as a supervisor would."""
    with loads_of(stage) as loads:
        for number in range(1, stage.world.size.times + 1):
            load = loads.start(batch=chance.choice(BATCHES), concurrency=chance.choice(CONCURRENCIES))
            if number % KILLED_EARLY:
                load.until_it_works()
            time.sleep(chance.uniform(0, 2))
            assert load.lives, f"there is nothing left to kill: {load.told}"
            load.kill()
        done = loads.finish()
        assert done.code == 0, done.err
        takeovers = taken_over(stage, loads)
        job = judge(stage, loads, takeovers)
        died = interruptions(stage)
        assert died, "nobody was killed while holding the lease"
        return Seen(
            injected=f"`kill -9` {often(len(loads.started) - 1)}",
            seen=f"{died} died holding the lease, {loads.said(WAITING)} waited for a dead one's; {job['run']} runs",
            takeovers=takeovers,
        )


def competing(stage: Stage, chance: random.Random) -> Seen:
    """Two and three at a time; the holder is killed, and of three one of those that wait for its lease as well."""
    refused = killed_waiting = 0
    slowly = stage.world.size.rate / 3
    with loads_of(stage) as loads:
        holder = loads.start(slowly, chance.choice(BATCHES))
        for turn in range(stage.world.size.repeats * 2):
            holder.until_it_works()
            late = [loads.start(slowly) for _ in range(1 + turn % 2)]
            for load in late:  # the holder lives: whoever comes sees it renew its lease
                assert load.ended().code == 4, load.told
            heirs = [loads.start(slowly, chance.choice(BATCHES)) for _ in range(2 + turn % 2)]
            holder.kill()
            until(partial(_all_have_come, heirs), "they find the dead one's lease")
            if len(heirs) == 3:
                unlucky = heirs.pop()
                unlucky.kill()
                killed_waiting += not unlucky.works
            holder = _the_one_that_won(heirs)
            refused += len(late) + len(heirs) - 1
        holder.kill()
        done = loads.finish()
        assert done.code == 0, done.err
        takeovers = taken_over(stage, loads)
        assert takeovers, "nobody waited for a dead one's lease"
        judge(stage, loads, takeovers)
        return Seen(
            injected=f"{len(loads.started)} processes for one key, two and three at a time; the holder killed "
            f"{often(stage.world.size.repeats * 2 + 1)}, one that waited {often(killed_waiting)}",
            seen=f"one held it at a time; {refused} were refused (exit code 4)",
            takeovers=takeovers,
        )


def _all_have_come(heirs: list[Load]) -> bool:
    """Each waits; on a busy machine one may begin only when the lease has run out already."""
    return all(WAITING in heir.told or heir.works for heir in heirs)


def _the_one_that_won(heirs: list[Load]) -> Load:
    """Waits until one of them goes on and all others are refused."""
    until(lambda: any(heir.works for heir in heirs), "one of those that wait takes over")
    [winner] = [heir for heir in heirs if heir.works]
    for heir in heirs:
        if heir is not winner:
            assert heir.ended().code == 4, heir.told
    return winner


def taken_over(stage: Stage, loads: Loads) -> tuple[Takeover, ...]:
    """How long each death left the job alone, where somebody waited for the lease already: from the kill to the
    beginning of the next run, by the store's clock, which is this machine's."""
    runs = stage.place.rows("SELECT number, holder, started_at FROM job_runs ORDER BY number")
    by_pid = {load.pid: load for load in loads.started}
    holders = [by_pid[int(run["holder"].split(":")[1])] for run in runs]
    return tuple(
        Takeover(seconds=run["started_at"] / 1000 - before.killed_at, allowed=stage.lease_seconds)
        for before, after, run in zip(holders, holders[1:], runs[1:], strict=False)
        if before.killed_at is not None and WAITING in after.told
    )
