"""`python -m tests.torture`: every disturbance on every combination, or those that are named.

A run that fails prints its seed; the same seed makes the same choices, if not the same moments.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

from tests.servers.neo4j import LTS, PRESENT, Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.toxiproxy import ToxiproxyServer
from tests.torture import report
from tests.torture.scenarios import SCENARIOS, Scenario
from tests.torture.stage import COMBINATIONS, SHORT, WHOLE, Combination, Servers, World, new_world, set_up


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that disks are unmounted and servers ended
    chosen = [
        (scenario, combination)
        for scenario in SCENARIOS
        if not arguments.only or scenario.name in arguments.only
        for combination in scenario.combinations
        if not arguments.on or combination.title in arguments.on
    ]
    print(f"seed {arguments.seed}: {len(chosen)} disturbances", flush=True)
    failed = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retrograph-torture-")))
        servers = _started(stack, {combination for _, combination in chosen}, lts=arguments.lts)
        world = stack.enter_context(new_world(folder, SHORT if arguments.short else WHOLE))
        print(f"{len(world.ids):,} users, {world.undisturbed['facts']:,} facts, {world.undisturbed['digest']}")
        for scenario, combination in chosen:
            row = _one(scenario, combination, world, servers, arguments.seed)
            failed += row is None
            if row is not None and arguments.document:
                report.keep(arguments.document, row)
    return 1 if failed else 0


def _one(
    scenario: Scenario, combination: Combination, world: World, servers: Servers, seed: int
) -> "report.Row | None":
    began = time.monotonic()
    print(f"{scenario.name} on {combination.title} …", flush=True)
    try:
        with set_up(world, combination, servers, lease_seconds=scenario.lease_seconds) as stage:
            seen = scenario.act(stage, random.Random(f"{seed} {scenario.name} {combination.title}"))
    except Exception as error:
        print(f"  FAILED with seed {seed}: {''.join(traceback.format_exception(error))}", flush=True)
        return None
    row = report.Row.of(scenario, combination, len(world.ids), seen)
    print(f"  {row.injected}; {row.seen}; {row.takeover} ({time.monotonic() - began:.0f} s)", flush=True)
    return row


def _started(stack: ExitStack, combinations: set[Combination], *, lts: bool) -> Servers:
    used = {part for combination in combinations for part in combination}
    return Servers(
        postgres=stack.enter_context(PostgresServer()) if "PostgreSQL" in used else None,
        neo4j=stack.enter_context(Neo4jServer(LTS if lts else PRESENT)) if "Neo4j" in used else None,
        toxiproxy=stack.enter_context(ToxiproxyServer()) if "PostgreSQL" in used else None,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture ARGS=…", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[scenario.name for scenario in SCENARIOS], help="disturbances")
    parser.add_argument("--on", nargs="+", choices=[one.title for one in COMBINATIONS], help="job store + graph")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--short", action="store_true", help="a part of the sample, each disturbance a few times")
    parser.add_argument("--lts", action="store_true", help="the long-term release of Neo4j instead of the present one")
    parser.add_argument("--document", type=Path, help="the Markdown file whose table gets what was seen")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
