"""What is done at each size. Every step is a process of its own, so that its peak of memory is its own."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.scale import small
from bench.scale.process import Cost, command, spent
from tests.integration.command_line import sandbox

WINDOW = ("--as-of", "2018-01-02", "--lookback-days", "3650")
FAST = ("--rate-limit", "10000", "--concurrency", "16")


class Measured(NamedTuple):
    """A step at a size."""

    step: str
    size: int
    unit: str
    cost: Cost


def embedded(file: Path) -> dict[str, str]:
    """Graph and jobs in one file."""
    return {"graph": f"sqlite:///{file}", "store": f"sqlite:///{file}"}


def ids(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """A dry run walks a file of ids: reading, freezing and walking it, without a service or a graph."""
    made = []
    for size in sizes:
        file = folder / f"{size}.txt"
        file.write_text("".join(f"user-{number:09d}\n" for number in range(size)))
        settings = embedded(folder / f"{size}.db") | {"upstream": "http://127.0.0.1:1"}
        cost = command(folder, settings, "backfill", "purchases", "--user-file", str(file), "--dry-run", *WINDOW, *FAST)
        made.append(Measured("dry run of a file of ids", size, "ids", cost))
    return made


def graph(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """A generated graph: made by the join, counted, digested, copied into another file."""
    made = []
    for size in sizes:
        file, copy = folder / f"{size}.db", folder / f"{size}-copy.db"
        made.append(Measured("join", size, "purchases", spent(folder, {}, _population(file, size))))
        made.append(Measured("graph stats", size, "purchases", command(folder, embedded(file), "graph", "stats")))
        cost = command(folder, embedded(file), "graph", "digest", "--json")
        made.append(Measured("graph digest", size, "purchases", cost))
        urls = ("--from", f"sqlite:///{file}", "--to", f"sqlite:///{copy}")
        cost = command(folder, {}, "graph", "copy", *urls, "--json")
        assert json.loads(cost.out)["equal"]
        made.append(Measured("graph copy, SQLite to SQLite, both digests in it", size, "purchases", cost))
        _remove(copy)
        _remove(file)
    return made


def _population(file: Path, purchases: int, common: int = 0) -> list[str]:
    return ["-m", "bench.scale.population", str(file), str(purchases), str(common)]


def receipts(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """One user with very many receipts: loaded page by page, then again with nothing changed."""
    made = []
    for size in sizes:
        options = ("--heavy-users", "1", "--heavy-receipts", str(size))
        with sandbox(folder, *options) as url:
            settings = embedded(folder / f"{size}.db") | {"upstream": url}
            for step in ("a user's receipts, first load", "a user's receipts again, nothing changed"):
                load = ("backfill", "purchases", "--user-id", "heavy-0000001", *WINDOW, "--reset-cursor", "--key", "k")
                made.append(Measured(step, size, "receipts", command(folder, settings, *load)))
    return made


def purchasers(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """A product that everybody bought changes its category: the pass that recounts them all."""
    made = []
    for size in sizes:
        file = folder / f"{size}.db"
        made.append(
            Measured("users who bought one product", size, "users", spent(folder, {}, _population(file, 0, size)))
        )
        cost = spent(folder, {}, ["-m", "bench.scale.moved", str(file)])
        made.append(Measured("recount of its purchasers", size, "users", cost))
        _remove(file)
    return made


def failures(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """A job nearly all of whose items fail: walked, looked at, exported, retried."""
    made = []
    for size in sizes:
        file = folder / f"{size}.db"
        settings, job = embedded(file), ["-m", "bench.scale.failing", str(file), str(size)]
        made.append(Measured("a job whose items fail", size, "failures", spent(folder, {}, [*job, "walk"])))
        made.append(Measured("jobs show", size, "failures", command(folder, settings, "jobs", "show", "failing")))
        for step, option in (("jobs failures", ()), ("jobs failures --json", ("--json",))):
            cost = command(folder, settings, "jobs", "failures", "failing", *option)
            made.append(Measured(step, size, "failures", cost))
        made.append(Measured("all of them retried", size, "failures", spent(folder, {}, [*job, "retry"])))
        _remove(file)
    return made


def load(folder: Path, sizes: Sequence[int]) -> list[Measured]:
    """Users who have bought little, from the sandbox over HTTP into one file."""
    small.write(folder / "small")
    made = []
    with sandbox(folder, "--data", str(folder / "small"), "--users", str(max(sizes))) as url:
        for size in sizes:
            file = folder / f"{size}.txt"
            file.write_text("".join(f"inv-{number:07d}\n" for number in range(1, size + 1)))
            settings = embedded(folder / f"{size}.db") | {"upstream": url}
            arguments = ("backfill", "purchases", "--user-file", str(file), *WINDOW, *FAST, "--key", "k")
            made.append(Measured("load over HTTP", size, "users", command(folder, settings, *arguments)))
            _remove(folder / f"{size}.db")
    return made


def _remove(file: Path) -> None:
    for name in _files(file):
        name.unlink(missing_ok=True)


def _files(file: Path) -> Iterator[Path]:
    yield from (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))
