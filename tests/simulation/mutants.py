"""Rules of the law that a mutant leaves out. A simulation that does not notice proves nothing.

Where a rule lives in the product, the mutant is a copy of the source with one snippet replaced; where it lives in a
step of a graph's adapter, the simulated graph leaves that step out.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.simulation.server import Omissions
from tests.simulation.worlds import Sort

FAILED: Final = 3
"""The exit code of a run in which a world failed; an error of the simulation itself has another one."""

SOURCE: Final = Path(__file__).parents[2] / "src"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A snippet of one file, and what replaces it; it must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule that is broken: by edits of the source, or by a step that the graph leaves out."""

    name: str
    edits: tuple[Edit, ...] = ()
    omission: str | None = None
    worlds: Sort = "law"
    """Those in which it shows."""
    first: int = 0
    """The first seed that is tried: worlds of a crowd take long."""


def _edit(name: str, *edits: tuple[str, str, str], worlds: Sort = "law", first: int = 0) -> Mutant:
    made = tuple(Edit(file=file, old=old, new=new) for file, old, new in edits)
    return Mutant(name=name, edits=made, worlds=worlds, first=first)


_COUNTED_BY_DIFFERENCE: Final = """\
        counts = counts_of(times, categories)
        if facts.loaded is None:
            before = {key: sum(len(edge.receipt_ids) for edge in edges) for key, edges in stored.purchases.items()}
            counts = {key: sum(held) for key, held in stored.counts.items()}
            for key in {**before, **times}:
                category = categories[key]
                if category is not None:
                    counts[category] = counts.get(category, 0) + times.get(key, 0) - before.get(key, 0)
            counts = {key: count for key, count in counts.items() if count > 0}
        _merge_counts(stored.counts, counts, changes)
    else:
"""
"""A join that takes an edge away, and changes the counts by what the edge had."""

