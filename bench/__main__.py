"""`python -m bench [ROW …]`: measures all rows or some, prints them, and puts their lines into docs/performance.md."""

import argparse
import asyncio
import os
import platform
import sys
import time
from importlib.metadata import version
from typing import Final

from bench import (
    embedded_rows,
    engine_rows,
    file_load_rows,
    file_rows,
    flag_rows,
    identity_rows,
    jobs_rows,
    kafka_rows,
    live_rows,
    load_rows,
    neo4j_live,
    neo4j_rows,
    queue_rows,
)
from bench.measure import PAIRS, Options, Row, run
from bench.neo4j_graph import close_servers
from bench.table import HEADER, keep, line
from retrograph.cli.session import spare_the_interpreter
from tests.servers.neo4j import PRESENT

ROWS: Final[tuple[Row, ...]] = (
    *neo4j_rows.ROWS,
    *neo4j_live.ROWS,
    *embedded_rows.ROWS,
    *flag_rows.ROWS,
    *engine_rows.ROWS,
    *load_rows.ROWS,
    *live_rows.ROWS,
    *kafka_rows.ROWS,
    *identity_rows.ROWS,
    *jobs_rows.ROWS,
    *queue_rows.ROWS,
    *file_rows.ROWS,
    *file_load_rows.ROWS,
)


def machine(options: Options) -> str:
    """What the figures depend on, without names."""
    parts = (
        f"{os.cpu_count()} cores",
        f"Python {platform.python_version()}",
        f"Neo4j {PRESENT.version}, {options.heap} heap, driver {version('neo4j')}",
        f"the first {options.users} users" if options.users is not None else "",
    )
    return ", ".join(filter(None, parts))


def main() -> int:
    arguments = _arguments()
    unknown = set(arguments.rows) - {row.name for row in ROWS}
    if unknown:
        print(f"There is no row {', '.join(sorted(unknown))}; there are:", *(row.name for row in ROWS), sep="\n  ")
        return 2
    pairs = 1 if arguments.tiny else arguments.pairs
    options = Options(pairs=pairs, tiny=arguments.tiny, heap=arguments.heap, users=arguments.users)
    spare_the_interpreter()  # as the product's own processes do
    write = not (arguments.tiny or arguments.dry)
    chosen = [row for row in ROWS if not arguments.rows or row.name in arguments.rows]
    try:
        lines = [_measured(row, options, write=write) for row in chosen]
    finally:
        close_servers()
    print(*HEADER, *lines, sep="\n")
    return 0


def _measured(row: Row, options: Options, *, write: bool) -> str:
    began = time.monotonic()
    result = asyncio.run(run(row, options, lambda text: print(f"  {text}", flush=True)))
    print(f"{row.name}: {time.monotonic() - began:.0f} s in all", flush=True)
    if write:
        keep(result, options, machine(options))
    return line(result, machine(options), "now")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs of each row ({PAIRS})")
    parser.add_argument("--heap", default="1g", help="the heap of Neo4j (1g)")
    parser.add_argument("--users", type=int, help="how many users the rows about loads into Neo4j take (all)")
    parser.add_argument("--tiny", action="store_true", help="a few users, one pair: does the benchmark itself work?")
    parser.add_argument("--dry", action="store_true", help="print only, leave the document as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
