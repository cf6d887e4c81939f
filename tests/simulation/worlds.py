"""Which world a seed is."""

from typing import Literal, TypeAlias

from tests.simulation.crowd.draw import crowd_plan
from tests.simulation.draw import jobs_plan, law_plan
from tests.simulation.plan import Plan

Sort: TypeAlias = Literal["law", "jobs", "crowd"]


def sort_of(seed: int) -> Sort:
    """In every fifth world jobs are run; in every hundredth the present goes on beside them, which takes long."""
    if seed % 100 == 9:
        return "crowd"
    return "jobs" if seed % 5 == 2 else "law"


def plan_of(seed: int, only: Sort | None = None) -> Plan:
    """The world of a seed. `only`: the world of that sort that the seed would be."""
    match only or sort_of(seed):
        case "crowd":
            return crowd_plan(seed)
        case "jobs":
            return jobs_plan(seed)
        case _:
            return law_plan(seed)
