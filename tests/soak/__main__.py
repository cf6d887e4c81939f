"""`python -m tests.soak`: each fault alone, then all of them at random, or those that are named.

A run that fails prints its seed; the same seed makes the same choices, if not the same moments.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.servers.elasticmq import ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.neo4j import LTS, PRESENT, Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.server import Server
from tests.servers.toxiproxy import ToxiproxyServer
from tests.soak.company import at_work
from tests.soak.oracle import Oracle
from tests.soak.register import FAULTS
from tests.soak.report import TOGETHER, Told, injected_together
from tests.soak.soaking import alone, enrolled_first, rounds_within, together
from tests.soak.stage import Servers, set_up


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="retrograph-soak-"))
    chosen = [(number, kind) for number, kind in enumerate(FAULTS) if not arguments.only or kind.name in arguments.only]
    seconds = 60 * arguments.minutes
    rounds = slice(len(FAULTS), len(FAULTS) + rounds_within(seconds))
    with ExitStack() as stack:
        servers = _started(stack, lts=arguments.lts)
        stage = stack.enter_context(set_up(folder, servers, arguments.seed))
        alone_casts = [stage.casts[number] for number, _ in chosen]
        enrolled = enrolled_first([*alone_casts, *stage.casts[rounds]])
        company = stack.enter_context(at_work(stage, enrolled))
        oracle = Oracle(stage, enrolled)
        told = Told(company, arguments.document)
        try:
            for (_, kind), cast in zip(() if arguments.together else chosen, alone_casts, strict=False):
                fault = kind(company)
                with told.row(kind.title) as row:
                    row.verdict, row.injected = alone(company, oracle, fault, cast), fault.injected
            if seconds:
                faults = [kind(company) for _, kind in chosen]
                with told.row(TOGETHER) as row:
                    row.verdict = together(company, oracle, faults, stage.casts[rounds], seconds)
                    row.injected = injected_together(faults, seconds)
        except Exception as error:
            print(f"FAILED with seed {arguments.seed}: {''.join(traceback.format_exception(error))}", flush=True)
            print(f"What the processes said is in {folder / 'logs'}", flush=True)
            return 1
    shutil.rmtree(folder)
    return 0


def _started(stack: ExitStack, *, lts: bool) -> Servers:
    servers = Servers(
        kafka=KafkaServer(),
        elasticmq=ElasticMqServer(),
        redis=RedisServer(),
        postgres=PostgresServer(),
        neo4j=Neo4jServer(LTS if lts else PRESENT),
        toxiproxy=ToxiproxyServer(),
    )
    for server in servers.every:
        stack.callback(server.close)
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, servers.every))
    return servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[kind.name for kind in FAULTS], help="faults")
    parser.add_argument("--minutes", type=float, default=10, help="how long all at random; 0: not at all")
    parser.add_argument("--together", action="store_true", help="all at random only, none alone")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--lts", action="store_true", help="the long-term release of Neo4j instead of the present one")
    parser.add_argument("--document", type=Path, help="the Markdown file whose table gets what was seen")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
