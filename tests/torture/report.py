"""The table of what was injected and seen, kept in a Markdown file between two comments, row by row."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.torture.scenarios import SCENARIOS, Scenario
from tests.torture.stage import COMBINATIONS, Combination
from tests.torture.table import Table
from tests.torture.verdict import Seen

TABLE = Table(
    begin="<!-- What follows is written by `make torture`. -->",
    end="<!-- Here it ends. -->",
    head=("disturbance", "job store + graph", "users", "injected", "seen", "slowest take-over"),
    keys=2,
)


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


def keep(document: Path, row: Row) -> None:
    """Puts a row into the document's table, in the place of the former one of the same disturbance."""
    order = [(scenario.title, combination.title) for scenario in SCENARIOS for combination in COMBINATIONS]
    TABLE.keep(document, row.cells, order)
