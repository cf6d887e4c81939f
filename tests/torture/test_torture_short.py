"""Each disturbance, a few times, over a part of the sample, on at least one combination."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import MISSING
from tests.servers.downloads import Unavailable
from tests.torture.scenarios import SCENARIOS
from tests.torture.stage import POSTGRES, SERVERS, SHORT, SQLITE, Combination, Servers, World, new_world, set_up

SEED = 4
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
CASES = (
    ("kill", SQLITE),
    ("kill", SERVERS),
    ("compete", POSTGRES),
    ("freeze", SQLITE),
    ("postgres-restart", POSTGRES),
    ("neo4j-restart", SERVERS),
    ("graph-cut", SERVERS),
    ("disk-full", SQLITE),
    ("clock", POSTGRES),
)
NEEDS_MOUNT = ("disk-full",)
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
    scenario = BY_NAME[name]
    try:
        with set_up(world, combination, servers, lease_seconds=scenario.lease_seconds) as stage:
            seen = scenario.act(stage, random.Random(SEED))
    except Unavailable as reason:
        # Where one may not mount anything, as in most containers, the test says so loudly, in CI as well.
        report = pytest.fail if os.environ.get("CI") == "true" and name not in NEEDS_MOUNT else pytest.skip
        report(f"{MISSING}{reason}")
    print(f"{seen.injected}; {seen.seen}; {seen.takeovers}")
