"""Servers that are restarted under a load, and connections that are cut while a transaction commits."""

import random
import time
from collections.abc import Callable
from functools import partial

from tests.servers.server import Server
from tests.servers.toxiproxy import Proxy
from tests.torture.commits import BOLT, POSTGRES, CommitRelay, commits_to
from tests.torture.process import Load, Loads, ended_at_last, loads_of, until_counted
from tests.torture.stage import Stage
from tests.torture.verdict import Seen, judge, often

UNKNOWN = "whether it committed is not known"
DELAY_MILLISECONDS = 15
CUT_UNTIL = 0.9
"""A load that is so far is left alone: on a slow machine it may come to its end before the last cut."""


def postgres_restarted(stage: Stage, chance: random.Random) -> Seen:
    """Orderly and as a crash, for moments and for longer than a lease; also while a process starts and claims."""
    with loads_of(stage) as loads:
        load = loads.start()
        for _ in range(stage.world.size.repeats):
            for end in (stage.postgres.stop, stage.postgres.kill):
                _alive(stage, load, chance)
                _away(stage.postgres, end, chance.uniform(0, 1.5 * stage.lease_seconds))
        load.kill()
        refused = sum(_restarted_under_a_start(stage, loads, chance) for _ in range(stage.world.size.repeats))
        _to_the_end(stage, loads, load)
        again = loads.said("trying to take it again")
        return Seen(
            injected=f"stopped {often(stage.world.size.repeats)}, `kill -9` {often(2 * stage.world.size.repeats)}, "
            "away for up to one and a half leases",
            seen=f"the same process went on; its lease had {often(again)} run out, and it took the job again; "
            f"of those that only began, {refused} ended with exit code 3",
        )


def neo4j_restarted(stage: Stage, chance: random.Random) -> Seen:
    """Orderly and as a crash, at any moment of a load."""
    with loads_of(stage) as loads:
        load = loads.start()
        for _ in range(stage.world.size.repeats):
            for end in (stage.neo4j.stop, stage.neo4j.kill):
                _alive(stage, load, chance)
                _away(stage.neo4j, end, chance.uniform(0, 5))
        _to_the_end(stage, loads, load)
        return Seen(
            injected=f"stopped {often(stage.world.size.repeats)}, `kill -9` {often(stage.world.size.repeats)}",
            seen=f"the same process paused {often(loads.said('waiting until graph answers again'))} "
            "(`dependency-down`) and went on by itself",
        )


def graph_cut(stage: Stage, chance: random.Random) -> Seen:
    """Every message takes a while on its way; every second cut is made while a commit is, the others at any moment."""
    proxy = _slow(stage.toxiproxy.proxy(stage.neo4j.port))
    with (
        commits_to(proxy.port, BOLT) as relay,
        loads_of(stage.elsewhere(graph=f"bolt://127.0.0.1:{relay.port}")) as loads,
    ):
        load = loads.start(stage.world.size.rate / 2, concurrency=32)
        cuts = _cut_again_and_again(stage, load, proxy, relay, chance)
        relay.lead_to(stage.neo4j.port)
        _to_the_end(stage, loads, load)
        unknown = loads.said(UNKNOWN)
        assert unknown, "no cut has hit a commit"
        return Seen(
            injected=f"every connection to the graph cut or reset, {cuts}",
            seen=f"{unknown} commits of unknown outcome, each repeated whole; "
            f"paused {often(loads.said('waiting until graph answers again'))}",
        )


def store_cut(stage: Stage, chance: random.Random) -> Seen:
    """The same between a load and its job store: checkpoints and renewals whose answer is lost."""
    proxy = _slow(stage.toxiproxy.proxy(stage.postgres.port))
    with (
        commits_to(proxy.port, POSTGRES) as relay,
        loads_of(stage.elsewhere(store=_at(relay.port, stage))) as loads,
    ):
        load = loads.start(stage.world.size.rate / 2, batch=1)
        cuts = _cut_again_and_again(stage, load, proxy, relay, chance)
        relay.lead_to(stage.postgres.port)
        _to_the_end(stage, loads, load)
        return Seen(
            injected=f"every connection to the job store cut or reset, {cuts}; a checkpoint after each user",
            seen="no checkpoint was lost or written twice",
        )


def _slow(proxy: Proxy) -> Proxy:
    for stream in ("upstream", "downstream"):
        proxy.add_toxic("latency", stream, latency=DELAY_MILLISECONDS, jitter=DELAY_MILLISECONDS)
    return proxy


def _at(port: int, stage: Stage) -> str:
    return stage.settings["store"].replace(f":{stage.postgres.port}/", f":{port}/")


def _cut_again_and_again(stage: Stage, load: Load, proxy: Proxy, relay: CommitRelay, chance: random.Random) -> str:
    """Says how many cuts there were, and of how many a commit was on its way."""
    cuts = aimed = 0
    while cuts < stage.world.size.cuts and stage.place.scanned() < CUT_UNTIL * len(stage.world.ids):
        _alive(stage, load, chance, longest_rest=0.3)
        if cuts % 2 == 0:
            relay.hold_a_commit()
            time.sleep(chance.uniform(0, 0.2))  # so that it reaches the server, or does not
            aimed += 1
        if cuts % 3:
            proxy.cut()
            time.sleep(chance.uniform(0, 0.2))
            proxy.restore()
        else:
            relay.reset()
        cuts += 1
    return f"{often(cuts)}, while a commit was on its way {often(aimed)}"


def _alive(stage: Stage, load: Load, chance: random.Random, longest_rest: float = 2) -> None:
    """Waits until a load has counted users since the last disturbance, and for a random moment after that."""
    assert load.lives, f"it ended by itself: {load.told[-2000:]}"
    load.until_it_works()
    until_counted(stage, load)
    time.sleep(chance.uniform(0, longest_rest))


def _away(server: Server, end: Callable[[], None], seconds: float) -> None:
    end()
    time.sleep(seconds)
    server.start()


def _restarted_under_a_start(stage: Stage, loads: Loads, chance: random.Random) -> bool:
    """Whether a process that was only starting, waiting for the lease or claiming it was turned away."""
    load = loads.start()
    time.sleep(chance.uniform(0.3, 2))
    _away(stage.postgres, partial(stage.postgres.kill), chance.uniform(0, 1))
    if load.works:
        load.kill()
        return False
    if load.lives:
        load.until_it_works_or_ends()
    if load.lives:
        load.kill()
        return False
    assert load.ended().code == 3, load.told
    return True


def _to_the_end(stage: Stage, loads: Loads, load: Load) -> None:
    if load.lives:
        assert ended_at_last(stage, load).code == 0, load.told
    elif load.killed_at is not None:
        assert loads.finish().code == 0, loads.started[-1].told
    judge(stage, loads)
