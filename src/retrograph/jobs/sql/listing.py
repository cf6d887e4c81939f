"""The list of jobs: filtered, sorted and paged in the database, and how many there are of which."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Float, Select, cast, func, or_, select, tuple_

from retrograph.errors import UsageError
from retrograph.jobs.job import NO_GRAPH
from retrograph.jobs.queries import JobPage, JobQuery, JobTally
from retrograph.jobs.sql.rows import JOB_COLUMNS, job_of, to_json
from retrograph.jobs.state import JobState
from retrograph.store.tables import jobs

_SCANNED: Final = jobs.c.processed + jobs.c.failed + jobs.c.skipped
SORTS: Final[Mapping[str, ColumnElement[Any]]] = {
    "created_at": jobs.c.created_at,
    "updated_at": jobs.c.updated_at,
    "key": jobs.c.key,
    "kind": jobs.c.kind,
    "state": jobs.c.state,
    "processed": jobs.c.processed,
    "failed": jobs.c.failed,
    "skipped": jobs.c.skipped,
    "created_by": jobs.c.created_by,
    "rate": func.coalesce(jobs.c.rate, -1.0),
    "percent": func.coalesce(cast(_SCANNED, Float) / func.nullif(jobs.c.total, 0), -1.0),
    "message": func.coalesce(jobs.c.message, ""),
}
"""What a list can be sorted by. Nothing may be NULL here: a page begins after a value."""

_OF_TEXT: Final = frozenset({"key", "kind", "state", "created_by", "message"})
MOST_PER_PAGE: Final = 1_000
_LONGEST_SEARCH: Final = 200
_GREATEST: Final = 2**63 - 1


def page(connection: Connection, query: JobQuery) -> JobPage:
    """See `JobStore.page`."""
    limit = min(max(1, query.limit), MOST_PER_PAGE)
    name, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    if name not in SORTS:
        known = ", ".join(SORTS)
        raise UsageError(f"jobs cannot be sorted by {name[:50]!r}; by {known} they can, '-' reverses", field="sort")
    place = SORTS[name]
    wanted = _filtered(select(*JOB_COLUMNS, place.label("place")), query)
    if query.after is not None:
        last, here = _opened(query.after, query.sort), tuple_(place, jobs.c.job_id)
        wanted = wanted.where(here < last if descending else here > last)
    order = (place.desc(), jobs.c.job_id.desc()) if descending else (place, jobs.c.job_id)
    rows = (connection.execute(wanted.order_by(*order).limit(limit + 1))).mappings().all()
    shown = rows[:limit]
    further = len(rows) > limit
    return JobPage(
        jobs=[job_of(row) for row in shown],
        next=_sealed(query.sort, shown[-1]["place"], shown[-1]["job_id"]) if further else None,
    )


def tally(connection: Connection, kind: str | None) -> JobTally:
    """See `JobStore.tally`."""
    groups = (jobs.c.state, jobs.c.kind, jobs.c.needs_attention, jobs.c.graph_id == NO_GRAPH)
    wanted = select(*groups, func.count()).where(jobs.c.archived_at.is_(None)).group_by(*groups)
    holders = select(jobs.c.holder).where(jobs.c.holder.is_not(None))
    if kind is not None:
        wanted, holders = wanted.where(jobs.c.kind == kind), holders.where(jobs.c.kind == kind)
    states: Counter[JobState] = Counter()
    kinds: Counter[str] = Counter()
    attention = dry_runs = 0
    for state, of_kind, needs_attention, dry_run, count in connection.execute(wanted):
        states[JobState(state)] += count
        kinds[of_kind] += count
        attention += count if needs_attention else 0
        dry_runs += count if dry_run else 0
    held = Counter(process_of(holder) for holder in connection.scalars(holders))
    return JobTally(
        total=states.total(),
        by_state=dict(states),
        by_kind=dict(kinds),
        needs_attention=attention,
        dry_runs=dry_runs,
        held_by=dict(held),
    )


def process_of(holder: str) -> str:
    """The process that a holder's name begins with: each of its claims has added a number."""
    return holder.rpartition(":")[0] or holder


def _filtered(wanted: Select[Any], query: JobQuery) -> Select[Any]:
    wanted = wanted.where(jobs.c.archived_at.is_not(None) if query.archived else jobs.c.archived_at.is_(None))
    if query.search:
        wanted = wanted.where(_found(query.search))
    if query.states:
        wanted = wanted.where(jobs.c.state.in_(sorted(query.states)))
    if query.kind is not None:
        wanted = wanted.where(jobs.c.kind == query.kind)
    if query.created_after is not None:
        wanted = wanted.where(jobs.c.created_at >= query.created_after)
    if query.created_before is not None:
        wanted = wanted.where(jobs.c.created_at < query.created_before)
    if query.needs_attention is not None:
        wanted = wanted.where(jobs.c.needs_attention.is_(query.needs_attention))
    if query.dry_run is not None:
        wanted = wanted.where((jobs.c.graph_id == NO_GRAPH) if query.dry_run else (jobs.c.graph_id != NO_GRAPH))
    return wanted


def _found(search: str) -> ColumnElement[bool]:
    text = search.strip().lower().replace("\0", "")[:_LONGEST_SEARCH]
    columns = (jobs.c.key, jobs.c.created_by, func.coalesce(jobs.c.message, ""))
    return or_(jobs.c.job_id == text, *(func.lower(column).contains(text, autoescape=True) for column in columns))


def _sealed(sort: str, value: object, job_id: str) -> str:
    return base64.urlsafe_b64encode(to_json([sort, value, job_id]).encode()).decode().rstrip("=")


def _opened(after: str, sort: str) -> tuple[Any, str]:
    try:
        made_for, value, job_id = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise UsageError("'after' is not the 'next' of a page", field="after") from None
    if made_for != sort or not _fits(sort, value) or not isinstance(job_id, str) or "\0" in job_id:
        raise UsageError("'after' belongs to a list that is sorted otherwise", field="after")
    return value, job_id


def _fits(sort: str, value: object) -> bool:
    """Whether a database can compare that with the column: whoever made it up may have written anything."""
    if sort.removeprefix("-") in _OF_TEXT:
        return (isinstance(value, str) and "\0" not in value and value.isprintable()) or value == ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _GREATEST
