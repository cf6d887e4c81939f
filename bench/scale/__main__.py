"""`python -m bench.scale [CASE …]`: the same work at sizes that grow fourfold, and how its cost grows with them."""

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.scale import cases
from bench.scale.cases import Measured

CASES: Final[dict[str, Callable[[Path, Sequence[int]], Iterator[Measured]]]] = {
    "ids": cases.ids,
    "graph": cases.graph,
    "graph-neo4j": cases.graph_neo4j,
    "receipts": cases.receipts,
    "purchasers": cases.purchasers,
    "purchasers-neo4j": cases.purchasers_neo4j,
    "failures": cases.failures,
    "load": cases.load,
}
SIZES: Final = {
    "ids": (10_000, 100_000, 1_000_000),
    "graph": (625_000, 2_500_000, 10_000_000),
    "graph-neo4j": (62_500, 250_000, 1_000_000),
    "receipts": (6_250, 25_000, 100_000),
    "purchasers": (62_500, 250_000, 1_000_000),
    "purchasers-neo4j": (6_250, 25_000, 100_000),
    "failures": (6_250, 25_000, 100_000),
    "load": (10_000, 100_000, 1_000_000),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make scale", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of: {', '.join(CASES)}")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes, for one case")
    parser.add_argument("--folder", type=Path, help="where large files go; a temporary folder unless told otherwise")
    arguments = parser.parse_args()
    for name in arguments.cases or CASES:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            show(CASES[name](Path(folder), arguments.sizes or SIZES[name]))
    return 0


def show(measured: Iterable[Measured]) -> None:
    """A line for each step and size, with how fast the cost grew since the size before: 1.0 is in proportion."""
    before: dict[str, Measured] = {}
    for one in measured:
        grown = "–"
        if (last := before.get(one.step)) is not None and one.size > last.size:
            grown = f"{math.log(one.cost.cpu / last.cost.cpu) / math.log(one.size / last.size):.2f}"
        before[one.step] = one
        cost = one.cost
        figures = (one.size / cost.seconds, cost.peak_mb)
        said = (one.step, f"{one.size:,} {one.unit}", f"{cost.seconds:.1f}", f"{cost.cpu:.1f}")
        print(f"| {' | '.join((*said, *(f'{figure:,.0f}' for figure in figures), grown))} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
