"""Looks over the shoulder of every transaction on the job store: who may write what, and when.

None of it is what the product checks by: it compares what stood in the tables before with what stands there after.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from retrograph.jobs.state import EDGES, NEEDS_RESET, JobState
from retrograph.jobs.store import Claimed, Lease

Rows: TypeAlias = Mapping[str, Mapping[str, Any]]

COLUMNS: Final = (
    "job_id",
    "key",
    "kind",
    "state",
    "epoch",
    "checkpoints",
    "holder",
    "lease_until",
    "cursor",
    "processed",
    "failed",
    "skipped",
)


EXCLUSIVE: Final = "purchases"
"""The kind of which one job may run at a time."""


class Audit:
    """What it finds goes to `problems`, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self._claims: dict[tuple[str, int], str] = {}

    def look(self, connection: sqlite3.Connection) -> Rows:
        """Every job as it is."""
        found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM jobs").fetchall()
        return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in found}

    def judge(self, who: str, work: Any, result: Any, before: Rows, connection: sqlite3.Connection, now: int) -> None:
        """After a transaction that is about to commit. `now` is the store's time then."""
        after = self.look(connection)
        verb = work.func.__name__ if isinstance(work, partial) else work.__name__
        if isinstance(result, Claimed):
            self._claimed(who, result.lease, before, now)
        lease = work.keywords.get("lease") if isinstance(work, partial) else None
        if isinstance(lease, Lease):
            self._written(who, verb, lease, before[lease.job_id], after[lease.job_id], now)

    def _claimed(self, who: str, lease: Lease, before: Rows, now: int) -> None:
        mine = before[lease.job_id]
        for row in before.values():
            held = row["holder"] is not None and row["lease_until"] > now
            if held and (row is mine or row["kind"] == mine["kind"] == EXCLUSIVE):
                self._found(f"{who} was given {mine['key']} while {row['holder']} held {row['key']}")
        if (lease.job_id, lease.epoch) in self._claims:
            self._found(f"{who} was given epoch {lease.epoch} of {mine['key']}, which was given before")
        self._claims[lease.job_id, lease.epoch] = who

    def _written(
        self, who: str, verb: str, lease: Lease, before: Mapping[str, Any], after: Mapping[str, Any], now: int
    ) -> None:
        if before == after:
            return
        key = before["key"]
        if self._claims.get((lease.job_id, before["epoch"])) != who:
            holder = self._claims.get((lease.job_id, before["epoch"]))
            self._found(f"{who} wrote a {verb} of {key} under epoch {before['epoch']}, which was given to {holder}")
        elif lease.epoch != before["epoch"]:
            self._found(f"{who} wrote a {verb} of {key} by epoch {lease.epoch} under epoch {before['epoch']}")
        elif before["holder"] is None or before["lease_until"] <= now:
            self._found(f"{who} wrote a {verb} of {key} after its lease had run out")

    def _found(self, problem: str) -> None:
        self.problems.append(problem)


def chain(events: Sequence[Any]) -> list[str]:
    """What is wrong with a job's log: every change is an edge of the table, and begins where the last one ended."""
    problems, state = [], None
    for event in events:
        if event.target is None:
            continue
        if event.origin is not state:
            problems.append(f"the log goes on from {event.origin} where the job was {state}")
        edge = (event.origin, event.target)
        if event.origin is not None and edge not in EDGES:
            problems.append(f"the job went from {event.origin} to {event.target}")
        if edge in NEEDS_RESET and event.what != "reset":
            problems.append(f"the job went from {event.origin} to {event.target} without a reset")
        state = event.target
    if state is not JobState.SUCCEEDED:
        problems.append(f"the job ended as {state}")
    return problems
