"""Runs worlds by seed: `python -m tests.simulation --seeds 2000`, or one alone with `--first 17`.

Python's own order of sets of text depends on a seed of the process; it is started anew with a fixed one, so that every
seed gives the same world everywhere.
"""

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import time

import structlog

from tests.simulation.mutants import FAILED, omissions_of
from tests.simulation.shrink import shrunk
from tests.simulation.trace import fingerprint, told
from tests.simulation.world import run
from tests.simulation.worlds import plan_of

SEEDS_BETWEEN_SWEEPS = 25


def main() -> int:
    """Exit code `FAILED` where a world fails."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], fixed())
    # The trace tells what happens; the product's own log would only cost time.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    options = _options()
    if options.share is not None:
        return _share(options)
    if options.seeds == 1:
        return _alone(options.first, options)
    return _all(options)


def fixed() -> dict[str, str]:
    """The environment of a run that can be repeated."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many; one alone is told step by step")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many share the work")
    parser.add_argument("--only", choices=("law", "jobs", "crowd"), help="every seed is a world of that sort")
    parser.add_argument("--mutant", help="the step that the simulated graph leaves out")
    parser.add_argument("--no-shrinking", action="store_true", help="tell a failing world as it is")
    parser.add_argument("--stop", action="store_true", help="end at the first seed that fails")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _share(options: argparse.Namespace) -> int:
    """One process's share of the seeds: a line of JSON for each that fails, and one at the end."""
    gc.freeze()
    gc.disable()
    failed = worlds = 0
    began = time.perf_counter()
    for seed in range(options.first + options.share, options.first + options.seeds, options.processes):
        report = run(plan_of(seed, options.only), omissions_of(options.mutant))
        worlds += 1
        if report.failed:
            failed += 1
            print(json.dumps({"seed": seed, "problems": report.problems[:3]}), flush=True)
            if options.stop:
                break
        if worlds % SEEDS_BETWEEN_SWEEPS == 0:
            gc.collect()
    print(json.dumps({"worlds": worlds, "seconds": time.perf_counter() - began}), flush=True)
    return FAILED if failed else 0


def _all(options: argparse.Namespace) -> int:
    shares = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:], "--share", str(share)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=fixed(),
        )
        for share in range(options.processes)
    ]
    lines = [json.loads(line) for share in shares for line in share.communicate()[0].splitlines() if line[:1] == "{"]
    failed = sorted((line for line in lines if "seed" in line), key=lambda line: int(line["seed"]))
    ended = [line for line in lines if "worlds" in line]
    if len(ended) < len(shares):
        print("a process of the simulation ended before its work was done: run its seeds with --processes 1")
        return 2
    worlds, seconds = sum(line["worlds"] for line in ended), max(line["seconds"] for line in ended)
    print(f"{worlds} worlds from seed {options.first} on in {seconds:.0f} s, {len(failed)} failed")
    for line in failed[:20]:
        print(f"seed {line['seed']}: {line['problems'][0]}")
    if failed and not options.stop:
        _alone(failed[0]["seed"], options)
    return FAILED if failed else 0


def _alone(seed: int, options: argparse.Namespace) -> int:
    """One world, told step by step; a failing one is cut down first."""
    plan, omissions = plan_of(seed, options.only), omissions_of(options.mutant)
    report = run(plan, omissions)
    if report.failed and not options.no_shrinking:
        print(f"seed {seed} fails: {'; '.join(report.problems[:3])}\ncut down as far as it goes on failing:\n")
        plan = shrunk(plan, lambda smaller: run(smaller, omissions).failed)
        report = run(plan, omissions)
    print(told(plan, report))
    print(f"\nseed {seed}: {'failed' if report.failed else 'as it should be'}; fingerprint {fingerprint(report)}")
    return FAILED if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
