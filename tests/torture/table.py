"""A table in a Markdown file between two comments, kept row by row: a new row takes the place of the former one."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Where it stands, what its columns are called, and by which of them, from the left, rows are told apart."""

    begin: str
    end: str
    head: tuple[str, ...]
    keys: int

    def keep(self, document: Path, cells: tuple[str, ...], order: Sequence[tuple[str, ...]]) -> None:
        """Puts one row in; `order`: the keys of all rows that there may be, the others go."""
        text = document.read_text(encoding="utf-8")
        before, _, rest = text.partition(self.begin)
        table, _, after = rest.partition(self.end)
        rows = {found[: self.keys]: found for found in self._rows(table)}
        rows[cells[: self.keys]] = cells
        known = [rows[key] for key in order if key in rows]
        document.write_text(f"{before}{self.begin}\n\n{self._text(known)}\n{self.end}{after}", encoding="utf-8")

    def _rows(self, table: str) -> Iterator[tuple[str, ...]]:
        for line in table.splitlines():
            cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
            if len(cells) == len(self.head) and cells != self.head and not cells[0].startswith("---"):
                yield cells

    def _text(self, rows: Sequence[tuple[str, ...]]) -> str:
        lines = [self.head, tuple("---" for _ in self.head), *rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"The machine: {machine()}.\n\n{table}\n"


def machine() -> str:
    """The machine in general terms."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
