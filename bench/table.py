"""The table in docs/performance.md: a line for each row that was measured here; the others stay as they are."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.measure import Lap, Options, Result

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "performance.md"
CACHE: Final = ROOT / "build" / "bench"
HEADER: Final = (
    "| row | work | against | goal | measured: median (least to most) | ours | against | noted | pairs | on |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def line(result: Result, machine: str, today: str) -> str:
    """One line of the table."""
    row, unit = result.row, result.row.goal.unit if result.row.goal else "×"
    figures = result.figures
    verdict = "" if row.goal is None else " ✓" if row.goal.met(result.median) else " ✗"
    cells = (
        f"`{row.name}`",
        row.work,
        row.reference,
        str(row.goal or "–"),
        f"**{result.median:.2f}{unit}** ({min(figures):.2f}–{max(figures):.2f}){verdict}",
        f"{_speed(result.ours)} {row.unit}",
        f"{_speed(result.reference)} {row.unit}",
        "; ".join(filter(None, (_noted("ours", result.ours), _noted("against", result.reference)))) or "–",
        str(len(figures)),
        f"{today}, {machine}",
    )
    return f"| {' | '.join(cells)} |"


def _speed(laps: Sequence[Lap]) -> str:
    return f"{statistics.median(lap.speed for lap in laps):,.0f}"


def _noted(side: str, laps: Sequence[Lap]) -> str:
    names = dict.fromkeys(name for lap in laps for name in lap.counts)
    most = {name: max(lap.counts.get(name, 0) for lap in laps) for name in names}
    told = [f"{name} {number:,.0f}" for name, number in most.items() if number or name == "retried"]
    return f"{side}: {', '.join(told)} at most" if told else ""


def keep(result: Result, options: Options, machine: str) -> None:
    """Caches the laps, and puts the row's line into the document."""
    today = datetime.now(UTC).date().isoformat()
    CACHE.mkdir(parents=True, exist_ok=True)
    laps = {"on": today, "machine": machine, "heap": options.heap, "ours": result.ours, "reference": result.reference}
    (CACHE / f"{result.row.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(laps)))
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(merged(text, result.row.name, line(result, machine, today)), encoding="utf-8")


def merged(text: str, name: str, new: str) -> str:
    """The document with this line in the place of the row's former one, or at the table's end."""
    lines = text.splitlines()
    begin = lines.index(HEADER[1]) + 1
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    table = lines[begin:end]
    former = [number for number, old in enumerate(table) if old.startswith(f"| `{name}` |")]
    if former:
        table[former[0]] = new
    else:
        table.append(new)
    return "\n".join([*lines[:begin], *table, *lines[end:]]) + "\n"
