"""The present beside the past: events, queues and openings of gates, and that nothing is missing between them."""

from dataclasses import replace

from tests.simulation.crowd.draw import crowd_plan
from tests.simulation.plan import Plan
from tests.simulation.world import run

SEEDS = range(60)


def without_second_loads(plan: Plan) -> Plan:
    assert plan.crowd is not None
    return replace(plan, crowd=replace(plan.crowd, second_loads=False))


def test_without_the_second_load_a_purchase_is_missing_between_history_and_stream() -> None:
    seed = next(seed for seed in SEEDS if run(without_second_loads(crowd_plan(seed))).failed)
    problems = run(without_second_loads(crowd_plan(seed))).problems
    assert any("the graph holds nothing; the facts say" in problem for problem in problems), problems
    assert run(crowd_plan(seed)).problems == []
