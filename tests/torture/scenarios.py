"""Every disturbance, by name, and the combinations that it can happen to."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.torture import kills
from tests.torture.stage import COMBINATIONS, Combination, Stage
from tests.torture.verdict import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One disturbance: `act` injects it into one load, sees the load to its end and judges it."""

    name: str
    title: str
    act: Callable[[Stage, random.Random], Seen]
    combinations: tuple[Combination, ...] = COMBINATIONS
    lease_seconds: float | None = None
    """Another lease than the size of the whole says: longer than several processes take to begin on a busy machine."""


SCENARIOS = (
    Scenario(name="kill", title="Killed", act=kills.killed),
    Scenario(name="compete", title="Competing processes", act=kills.competing, lease_seconds=10),
)
