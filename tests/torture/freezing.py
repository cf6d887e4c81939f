"""Processes that stand still for longer than their lease, and wake."""

import random
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any

from tests.integration.story import until
from tests.torture.process import WAITING, Load, loads_of, until_counted
from tests.torture.stage import Stage
from tests.torture.verdict import Seen, Takeover, judge, often


def frozen(stage: Stage, chance: random.Random) -> Seen:
    """SIGSTOP until another process has taken over and works, then SIGCONT; at last one that nobody replaces."""
    takeovers: list[Takeover] = []
    slowly = stage.world.size.rate / 3
    with loads_of(stage) as loads:
        load = loads.start(slowly)
        for _ in range(stage.world.size.repeats):
            load.until_it_works()
            until_counted(stage, load, chance.randrange(1, 30))
            row = freeze(stage, load)
            heir = loads.start(slowly)
            heir.until_it_works()
            if WAITING in heir.told:
                began = run_row(stage, row["epoch"] + 1)["started_at"]
                takeovers.append(Takeover(seconds=(began - row["lease_until"]) / 1000, allowed=0))
            until_counted(stage, heir, 5)
            before = run_row(stage, row["epoch"])
            load.signal(signal.SIGCONT)
            woken = load.ended()
            assert woken.code == 4, woken.err
            assert run_row(stage, row["epoch"]) == before, "the woken process has written a checkpoint"
            load = heir
        row = freeze(stage, load)
        until(lambda: time.time() * 1000 > row["lease_until"], "the lease runs out")
        load.signal(signal.SIGCONT)
        load.until_said("trying to take it again")
        until(lambda: (stage.place.row("epoch") or {})["epoch"] > row["epoch"], "it takes its own job again")
        load.kill()
        done = loads.finish()
        assert done.code == 0, done.err
        judge(stage, loads, tuple(takeovers))
        return Seen(
            injected=f"a holder frozen until another one worked, {often(stage.world.size.repeats)}; one that nobody "
            "replaced",
            seen="those that woke wrote no checkpoint and ended (exit code 4); the one alone took its job again",
            takeovers=tuple(takeovers),
        )


def freeze(stage: Stage, load: Load) -> dict[str, Any]:
    """Stops the clock for a load, and answers the row of its job."""
    until(lambda: _stopped(stage, load), "it stops where it locks no file")
    row = stage.place.row("epoch, lease_until")
    assert row is not None
    return row


def _stopped(stage: Stage, load: Load) -> bool:
    """A process that stands still inside a write to a SQLite file keeps it locked: nobody could go on."""
    load.signal(signal.SIGSTOP)
    if not stage.embedded:
        return True
    with closing(sqlite3.connect(stage.place.directory / "retrograph.db", timeout=0.5, isolation_level=None)) as file:
        try:
            file.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            load.signal(signal.SIGCONT)
            return False
        file.execute("ROLLBACK")
    return True


def run_row(stage: Stage, number: int) -> dict[str, Any]:
    """One run, as the store knows it."""
    return stage.place.rows(f"SELECT * FROM job_runs WHERE number = {number}")[0]
