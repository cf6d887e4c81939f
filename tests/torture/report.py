"""The table of what was injected and seen, kept in a Markdown file between two comments, row by row."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.torture.scenarios import SCENARIOS, Scenario
from tests.torture.stage import COMBINATIONS, Combination
from tests.torture.verdict import Seen

BEGIN = "<!-- What follows is written by `make torture`. -->"
END = "<!-- Here it ends. -->"
HEAD = ("disturbance", "job store + graph", "users", "injected", "seen", "slowest take-over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One disturbance of one combination."""

    disturbance: str
    combination: str
    users: str
    injected: str
    seen: str
    takeover: str

    @classmethod
    def of(cls, scenario: Scenario, combination: Combination, users: int, seen: Seen) -> Self:
        slowest = max(seen.takeovers, key=lambda takeover: takeover.seconds - takeover.allowed, default=None)
        return cls(
            disturbance=scenario.title,
            combination=combination.title,
            users=f"{users:,}",
            injected=seen.injected,
            seen=seen.seen,
            takeover="–" if slowest is None else f"{slowest.seconds:.1f} s of {slowest.allowed + 1:g} s",
        )

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.disturbance, self.combination, self.users, self.injected, self.seen, self.takeover)


def machine() -> str:
    """The machine in general terms."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def keep(document: Path, row: Row) -> None:
    """Puts a row into the document's table, in the place of the former one of the same disturbance."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {cells[:2]: cells for cells in _rows(table)}
    rows[row.cells[:2]] = row.cells
    document.write_text(f"{before}{BEGIN}\n\n{_table(rows)}\n{END}{after}", encoding="utf-8")


def _rows(table: str) -> Iterator[tuple[str, ...]]:
    for line in table.splitlines():
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if len(cells) == len(HEAD) and cells != HEAD and not cells[0].startswith("---"):
            yield cells


def _table(rows: dict[tuple[str, ...], tuple[str, ...]]) -> str:
    order = [(scenario.title, combination.title) for scenario in SCENARIOS for combination in COMBINATIONS]
    known = [rows[key] for key in order if key in rows]
    lines = [HEAD, tuple("---" for _ in HEAD), *known]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"The machine: {machine()}.\n\n{table}\n"
