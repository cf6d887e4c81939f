"""The table of what was injected and seen, in the same document as that of the torture."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.soak.company import Company
from tests.soak.faults import Fault
from tests.soak.oracle import Verdict
from tests.soak.register import FAULTS
from tests.torture.outages import UNKNOWN
from tests.torture.table import Table

TABLE = Table(
    begin="<!-- What follows is written by `make soak`. -->",
    end="<!-- Here the soak's table ends. -->",
    head=("fault", "injected", "seen", "users", "events", "facts by then"),
    keys=1,
)
TOGETHER = "All of them at random"
TOLD = (
    ("live-waiting", "consumers waited"),
    ("dependency-down", "workers waited for the graph or a service"),
    ("] waits ", "workers waited for the store"),
    ("outcomes-wait", "outcomes waited for the store"),
    ("queue-down", "workers waited for the queue"),
    ("waiting until", "the job paused"),
    ("trying to take it again", "the job's lease ran out"),
    (UNKNOWN, "commits of unknown outcome"),
    ("handle-stale", "messages seen by another worker meanwhile"),
    ("message-kept", "messages kept after their work was done"),
    ("not-deleted", "messages not deleted at once"),
    ("cache-away", "questions to a cache that was away"),
    ("enrolments-not-read", "looks at the gate that failed"),
    ("enrolment-waits", "steps of enrolments that waited"),
    ("partitions-taken", "partitions handed over"),
)
"""What processes say, and what it means."""


@dataclass(slots=True)
class Ear:
    """Hears what processes say from now on."""

    company: Company
    before: dict[str, int]

    @classmethod
    def of(cls, company: Company) -> "Ear":
        return cls(company, {words: company.said(words) for words, _ in TOLD})

    def heard(self) -> list[str]:
        counts = [(meaning, self.company.said(words) - self.before[words]) for words, meaning in TOLD]
        return [f"{meaning}: {count:,}" for meaning, count in counts if count]


@dataclass(slots=True)
class Row:
    """One fault's row, filled in when it is judged."""

    title: str
    injected: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Prints each row, and keeps it where there is a document."""

    company: Company
    document: Path | None

    @contextmanager
    def row(self, title: str) -> Iterator[Row]:
        """The row of what is injected within the block."""
        print(f"{title} …", flush=True)
        row, ear, began = Row(title), Ear.of(self.company), time.monotonic()
        yield row
        assert row.verdict is not None
        cells = _cells(row, row.verdict, ear.heard())
        print(f"  {'; '.join(cells[1:])} ({time.monotonic() - began:.0f} s)", flush=True)
        if self.document is not None:
            TABLE.keep(self.document, cells, [(fault.title,) for fault in FAULTS] + [(TOGETHER,)])


def _cells(row: Row, verdict: Verdict, heard: list[str]) -> tuple[str, ...]:
    seen = [*heard, f"loaded by a retry: {verdict.retried:,}"] if verdict.retried else heard
    counts = (f"{verdict.users:,}", f"{verdict.events:,}", f"{verdict.facts:,}")
    return (row.title, row.injected, "; ".join(seen) or "–", *counts)


def injected_together(faults: Sequence[Fault], seconds: float) -> str:
    """How often each fault was injected."""
    counts = ", ".join(f"{fault.title} ({fault.times:,})" for fault in faults if fault.times)
    return f"for {seconds / 60:.0f} minutes, up to three at a time: {counts}"
