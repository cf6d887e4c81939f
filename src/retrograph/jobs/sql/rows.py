"""Rows into values and values into rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from retrograph.jobs.job import Counts, Depth, Failure, Job, LogEvent, Parameters, Retry, Run, Sample, Spec
from retrograph.jobs.pressure import pressure_of
from retrograph.jobs.state import JobState
from retrograph.store.tables import jobs

JOB_COLUMNS = tuple(column for column in jobs.c if column.name not in ("done_above", "retried_above"))
"""Without the long ones, which only a claim needs."""


def to_json(value: object) -> str:
    """Compact JSON text; keys keep their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def spec_text(spec: Spec) -> str:
    """A spec as it is stored."""
    return to_json(asdict(spec))


def parameters_text(parameters: Parameters) -> str:
    """Parameters as they are stored."""
    return to_json(asdict(parameters))


def depth_text(depth: Depth | None) -> str | None:
    """How full a queue is, as it is stored."""
    return None if depth is None else to_json(asdict(depth))


def job_of(row: RowMapping) -> Job:
    """A job out of its row."""
    return Job(
        **{name: row[name] for name in _PLAIN},
        state=JobState(row["state"]),
        spec=Spec(**json.loads(row["spec"])),
        parameters=Parameters(**json.loads(row["parameters"])),
        counts=Counts(
            processed=row["processed"],
            failed=row["failed"],
            skipped=row["skipped"],
            skipped_by=json.loads(row["skipped_by"]),
            refused=json.loads(row["refused"]),
            found=json.loads(row["found"]),
        ),
        retry=_retry_of(row),
        pressure=pressure_of(json.loads(row["pressure"]) if row["pressure"] else None),
        depth=Depth(**json.loads(row["depth"])) if row["depth"] else None,
        finishing=bool(row["finishing"]),
        complete=bool(row["complete"]),
        whole=bool(row["whole"]),
        needs_attention=bool(row["needs_attention"]),
    )


_PLAIN = (
    *("job_id", "graph_id", "key", "kind", "reason", "message", "phase", "cursor", "total", "list_id", "rate"),
    *("sent", "answered", "attempt_base"),
    *("elapsed_ms", "epoch", "holder", "lease_until", "heartbeat_at", "idle_tries"),
    *("created_by", "created_at", "updated_at", "paused_at", "archived_at"),
)


def _retry_of(row: RowMapping) -> Retry | None:
    if row["retry_last"] is None:
        return None
    return Retry(cursor=row["retry_cursor"], last=row["retry_last"], selected=bool(row["retry_selected"]))


def failure_of(row: RowMapping) -> Failure:
    """A failure out of its row."""
    return Failure(**{name: row[name] for name in Failure.__slots__})


def run_of(row: RowMapping) -> Run:
    """A run out of its row."""
    plain = {name: row[name] for name in Run.__slots__ if name not in ("state", "parameters")}
    return Run(**plain, state=JobState(row["state"]), parameters=json.loads(row["parameters"]))


def event_of(row: RowMapping) -> LogEvent:
    """A line of the log out of its row."""
    origin, target = (JobState(row[name]) if row[name] else None for name in ("origin", "target"))
    plain = {name: row[name] for name in ("number", "at", "who", "what", "why")}
    return LogEvent(**plain, origin=origin, target=target)


def sample_of(row: RowMapping) -> Sample:
    """A sample out of its row."""
    return Sample(at=row["at"], rate=row["rate"], scanned=row["scanned"], failed=row["failed"])


def summed(stored: str, added: Mapping[str, int]) -> str:
    """Counts by reason after more were added."""
    if not added:
        return stored
    counts: dict[str, int] = json.loads(stored)
    for reason, count in added.items():
        counts[reason] = counts.get(reason, 0) + count
    return to_json(counts)


def packed(cursors: Sequence[str]) -> str | None:
    """Cursors as text; runs of decimal ones (id lists) become pairs, so thousands of them stay short."""
    if not cursors:
        return None
    numbers = sorted(int(cursor) for cursor in cursors if _is_number(cursor))
    others = [cursor for cursor in cursors if not _is_number(cursor)]
    return to_json({"ranges": _ranges(numbers), "others": others})


def unpacked(text: str | None) -> frozenset[str]:
    """The cursors that `packed` was given."""
    if text is None:
        return frozenset()
    found: dict[str, Any] = json.loads(text)
    numbers = (str(number) for low, high in found["ranges"] for number in range(low, high + 1))
    return frozenset([*numbers, *found["others"]])


def _is_number(cursor: str) -> bool:
    # Only the canonical form: "007" must come back as it was.
    return cursor.isascii() and cursor.isdigit() and len(cursor) < 19 and str(int(cursor)) == cursor


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
