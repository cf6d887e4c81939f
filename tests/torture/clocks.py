"""Processes whose wall clock is stepped by an hour while they load, with the store's clock on a server."""

import json
import random
import time
from collections.abc import Iterator
from datetime import datetime

from tests.integration.story import until
from tests.servers.faketime import SteppedTime
from tests.torture.kills import taken_over
from tests.torture.process import Load, loads_of
from tests.torture.stage import Stage
from tests.torture.verdict import Seen, judge, often

HOUR = 3_600


def stepped(stage: Stage, chance: random.Random) -> Seen:
    """Forwards and back in the middle of a load; then it is killed while ahead, and one that is behind goes on."""
    clocks = [SteppedTime(stage.logs / name) for name in ("one", "other")]
    slowly = stage.world.size.rate / 4
    steps = 0
    with loads_of(stage.elsewhere(log_format="json")) as loads:
        load = loads.start(slowly, environment=clocks[0].environment)
        for _ in range(stage.world.size.repeats):
            load.until_it_works()
            for hours in (1, -1, 1):
                clocks[0].step(hours * HOUR)
                steps += 1
                _until_stamped(load, hours)
            time.sleep(chance.uniform(0, 2))
            clocks[1].step(-HOUR)
            heir = loads.start(slowly, environment=clocks[1].environment)
            load.kill()
            load = heir
            clocks.reverse()
        load.until_it_works()
        load.kill()
        assert loads.finish().code == 0, loads.started[-1].told
        takeovers = taken_over(stage, loads)
        judge(stage, loads, takeovers)
        return Seen(
            injected=f"{steps} steps of an hour forwards and back; a process that was an hour ahead killed, and "
            f"replaced by one that was an hour behind, {often(stage.world.size.repeats)}",
            seen="leases are judged by the server's clock: nobody lost one, nobody waited longer for one",
            takeovers=takeovers,
        )


def _until_stamped(load: Load, hours: int) -> None:
    """Waits until the process has logged something by its new clock."""
    since = time.time()
    wanted = since + hours * HOUR
    until(lambda: not load.lives or any(0 <= stamp - wanted < HOUR / 2 for stamp in _stamps(load)), "it sees the step")
    assert load.lives, load.told
    assert "trying to take it again" not in load.told, load.told


def _stamps(load: Load) -> Iterator[float]:
    for line in load.told.splitlines():
        if line.startswith("{") and line.endswith("}"):
            yield datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
