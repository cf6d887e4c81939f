"""Each disturbance, a few times, over a part of the sample, on at least one combination."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.torture.scenarios import SCENARIOS
from tests.torture.stage import POSTGRES, SERVERS, SHORT, SQLITE, Combination, Servers, World, new_world, set_up

SEED = 4
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
CASES = (("kill", SQLITE), ("kill", SERVERS), ("compete", POSTGRES))
FIXTURES = {"PostgreSQL": "postgres", "Neo4j": "neo4j_lts"}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The sandbox, some users, and what an undisturbed load makes of them."""
    with new_world(tmp_path_factory.mktemp("torture"), SHORT) as made:
        yield made


def case(name: str, combination: Combination) -> Any:
    """A test that needs the servers of its combination."""
    marks = [] if combination is SQLITE else [pytest.mark.server]
    return pytest.param(name, combination, marks=marks, id=f"{name}-{'-'.join(combination)}")


@pytest.mark.parametrize(("name", "combination"), [case(*one) for one in CASES])
def test_a_load_ends_as_if_nothing_had_happened(
    name: str, combination: Combination, world: World, request: pytest.FixtureRequest
) -> None:
    found = {part: request.getfixturevalue(FIXTURES[part]) for part in combination if part in FIXTURES}
    toxiproxy = request.getfixturevalue("_toxiproxy") if combination is SERVERS else None
    servers = Servers(postgres=found.get("PostgreSQL"), neo4j=found.get("Neo4j"), toxiproxy=toxiproxy)
    with set_up(world, combination, servers, lease_seconds=BY_NAME[name].lease_seconds) as stage:
        seen = BY_NAME[name].act(stage, random.Random(SEED))
    print(f"{seen.injected}; {seen.seen}; {seen.takeovers}")