MUTANTS: Final = (
    Mutant(name="the users' lock", omission="users_lock"),
    Mutant(name="the products' lock", omission="shared_lock"),
    Mutant(name="what is new is learnt under its lock", omission="created_under_lock"),
    Mutant(name="only the same mark is taken off", omission="mark_compared"),
    Mutant(name="what is made again is not new", omission="made_again"),
    _edit(
        "the mark",
        ("graph/shared.py", "mark=token if moved and not before.created else None,", "mark=None,"),
    ),
    _edit("the recount's wait", ("graph/recount.py", "        await self.graph.settle()\n", "")),
    _edit(
        "the wait comes after the marks are noted",
        (
            "graph/recount.py",
            "        marks = await self.graph.marks()\n        if not marks:\n            return RecountReport()\n"
            "        await self.graph.settle()\n",
            "        await self.graph.settle()\n        marks = await self.graph.marks()\n        if not marks:\n"
            "            return RecountReport()\n",
        ),
    ),
    _edit(
        "an edge that goes leads to its user",
        (
            "graph/merge.py",
            "        _merge_counts(stored.counts, counts_of(times, categories), changes)\n    else:\n",
            _COUNTED_BY_DIFFERENCE,
        ),
    ),
    _edit(
        "knowledge grows after the commit",
        (
            "graph/writer.py",
            "            await transaction.write_shared(changes)\n    knowledge.learn(stored, news)\n",
            "            await transaction.write_shared(changes)\n        knowledge.learn(stored, news)\n",
        ),
    ),
    _edit(
        "every mention is a node",
        ("graph/shared.py", "    if not missing:\n        return facts\n", "    return facts\n"),
    ),
    _edit(
        "the pairing rule of healing",
        (
            "graph/merge.py",
            "times = edge.timestamps if paired else repeat(UNKNOWN_TIME)",
            "times = edge.timestamps if paired else [*edge.timestamps, *([UNKNOWN_TIME] * 99)]",
        ),
    ),
    _edit(
        "the day in the descriptive field",
        (
            "graph/shared.py",
            "    return left if left >= right else right\n",
            "    return left if (left.rank, left.value) >= (right.rank, right.value) else right\n",
        ),
    ),
    _edit(
        "the later day of an equal value",
        (
            "graph/shared.py",
            "    return left if left >= right else right\n",
            "    return left if (left.rank, left.value) == (right.rank, right.value) or left >= right else right\n",
        ),
    ),
    _edit(
        "the checkpoint's epoch",
        (
            "jobs/sql/checkpoints.py",
            '    mine = row["epoch"] == lease.epoch and row["holder"] == stored(lease.holder, WORD_LENGTH)\n',
            "    mine = True\n",
        ),
        worlds="jobs",
    ),
    _edit(
        "the checkpoint's expiry",
        (
            "jobs/sql/checkpoints.py",
            'JobState(row["state"]) not in HELD or not lease_holds(row, now):',
            'JobState(row["state"]) not in HELD:',
        ),
        ("jobs/sql/checkpoints.py", 'if database.now(connection) >= row["lease_until"]:', "if False:"),
        worlds="jobs",
    ),
    _edit(
        "the time is read again before the commit",
        ("jobs/sql/checkpoints.py", 'if database.now(connection) >= row["lease_until"]:', "if False:"),
        worlds="jobs",
    ),
    _edit(
        "the items done above the cursor",
        ("jobs/ledger.py", "Window(job.cursor, claimed.done_above)", "Window(job.cursor)"),
        worlds="jobs",
    ),
    _edit(
        "a checkpoint sent twice counts once",
        ("jobs/sql/checkpoints.py", 'if row["checkpoints"] != wanted.number:', "if True:"),
        ("jobs/sql/checkpoints.py", '    if row["checkpoints"] != wanted.number - 1:', "    if False:"),
        worlds="jobs",
    ),
    _edit(
        "offsets are committed after the write",
        (
            "live/lane.py",
            "        await self._insist(write)\n",
            "        await self._insist(lambda: means.log.commit(self.partition, batch[-1].offset + 1))\n"
            "        await self._insist(write)\n",
        ),
        worlds="crowd",
        first=24,
    ),
    _edit(
        "an attempt counts once",
        (
            "jobs/sql/outcomes.py",
            "        set_={name: new[name] for name in names},\n"
            "        where=or_(outcomes.c.status.is_(None), better),\n",
            '        set_={**{name: new[name] for name in names}, "counted": None},\n',
        ),
        worlds="crowd",
        first=3,
    ),
    _edit(
        "whoever is enrolled is loaded a second time",
        ("enrolment/enrol.py", '        await self._tried("second-load", lambda: self._request("second"))\n', ""),
        worlds="crowd",
    ),
)


def named(name: str) -> Mutant:
    """The mutant of that name."""
    return next(mutant for mutant in MUTANTS if mutant.name == name)


def omissions_of(name: str | None) -> Omissions:
    """The steps that the simulated graph leaves out."""
    omission = named(name).omission if name else None
    return Omissions(**{omission: True}) if omission else Omissions()


def bred(mutant: Mutant, folder: Path) -> Path:
    """A copy of the source with the mutant's edits. Raises ValueError where a snippet is no longer there."""
    copy = folder / "src"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        path = copy / "retrograph" / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise ValueError(f"{edit.file} no longer holds {edit.old!r} once: the mutant needs another snippet")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return copy


def hunt(mutant: Mutant, folder: Path, *, seeds: int) -> subprocess.CompletedProcess[str]:
    """Runs worlds with the mutant until one fails: exit code `FAILED` means that it was caught."""
    source = bred(mutant, folder)
    command = [sys.executable, "-m", "tests.simulation", "--stop", "--first", str(mutant.first), "--seeds", str(seeds)]
    command += ["--only", mutant.worlds]
    return subprocess.run(
        [*command, "--processes", "1", "--mutant", mutant.name],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(source)},
        cwd=SOURCE.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
