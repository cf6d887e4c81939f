"""Every disturbance, by name, and the combinations that it can happen to."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.torture import clocks, disks, freezing, kills, outages
from tests.torture.stage import COMBINATIONS, POSTGRES, SERVERS, SQLITE, Combination, Stage
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


WITH_POSTGRES = (POSTGRES, SERVERS)

SCENARIOS = (
    Scenario(name="kill", title="Killed", act=kills.killed),
    Scenario(name="compete", title="Competing processes", act=kills.competing, lease_seconds=10),
    Scenario(name="freeze", title="Frozen past its lease", act=freezing.frozen, lease_seconds=10),
    Scenario(
        name="postgres-restart",
        title="PostgreSQL restarted",
        act=outages.postgres_restarted,
        combinations=WITH_POSTGRES,
    ),
    Scenario(name="neo4j-restart", title="Neo4j restarted", act=outages.neo4j_restarted, combinations=(SERVERS,)),
    Scenario(name="graph-cut", title="Neo4j cut off in a commit", act=outages.graph_cut, combinations=(SERVERS,)),
    Scenario(
        name="store-cut", title="PostgreSQL cut off in a commit", act=outages.store_cut, combinations=WITH_POSTGRES
    ),
    Scenario(name="disk-full", title="The disk of SQLite full", act=disks.sqlite_full, combinations=(SQLITE, POSTGRES)),
    Scenario(
        name="postgres-disk-full",
        title="The disk of PostgreSQL full",
        act=disks.postgres_full,
        combinations=WITH_POSTGRES,
    ),
    Scenario(
        name="clock", title="Clock stepped by an hour", act=clocks.stepped, combinations=WITH_POSTGRES, lease_seconds=10
    ),
)
