"""A seed is a world: it can be told again, and a world that fails can be cut down to what matters."""

import subprocess
import sys

from tests.simulation.__main__ import fixed
from tests.simulation.mutants import omissions_of
from tests.simulation.shrink import shrunk
from tests.simulation.trace import told
from tests.simulation.world import run
from tests.simulation.worlds import plan_of

RICH = 33
"""A seed whose world has most things in it."""


def _told(seed: int) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--first", str(seed)]
    return subprocess.run(command, env=fixed(), capture_output=True, text=True, check=True).stdout


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    story = _told(RICH)

    assert "fingerprint" in story
    assert story.count("\n") > 100
    assert _told(RICH) == story


def test_another_seed_tells_another_story() -> None:
    assert _told(RICH) != _told(RICH + 1)


def test_a_failing_world_is_cut_down_to_a_few_facts_and_still_fails() -> None:
    omissions = omissions_of("the users' lock")
    seed = next(seed for seed in range(100) if run(plan_of(seed), omissions).failed)
    plan = plan_of(seed)

    smaller = shrunk(plan, lambda candidate: run(candidate, omissions).failed, tries=400)

    report = run(smaller, omissions)
    assert report.failed
    assert sum(len(actor.facts) for actor in smaller.actors) <= 4
    assert told(smaller, report).count("\n") < 80
    assert not run(smaller).failed, "with the lock nothing is wrong"
