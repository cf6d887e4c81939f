"""The list of jobs: filtered, sorted and paged in the database, and how many there are of which."""

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    RowMapping,
    Select,
    Text,
    func,
    literal_column,
    select,
    text,
    tuple_,
)

from retrograph.errors import UsageError
from retrograph.jobs.job import NO_GRAPH
from retrograph.jobs.queries import JobPage, JobQuery, JobTally
from retrograph.jobs.sql.rows import JOB_COLUMNS, job_of, to_json
from retrograph.jobs.sql.searching import Search
from retrograph.jobs.state import JobState
from retrograph.jobs.text import MESSAGE_LENGTH, stored
from retrograph.store.engine import Database
from retrograph.store.tables import PLACES, jobs

_OF_TEXT: Final = frozenset({"key", "kind", "state", "created_by", "credentials", "message"})
SORTS: Final[Mapping[str, ColumnElement[Any]]] = {
    name: literal_column(place, Text() if name in _OF_TEXT else Float() if name == "rate" else BigInteger())
    for name, place in PLACES.items()
}
"""What a list can be sorted by, in the very words of the indexes."""

_TROUBLED: Final[ColumnElement[Any]] = literal_column("jobs.needs_attention")
"""In the very words of its index, without a type: SQLite does not see that a comparison with true says the same."""

MOST_PER_PAGE: Final = 1_000
LOOKED_THROUGH: Final = 1_000
SORTED: Final = 20_000
"""More jobs than that are not sorted for one page: they are walked in the order's index instead."""
_GREATEST: Final = 2**63 - 1

_IN_MEMORY: Final = text("SET LOCAL random_page_cost = 1.1")
"""To PostgreSQL: a few thousand rows by an index cost less than the whole table, because the list is in memory. What
it assumes by itself is true of disks that turn."""


def page(database: Database, connection: Connection, query: JobQuery) -> JobPage:
    """See `JobStore.page`.

    Where there are filters, the first thousand jobs in the wanted order are looked through: what many jobs fit is
    found there. What few fit is looked up by the filters instead, and sorted. Where many fit and none of them is near
    the beginning, the order is walked on: sorting a hundred thousand takes longer.
    """
    name = query.sort.removeprefix("-")
    if name not in SORTS:
        known = ", ".join(SORTS)
        raise UsageError(f"jobs cannot be sorted by {name[:50]!r}; by {known} they can, '-' reverses", field="sort")
    if not database.embedded:
        connection.execute(_IN_MEMORY)
    limit = min(max(1, query.limit), MOST_PER_PAGE)
    order = _Order(SORTS[name], query)
    search = None
    if query.search:
        search = Search(database, connection, query.search, archived=query.archived)
    conditions = _conditions(query)
    if search is not None:
        conditions.append(search.condition)
    rows: Sequence[RowMapping] | None = None
    if not conditions or query.archived or order.filtered:
        rows = _walked(connection, order, conditions, limit + 1)
    else:
        rows = _looked_through(connection, order, query, search, limit + 1)
    if rows is None and search is None and _many(connection, conditions):
        rows = _walked(connection, order, _conditions(query, ordered=True), limit + 1)
    if rows is None:
        rows = _looked_up(connection, order, query, search, limit + 1)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return JobPage(
        jobs=[job_of(row) for row in shown],
        next=None if last is None else _sealed(query.sort, last["place"], last["job_id"]),
    )


