"""What is done at each size. Every step is a process of its own, so that its peak of memory is its own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.scale import small
from bench.scale.process import Cost, command, spent
from bench.scale.servers import neo4j
from tests.integration.command_line import sandbox

WINDOW = ("--as-of", "2018-01-02", "--lookback-days", "3650")
FAST = ("--rate-limit", "10000", "--concurrency", "16")
LARGE_BATCHES = ("--batch-size", "2000")


class Measured(NamedTuple):
    """A step at a size."""

    step: str
    size: int
    unit: str
    cost: Cost


def embedded(file: Path) -> dict[str, str]:
    """Graph and jobs in one file."""
    return {"graph": f"sqlite:///{file}", "store": f"sqlite:///{file}"}


def ids(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """A dry run walks a file of ids: reading, freezing and walking it, without a service or a graph."""
    for size in sizes:
        file = folder / f"{size}.txt"
        file.write_text("".join(f"user-{number:09d}\n" for number in range(size)))
        settings = embedded(folder / f"{size}.db") | {"upstream": "http://127.0.0.1:1"}
        cost = command(folder, settings, "backfill", "purchases", "--user-file", str(file), "--dry-run", *WINDOW, *FAST)
        yield Measured("dry run of a file of ids", size, "ids", cost)


def graph(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """A generated graph: made by the join, counted, digested, copied into another file."""
    for size in sizes:
        file, copy = folder / f"{size}.db", folder / f"{size}-copy.db"
        settings = embedded(file)
        yield Measured("join into SQLite", size, "purchases", spent(folder, settings, _population(size)))
        yield Measured("graph stats, SQLite", size, "purchases", command(folder, settings, "graph", "stats"))
        cost = command(folder, settings, "graph", "digest", "--json")
        yield Measured("graph digest, SQLite", size, "purchases", cost)
        cost = _copied(folder, settings, settings["graph"], f"sqlite:///{copy}")
        yield Measured("graph copy, SQLite to SQLite, with both digests", size, "purchases", cost)
        _remove(copy)
        _remove(file)


def graph_neo4j(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """The same graph copied into Neo4j, counted and digested there, and copied back into another file."""
    for size in sizes:
        file, back = folder / f"{size}.db", folder / f"{size}-back.db"
        spent(folder, embedded(file), _population(size))
        with neo4j() as settings:
            cost = _copied(folder, settings, f"sqlite:///{file}", settings["graph"])
            yield Measured("graph copy, SQLite to Neo4j, with both digests", size, "purchases", cost)
            yield Measured("graph stats, Neo4j", size, "purchases", command(folder, settings, "graph", "stats"))
            cost = command(folder, settings, "graph", "digest", "--json")
            yield Measured("graph digest, Neo4j", size, "purchases", cost)
            cost = _copied(folder, settings, settings["graph"], f"sqlite:///{back}")
            yield Measured("graph copy, Neo4j to SQLite, with both digests", size, "purchases", cost)
        _remove(back)
        _remove(file)


def _population(purchases: int, common: int = 0) -> list[str]:
    return ["-m", "bench.scale.population", str(purchases), str(common)]


def _copied(folder: Path, settings: Mapping[str, str], source: str, target: str) -> Cost:
    cost = command(folder, settings, "graph", "copy", "--from", source, "--to", target, "--json")
    assert json.loads(cost.out)["equal"]
    return cost


def receipts(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """One user with very many receipts: loaded page by page, then again with nothing changed."""
    for size in sizes:
        options = ("--heavy-users", "1", "--heavy-receipts", str(size))
        with sandbox(folder, *options) as url:
            settings = embedded(folder / f"{size}.db") | {"upstream": url}
            for step in ("a user's receipts, first load", "a user's receipts again, nothing changed"):
                load = ("backfill", "purchases", "--user-id", "heavy-0000001", *WINDOW, "--reset-cursor", "--key", "k")
                yield Measured(step, size, "receipts", command(folder, settings, *load))


def purchasers(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """A product that everybody bought changes its category: the pass that recounts them all."""
    for size in sizes:
        file = folder / f"{size}.db"
        yield from _moved(folder, embedded(file), size, "SQLite")
        _remove(file)


def purchasers_neo4j(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """The same in Neo4j."""
    for size in sizes:
        with neo4j() as settings:
            yield from _moved(folder, settings, size, "Neo4j")


def _moved(folder: Path, settings: Mapping[str, str], size: int, where: str) -> Iterator[Measured]:
    cost = spent(folder, settings, _population(0, size))
    yield Measured(f"users who bought one product, joined into {where}", size, "users", cost)
    cost = spent(folder, settings, ["-m", "bench.scale.moved"])
    yield Measured(f"recount of its purchasers, {where}", size, "users", cost)


def failures(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """A job nearly all of whose items fail: walked, looked at, exported, retried."""
    for size in sizes:
        file = folder / f"{size}.db"
        settings, job = embedded(file), ["-m", "bench.scale.failing", str(file), str(size)]
        yield Measured("a job whose items fail", size, "failures", spent(folder, {}, [*job, "walk"]))
        yield Measured("jobs show", size, "failures", command(folder, settings, "jobs", "show", "failing"))
        for step, option in (("jobs failures", ()), ("jobs failures --json", ("--json",))):
            cost = command(folder, settings, "jobs", "failures", "failing", *option)
            yield Measured(step, size, "failures", cost)
        yield Measured("all of them retried", size, "failures", spent(folder, {}, [*job, "retry"]))
        _remove(file)


def load(folder: Path, sizes: Sequence[int]) -> Iterator[Measured]:
    """Users who have bought little, from the sandbox over HTTP into one file."""
    small.write(folder / "small")
    with sandbox(folder, "--data", str(folder / "small"), "--users", str(max(sizes))) as url:
        for size in sizes:
            file = folder / f"{size}.txt"
            file.write_text("".join(f"inv-{number:07d}\n" for number in range(1, size + 1)))
            settings = embedded(folder / f"{size}.db") | {"upstream": url}
            arguments = ("backfill", "purchases", "--user-file", str(file), *WINDOW, *FAST, *LARGE_BATCHES)
            yield Measured("load over HTTP into SQLite", size, "users", command(folder, settings, *arguments))
            _remove(folder / f"{size}.db")


def _remove(file: Path) -> None:
    for name in _files(file):
        name.unlink(missing_ok=True)


def _files(file: Path) -> Iterator[Path]:
    yield from (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))