class _Order:
    """The order of a list, and where its page begins."""

    def __init__(self, place: ColumnElement[Any], query: JobQuery) -> None:
        self.place = place
        self._query = query
        self._descending = query.sort.startswith("-")
        self._after = None if query.after is None else _opened(query.after, query.sort)

    @property
    def filtered(self) -> bool:
        """Whether it is the sorted column that is filtered: then one index does both."""
        query, name = self._query, self._query.sort.removeprefix("-")
        ranged = query.created_after is not None or query.created_before is not None
        return (
            (name == "state" and bool(query.states))
            or (name == "kind" and query.kind is not None)
            or (name == "credentials" and query.credentials is not None)
            or (name == "created_at" and ranged)
        )

    def begun(self, wanted: Select[Any]) -> Select[Any]:
        """Only what lies after the page before, and not in the archive, or only there."""
        archived = jobs.c.archived_at
        wanted = wanted.where(archived.is_not(None) if self._query.archived else archived.is_(None))
        if self._after is None:
            return wanted
        here = tuple_(self.place, jobs.c.job_id)
        return wanted.where(here < self._after if self._descending else here > self._after)

    def first(self, wanted: Select[Any], count: int) -> Select[Any]:
        """So many of them."""
        return wanted.order_by(*self.by(self.place)).limit(count)

    def by(self, place: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
        """The order, of a column that stands for the place."""
        if self._descending:
            return place.desc(), jobs.c.job_id.desc()
        return place, jobs.c.job_id


def _read(connection: Connection, ids: Select[Any], order: _Order) -> Sequence[RowMapping]:
    """The rows of these jobs, in order: sorting handles ids alone, because rows are long."""
    found = ids.subquery("found")
    rows = select(*JOB_COLUMNS, order.place.label("place")).join(found, found.c.job_id == jobs.c.job_id)
    return connection.execute(rows.order_by(*order.by(order.place))).mappings().all()


def _walked(
    connection: Connection, order: _Order, conditions: Sequence[ColumnElement[bool]], count: int
) -> Sequence[RowMapping]:
    """The page, out of the index of its order."""
    return _read(connection, order.first(order.begun(select(jobs.c.job_id).where(*conditions)), count), order)


def _many(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> bool:
    """Whether more jobs fit than are worth sorting."""
    fitting = select(jobs.c.job_id).where(jobs.c.archived_at.is_(None), *conditions).limit(SORTED + 1)
    return (connection.scalar(select(func.count()).select_from(fitting.subquery())) or 0) > SORTED


def _looked_through(
    connection: Connection, order: _Order, query: JobQuery, search: Search | None, count: int
) -> Sequence[RowMapping] | None:
    """The page, if the first jobs in order hold it; `None` where that is not known."""
    conditions = _conditions(query, ordered=True)
    if search is not None:
        conditions.append(search.condition)
    first = order.first(order.begun(select(jobs.c.job_id)), LOOKED_THROUGH).cte("first").prefix_with("MATERIALIZED")
    ids = select(jobs.c.job_id).join(first, first.c.job_id == jobs.c.job_id).where(*conditions)
    rows = _read(connection, order.first(ids, count), order)
    if len(rows) == count:
        return rows
    seen = connection.scalar(select(func.count()).select_from(first)) or 0
    return rows if seen < LOOKED_THROUGH else None


def _looked_up(
    connection: Connection, order: _Order, query: JobQuery, search: Search | None, count: int
) -> Sequence[RowMapping]:
    """The page out of all that fit, found without the order's index."""
    wanted = select(jobs.c.job_id)
    if search is not None:
        found = search.found.cte("searched").prefix_with("MATERIALIZED")
        wanted = wanted.join(found, found.c.job_id == jobs.c.job_id)
    fitting = wanted.where(*_conditions(query), jobs.c.archived_at.is_(None)).cte("fitting").prefix_with("MATERIALIZED")
    ids = select(jobs.c.job_id).join(fitting, fitting.c.job_id == jobs.c.job_id)
    return _read(connection, order.first(order.begun(ids), count), order)


def tally(connection: Connection, kind: str | None) -> JobTally:
    """See `JobStore.tally`."""
    groups = (jobs.c.state, jobs.c.kind, jobs.c.needs_attention, jobs.c.graph_id)  # as in their index
    wanted = select(*groups, func.count()).where(jobs.c.archived_at.is_(None)).group_by(*groups)
    holders = select(jobs.c.holder).where(jobs.c.holder.is_not(None))
    if kind is not None:
        kind = kind.replace("\0", "")
        wanted, holders = wanted.where(jobs.c.kind == kind), holders.where(jobs.c.kind == kind)
    states: Counter[JobState] = Counter()
    kinds: Counter[str] = Counter()
    attention = dry_runs = 0
    for state, of_kind, needs_attention, graph_id, count in connection.execute(wanted):
        states[JobState(state)] += count
        kinds[of_kind] += count
        attention += count if needs_attention else 0
        dry_runs += count if graph_id == NO_GRAPH else 0
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


def _conditions(query: JobQuery, *, ordered: bool = False) -> list[ColumnElement[bool]]:
    """What a query asks for besides the archive and a search. `ordered`: for jobs that come out of the order's index,
    in words that no other index has, or SQLite would rather take the ninety thousand jobs of a state and sort them."""

    def of(column: Column[str]) -> ColumnElement[str]:
        return func.coalesce(column, "") if ordered else column

    found: list[ColumnElement[bool]] = []
    if query.states:
        found.append(of(jobs.c.state).in_(sorted(query.states)))
    if query.kind is not None:
        found.append(of(jobs.c.kind) == query.kind.replace("\0", ""))
    if query.credentials is not None:
        found.append(of(jobs.c.credentials) == query.credentials.replace("\0", ""))
    if query.created_after is not None:
        found.append(jobs.c.created_at >= query.created_after)
    if query.created_before is not None:
        found.append(jobs.c.created_at < query.created_before)
    if query.needs_attention is not None:
        found.append(_TROUBLED if query.needs_attention else ~jobs.c.needs_attention)
    if query.dry_run is not None:
        found.append((jobs.c.graph_id == NO_GRAPH) if query.dry_run else (jobs.c.graph_id != NO_GRAPH))
    return found


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
        return isinstance(value, str) and value == stored(value, MESSAGE_LENGTH)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _GREATEST
